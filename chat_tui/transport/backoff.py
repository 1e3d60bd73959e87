"""How long to wait before the next try to come back."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

INITIAL_SECONDS: Final = 1.0
"""Seconds before the first try."""

MAX_SECONDS: Final = 30.0
"""Seconds that no pause exceeds."""

RESET_AFTER_SECONDS: Final = 60.0
"""Seconds of a session after which the pauses begin anew. A server that takes us in and drops us
at once, again and again, must not be asked every second."""


class Backoff:
    """Growing pauses, each drawn from the upper half of its length.

    A thousand clients that lost the same server must not all come back in the same moment.
    """

    def __init__(self, random_fraction: Callable[[], float] = random.random) -> None:
        """`draw` gives numbers from 0 to 1."""
        self._random = random_fraction
        self._length = INITIAL_SECONDS

    def next_delay(self) -> float:
        """Seconds to wait before the next try."""
        pause = self._length * (0.5 + 0.5 * self._random())
        self._length = min(self._length * 2, MAX_SECONDS)
        return pause

    def session_ended(self, lasted: float) -> None:
        """A session is over that lasted so many seconds."""
        if lasted >= RESET_AFTER_SECONDS:
            self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._length = INITIAL_SECONDS

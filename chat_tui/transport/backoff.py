"""Backoff: delays between reconnect attempts."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

INITIAL_SECONDS: Final = 1.0
"""Seconds before the first attempt."""

MAX_SECONDS: Final = 30.0
"""Maximum delay in seconds."""

RESET_AFTER_SECONDS: Final = 60.0
"""Seconds of a session after which the delays start from the beginning. A server that accepts the
client and drops it at once, again and again, must not be dialed every second."""


class Backoff:
    """Exponential delays, each drawn at random from the upper half of its length.

    The jitter keeps a thousand clients that lost the same server from reconnecting all at once.
    """

    def __init__(self, random_fraction: Callable[[], float] = random.random) -> None:
        """`random_fraction` returns numbers from 0 to 1."""
        self._random = random_fraction
        self._length = INITIAL_SECONDS

    def next_delay(self) -> float:
        """Return the seconds to wait before the next attempt. The next delay is longer."""
        delay = self._length * (0.5 + 0.5 * self._random())
        self._length = min(self._length * 2, MAX_SECONDS)
        return delay

    def session_ended(self, lasted: float) -> None:
        """Reset the delays if the session lasted long enough. `lasted` is in seconds."""
        if lasted >= RESET_AFTER_SECONDS:
            self.reset()

    def reset(self) -> None:
        """Start from the initial delay again."""
        self._length = INITIAL_SECONDS

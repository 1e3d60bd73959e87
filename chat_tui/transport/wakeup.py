"""One wake-up for many arrivals."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Wakeup:
    """Calls `wake` once for all that happens until the screen's thread answers.

    A flood would otherwise fill the screen's queue with wake-ups, and starve its keys.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` is called from the thread that rings, without any lock held."""
        self._wake = wake
        self._lock = threading.Lock()
        self._pending = False

    def notify(self) -> None:
        """Something is there to be taken. Any thread."""
        with self._lock:
            if self._pending:
                return
            self._pending = True
        self._wake()

    def clear(self) -> None:
        """The screen's thread begins to look: what comes from here on rings again."""
        with self._lock:
            self._pending = False

    def suppress(self) -> None:
        """The screen's thread will look again by itself: nothing has to ring before that."""
        with self._lock:
            self._pending = True

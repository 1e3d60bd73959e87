"""Wakeup: one call for many events."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Wakeup:
    """One call of `wake` for everything that happens until the screen's thread responds.

    Without this, a flood of lines would fill the screen's queue with wakeups and delay its keys.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` is called from the notifying thread, without a lock held."""
        self._wake = wake
        self._lock = threading.Lock()
        self._pending = False

    def notify(self) -> None:
        """Wake the screen's thread: there is something to process. Any thread may call it."""
        with self._lock:
            if self._pending:
                return
            self._pending = True
        self._wake()

    def clear(self) -> None:
        """Rearm. The screen's thread calls it before it processes: later events wake it again."""
        with self._lock:
            self._pending = False

    def suppress(self) -> None:
        """Do not wake until the next `clear`: the screen's thread will process again by itself."""
        with self._lock:
            self._pending = True

"""How far the reader of the log is, for the threads that wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from chat_server.backplane.log_events import RedisUnreachableError

_POLL: Final = 0.05
"""Seconds between two looks at whether a thread that waits has to give up."""


class ReadProgress:
    """The reader notes what it has done; other threads wait for that."""

    def __init__(self, position: Callable[[], int], stopping: threading.Event) -> None:
        """`position()`: the last stamp that was applied. `stopping`: ends every wait."""
        self._position = position
        self._stopping = stopping
        self._moved = threading.Condition()
        self._checks_done = 0
        self.checks_wanted = 0
        """How often the reader was asked to compare the log with what it has read."""

    @property
    def is_check_wanted(self) -> bool:
        """Return whether another thread waits for a check."""
        return self._checks_done < self.checks_wanted

    def moved(self) -> None:
        """The position has changed. The reader's thread."""
        with self._moved:
            self._moved.notify_all()

    def checked(self, wanted: int) -> None:
        """All checks are done that were wanted when `checks_wanted` was read. As above."""
        with self._moved:
            self._checks_done = wanted
            self._moved.notify_all()

    def check_again(self, timeout: float, gives_up: Callable[[], bool]) -> None:
        """Let the reader compare the log with what it has read, and wait for that.

        After the log has lost something, the reader may not have noticed it yet. Raises
        `BackplaneError` after `timeout` seconds, or soon after `gives_up()` is true.
        """
        with self._moved:
            self.checks_wanted += 1
            wanted = self.checks_wanted
        self._wait(lambda: self._checks_done >= wanted, timeout, gives_up)

    def wait_for(
        self, stamp: int, timeout: float, gives_up: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until all entries up to a stamp are applied. Raises `BackplaneError` as above."""
        self._wait(lambda: self._position() >= stamp, timeout, gives_up)

    def _wait(
        self, condition: Callable[[], bool], timeout: float, gives_up: Callable[[], bool]
    ) -> None:
        deadline = time.monotonic() + timeout
        with self._moved:
            while not condition():
                if self._stopping.is_set() or gives_up() or time.monotonic() >= deadline:
                    raise RedisUnreachableError("the log was not read in time")
                self._moved.wait(_POLL)

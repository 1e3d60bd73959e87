"""Turns of the client threads that read pages, so that many requests do not delay live messages.

A page costs less than a millisecond, but the interpreter runs one thread at a time. A live message
to 100 receivers needs it 100 times, and each time waits for the threads that read pages. So one
thread at a time reads a page. While others wait for their turn, it then sleeps for as long as the
page took, and the interpreter is free.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_MAX_PAUSE: Final = 0.01
"""Longest sleep after a page, in seconds. A page that took longer has waited for the disk."""


class PageTurns:
    """Lets one thread at a time read a page. Any thread may call any method."""

    def __init__(self, max_wait: float) -> None:
        """`max_wait`: seconds after which the reply would be that the history is not available."""
        self._unhurried = max_wait / 2
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        """A leaf lock for `_waiting`."""
        self._waiting = 0

    @contextmanager
    def take(self, deadline: float) -> Iterator[bool]:
        """Take a turn for the body. Yield False, without a turn, if there was none in time.

        `deadline`: of `time.monotonic`.
        """
        began = time.monotonic()
        self._count(1)
        has_turn = self._turn.acquire(timeout=max(0.0, deadline - began))
        self._count(-1)
        if not has_turn:
            yield False
            return
        waited = time.monotonic() - began
        used = time.thread_time()
        try:
            yield True
        finally:
            # Once clients have waited for long, all that counts is that they get their pages.
            if self._waiting and waited < self._unhurried:
                time.sleep(min(_MAX_PAUSE, time.thread_time() - used))
            self._turn.release()

    def _count(self, change: int) -> None:
        with self._lock:
            self._waiting += change

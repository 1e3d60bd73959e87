"""Whether Redis answers, for two threads that find that out, and how far the reader is."""

from __future__ import annotations

import threading
import time
from typing import Final

from chat_server.backplane.log_events import LogEvents

PAUSES: Final = (0.02, 0.1, 0.25, 0.5)
"""Seconds until the next attempt. The last one is repeated: soon enough after a restart of Redis,
and no storm of logins that fail."""


class Side:
    """The connection of one thread. Only this thread calls the methods."""

    def __init__(self, link: LinkState) -> None:
        self._link = link
        self.answered_at = time.monotonic()
        """When Redis last answered, or was asked after a pause."""
        self.down_since: float | None = None
        self._failures = 0

    def asks(self) -> None:
        """This thread asks Redis again, after it may have had nothing to ask for a while.

        Redis was not away meanwhile, so a cut that is noticed now is not as old as the last answer.
        """
        if self.down_since is None:
            self.answered_at = time.monotonic()

    def answered(self) -> None:
        """Redis has answered, and does what this thread asks of it."""
        self.answered_at = time.monotonic()
        if self.down_since is not None:
            self.down_since = None
            self._failures = 0
            self._link.recovered(self.answered_at)

    def failed(self, why: str) -> float:
        """The connection is lost. Return the seconds until the next attempt."""
        if self.down_since is None:
            self.down_since = self.answered_at
        self._link.report(why)
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        return pause


class LinkState:
    """The state of both connections. Any thread may read it."""

    def __init__(self, events: LogEvents) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._reported = ""
        self._away_total = 0.0
        self._away_since: float | None = None
        self.reader = Side(self)
        self.writer = Side(self)
        self.reconnects = 0

    def away_seconds(self) -> float:
        """Return for how long Redis has not answered one of the threads. 0: it answers both."""
        since = self._down_since()
        return 0.0 if since is None else max(0.001, time.monotonic() - since)

    def away_total(self) -> float:
        """Return the seconds without Redis since the start."""
        return self._away_total + self.away_seconds()

    def report(self, why: str) -> None:
        """Report an error, once until it works again or until the error is another one."""
        with self._lock:
            if self._away_since is None:
                self._away_since = self._down_since()
            is_new, self._reported = why != self._reported, why
        if is_new:
            self._events.redis_unreachable(why)

    def recovered(self, now: float) -> None:
        """One of the threads is connected again. Report it once both are."""
        with self._lock:
            since = self._away_since
            if since is None or self._down_since() is not None:
                return
            self._away_since, self._reported = None, ""
            self._away_total += now - since
        self._events.redis_connected(now - since)

    def _down_since(self) -> float | None:
        times = [side.down_since for side in (self.reader, self.writer)]
        return min((each for each in times if each is not None), default=None)

"""Whether Redis answers, for two threads that find that out, and how far the reader is."""

from __future__ import annotations

import threading
import time
from typing import Final

from chat_server.backplane.log_events import LogEvents, RedisUnreachableError

PAUSES: Final = (0.02, 0.1, 0.25, 0.5)
"""Seconds until the next attempt. The last one is repeated: soon enough after a restart of Redis,
and no storm of logins that fail."""


class Side:
    """The connection of one thread. Only this thread calls the methods."""

    def __init__(self, link: LinkState) -> None:
        self._link = link
        self.answered_at = time.monotonic()
        """When Redis last answered, or was asked after a pause."""
        self.must_answer = False
        """Redis was away, and has not answered this thread since. Other threads set it."""
        self._failures = 0

    def asks(self) -> None:
        """This thread asks Redis again, after it may have had nothing to ask for a while.

        Redis was not away meanwhile, so a cut that is noticed now is not as old as the last answer.
        """
        if not self.must_answer:
            self.answered_at = time.monotonic()

    def answered(self) -> None:
        """Redis has answered, and does what this thread asks of it."""
        self.answered_at = time.monotonic()
        if self.must_answer:
            self.must_answer = False
            self._failures = 0
            self._link.recovered(self.answered_at)

    def failed(self, error: Exception) -> float:
        """The connection is lost. Return the seconds until the next attempt."""
        self._link.failed(error, self.answered_at)
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        return pause


class LinkState:
    """The state of both connections. Any thread may read it.

    An outage begins when one of them fails, and ends when Redis has answered both: a connection
    that was cut as well may be idle, and notices that only when it is used.
    """

    def __init__(self, events: LogEvents) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._reported: set[str] = set()
        """The causes of the outage that were reported."""
        self._away_total = 0.0
        self._away_since: float | None = None
        self.reader = Side(self)
        self.writer = Side(self)
        self.reconnects = 0

    def away_seconds(self) -> float:
        """Return for how long Redis has not answered one of the threads. 0: it answers both."""
        since = self._away_since
        return 0.0 if since is None else max(0.001, time.monotonic() - since)

    def away_total(self) -> float:
        """Return the seconds without Redis since the start."""
        return self._away_total + self.away_seconds()

    def failed(self, error: Exception, answered_at: float) -> None:
        """Note an error, and report it if it begins an outage.

        A later error is reported as well, once, if only an operator can end it. `answered_at`: when
        Redis last answered this thread.
        """
        why = str(error)
        with self._lock:
            is_new = self._away_since is None
            if self._away_since is None:
                self._away_since = answered_at
            elif why not in self._reported:
                is_new = not isinstance(error, RedisUnreachableError)
            if is_new:
                self._reported.add(why)
            self.reader.must_answer = self.writer.must_answer = True
        if is_new:
            self._events.redis_unreachable(why)

    def recovered(self, now: float) -> None:
        """Redis has answered one of the threads again. Report it once it has answered both."""
        with self._lock:
            since = self._away_since
            if since is None or self.reader.must_answer or self.writer.must_answer:
                return
            self._away_since = None
            self._reported.clear()
            self._away_total += now - since
        self._events.redis_connected(now - since)

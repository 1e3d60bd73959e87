"""Refusals in the log: of each address one line a minute, so that a flood does not fill it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from chat_server.addresses import rate_limit_key
from chat_server.escape import format_address
from chat_server.observability.event_log import EventLog

_QUIET_SECONDS: Final = 60.0
"""After a line about an address: so long its further refusals are counted, not logged."""

_MAX_ADDRESSES: Final = 256
"""Addresses that are told apart at once, so most lines in any `_QUIET_SECONDS`. Beyond, refusals
are counted together, and the next line that is written tells how many they were."""

_MAX_REASONS: Final = 32
"""Different reasons that are counted apart; all others are counted as `other`."""


class RejectionLog:
    """Tells the log of connections that were refused. Any thread; its lock is a leaf."""

    def __init__(self, log: EventLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        # When the last line about an address was written, and what was not; the newest is last.
        self._lines: dict[bytes | str, list[float]] = {}
        self._untracked = 0
        self._counts: Counter[str] = Counter()

    def counts(self) -> Counter[str]:
        """How many connections were refused, by the reason, whether or not a line told of it."""
        with self._lock:
            return self._counts.copy()

    def record(self, host: str, port: int, reason: str) -> None:
        """A connection from `host` was refused. Logs at most a line a minute for each address."""
        block = rate_limit_key(host)
        with self._lock:
            known = reason in self._counts or len(self._counts) < _MAX_REASONS
            self._counts[reason if known else "other"] += 1
            now = self._clock()
            line = self._lines.get(block)
            if line is not None and now - line[0] < _QUIET_SECONDS:
                line[1] += 1
                return
            if line is None and not self._has_room(now):
                self._untracked += 1
                return
            unsaid = 0 if line is None else int(line[1])
            self._lines.pop(block, None)
            self._lines[block] = [now, 0]
            elsewhere, self._untracked = self._untracked, 0
        self._log.refused(format_address(host, port), reason, unsaid, elsewhere)

    def _has_room(self, now: float) -> bool:
        """Make room for one more address where that can be. Holds the lock."""
        while len(self._lines) >= _MAX_ADDRESSES:
            oldest = next(iter(self._lines))
            written, unsaid = self._lines[oldest]
            if now - written < _QUIET_SECONDS:
                return False
            del self._lines[oldest]
            self._untracked += int(unsaid)
        return True

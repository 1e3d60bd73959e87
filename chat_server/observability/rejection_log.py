"""The log of rejected connections: one line a minute per address, so that no flood fills it."""

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
"""After a line about an address, its further rejections are counted, not logged, for this long."""

_MAX_ADDRESSES: Final = 256
"""Most addresses that are distinguished at once, and so most lines in any `_QUIET_SECONDS`.
Rejections of further addresses are counted together, and the next line that is written reports
their number."""

_MAX_REASONS: Final = 32
"""Most reasons that are counted separately. All others are counted as `other`."""


class RejectionLog:
    """The log and counts of rejected connections. Any thread may use it. Its lock is a leaf."""

    def __init__(self, log: EventLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        # By address: the time of its last line, and the rejections since. The newest is last.
        self._lines: dict[bytes | str, list[float]] = {}
        self._untracked = 0
        self._counts: Counter[str] = Counter()

    def counts(self) -> Counter[str]:
        """Return how many connections were rejected, by reason, whether or not they were logged."""
        with self._lock:
            return self._counts.copy()

    def record(self, host: str, port: int, reason: str) -> None:
        """Record a rejected connection from `host`. Log at most one line a minute per address."""
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
            unlogged = 0 if line is None else int(line[1])
            self._lines.pop(block, None)
            self._lines[block] = [now, 0]
            elsewhere, self._untracked = self._untracked, 0
        self._log.refused(format_address(host, port), reason, unlogged, elsewhere)

    def _has_room(self, now: float) -> bool:
        """Evict old addresses, and return whether there is room for one more. Hold the lock."""
        while len(self._lines) >= _MAX_ADDRESSES:
            oldest = next(iter(self._lines))
            written, unlogged = self._lines[oldest]
            if now - written < _QUIET_SECONDS:
                return False
            del self._lines[oldest]
            self._untracked += int(unlogged)
        return True

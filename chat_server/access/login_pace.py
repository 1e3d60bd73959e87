"""The pace of logins: an account that logs in again and again is slowed, not rejected."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from chat_server.access.rate_limits import MAX_TRACKED_ADDRESSES


class LoginPace:
    """The successful logins of each key: `burst` at once, then one each `interval` seconds.

    Only successful logins count. So a user cannot slow another user's logins without the password.
    Any thread may call it. The lock is a leaf.
    """

    def __init__(
        self,
        burst: int,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
        max_keys: int = MAX_TRACKED_ADDRESSES,
    ) -> None:
        """`burst` 0: no limit. `max_keys` bounds the table."""
        self._burst = burst
        self._interval = interval
        self._clock = clock
        self._max_keys = max_keys
        self._lock = threading.Lock()
        # The time at which the last login is paid for. Ordered by the last login; the newest last.
        self._paid_at: OrderedDict[Hashable, float] = OrderedDict()

    def delay(self, key: Hashable) -> float:
        """Return the seconds until the next login of `key` may proceed, or 0.0."""
        if self._burst <= 0:
            return 0.0
        with self._lock:
            now = self._clock()
            return max(0.0, self._paid_at.get(key, now) - now - (self._burst - 1) * self._interval)

    def record(self, key: Hashable) -> None:
        """Count a successful login."""
        if self._burst <= 0:
            return
        with self._lock:
            now = self._clock()
            paid_at = max(self._paid_at.get(key, now), now) + self._interval
            # Logins that were admitted together may exceed the pace. The delay stays bounded.
            self._paid_at[key] = min(paid_at, now + 2 * self._burst * self._interval)
            self._paid_at.move_to_end(key)
            for _ in range(2):
                oldest = next(iter(self._paid_at))
                if len(self._paid_at) <= self._max_keys and self._paid_at[oldest] > now:
                    return
                del self._paid_at[oldest]

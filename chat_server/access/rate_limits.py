"""How much one address may do: failed logins, connections at once, connections without a login.

Addresses are told apart as `addresses.block_of` says: IPv6 by /64. Every table here is bounded,
whoever knocks: where one is full, the address is forgotten whose last event is longest ago. What
that gives an attacker: one who owns more than `MAX_TRACKED_ADDRESSES` addresses, and lets each of
them fail, gets the first ones forgotten a little before their ten minutes are over. With so many
addresses nobody needs that: each has its own allowance anyway.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from chat_server.addresses import Network, is_within, rate_limit_key

MAX_TRACKED_ADDRESSES: Final = 65_536
"""Most addresses in each table of past events. About 20 MB for failed logins and 30 MB for
connections without a login, at worst: where every one of them has used up its allowance."""


class SlidingWindow:
    """The times of each address's last events: at most `limit` of them, within `window`.

    Belongs to one of the limits below and is called under its lock.
    """

    __slots__ = ("_limit", "_max_keys", "_times", "_window")

    def __init__(self, limit: int, window: float, max_keys: int) -> None:
        """`window` in seconds; `remembered`: most addresses that are held."""
        self._limit = limit
        self._window = window
        self._max_keys = max_keys
        # The address whose last event is the newest is last.
        self._times: OrderedDict[bytes | str, array[float]] = OrderedDict()

    def retry_after(self, key: bytes | str, now: float) -> float:
        """Seconds until `block` has had fewer than `limit` events in the window; 0.0: now."""
        times = self._times.get(key)
        if times is None:
            return 0.0
        while times and now - times[0] >= self._window:
            times.pop(0)
        if not times:
            del self._times[key]
            return 0.0
        return times[0] + self._window - now if len(times) >= self._limit else 0.0

    def add(self, key: bytes | str, now: float) -> None:
        """Note an event, instead of the oldest one where `limit` of them are noted already."""
        times = self._times.get(key)
        if times is None:
            self._times[key] = array("d", (now,))
            self._evict(now)
            return
        if len(times) >= self._limit:
            times.pop(0)
        times.append(now)
        self._times.move_to_end(key)

    def _evict(self, now: float) -> None:
        """Two that are over for each that comes: so what a spray left is gone soon after it."""
        for _ in range(2):
            oldest = next(iter(self._times))
            over = now - self._times[oldest][-1] >= self._window
            if not over and len(self._times) <= self._max_keys:
                return
            del self._times[oldest]


class LoginThrottle:
    """Counts the failed logins of each address: `limit` of them in any `window` are let through.

    May be called from any thread. Its lock is a leaf: nothing else is taken while it is held.
    """

    def __init__(
        self,
        limit: int,
        window: float,
        clock: Callable[[], float] = time.monotonic,
        max_addresses: int = MAX_TRACKED_ADDRESSES,
    ) -> None:
        """`limit` failures, 0 for no limit, in `window` seconds; `remembered` bounds the table."""
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = SlidingWindow(limit, window, max_addresses)

    def retry_after(self, address: str) -> float:
        """Seconds until a login from `address` may be tried again; 0.0: now.

        To be asked when the login's turn to hash has come, so that a right login which only
        waited its turn is not refused for what happens at the same time (section 2).
        """
        if self._limit <= 0:
            return 0.0
        block = rate_limit_key(address)
        with self._lock:
            return self._failures.retry_after(block, self._clock())

    def record_failure(self, address: str) -> float:
        """The hash of a login from `address` has said no. Returns 0.0 where that was counted.

        Several logins of one address may be hashed at the same time and all have been let in by
        the last free place. Those that come out too late are not counted, and the seconds are
        returned for which they are to be refused: so no more than `limit` are ever told
        that authentication failed.
        """
        if self._limit <= 0:
            return 0.0
        block = rate_limit_key(address)
        with self._lock:
            now = self._clock()
            wait = self._failures.retry_after(block, now)
            if wait <= 0:
                self._failures.add(block, now)
            return wait


class ConnectionLimiter:
    """Counts the connections of each address: at most `limit` at once.

    May be called from any thread. Its lock is a leaf. The table holds no more addresses than
    there are connections.
    """

    def __init__(self, limit: int, exempt: tuple[Network, ...]) -> None:
        """`limit` connections, 0 for no limit; `exempt`: networks that have none."""
        self._limit = limit
        self._exempt = exempt
        self._lock = threading.Lock()
        self._connections: dict[bytes | str, int] = {}

    def admit(self, address: str) -> bool:
        """Count one more connection of `address`; False, and nothing counted, where it is full.

        Each True is answered by one `release`.
        """
        if self._is_exempt(address):
            return True
        block = rate_limit_key(address)
        with self._lock:
            connections = self._connections.get(block, 0)
            if connections >= self._limit:
                return False
            self._connections[block] = connections + 1
            return True

    def release(self, address: str) -> None:
        """A connection that was admitted has ended."""
        if self._is_exempt(address):
            return
        block = rate_limit_key(address)
        with self._lock:
            if self._connections[block] == 1:
                del self._connections[block]
            else:
                self._connections[block] -= 1

    def _is_exempt(self, address: str) -> bool:
        return self._limit <= 0 or is_within(address, self._exempt)


class UnauthenticatedLimiter:
    """Counts the connections of each address that ended without a login: `limit` in any `window`.

    A connection is counted when it ends, not when it begins: so a class of a hundred behind one
    address, which all come back at once after a restart and all log in, is never shut out. How
    many may be under way meanwhile is for `ConnectionLimiter` to say: an address that only
    knocks gets `limit` and that many in all. One that was refused was never let in, and does not
    count; else a client that comes back by itself would be shut out for ever.

    May be called from any thread. Its lock is a leaf.
    """

    def __init__(
        self,
        limit: int,
        window: float,
        exempt: tuple[Network, ...],
        clock: Callable[[], float] = time.monotonic,
        max_addresses: int = MAX_TRACKED_ADDRESSES,
    ) -> None:
        """`limit` connections, 0 for no limit, in `window` seconds; `exempt` networks have none.

        `remembered` bounds the table.
        """
        self._limit = limit
        self._exempt = exempt
        self._clock = clock
        self._lock = threading.Lock()
        self._recent = SlidingWindow(limit, window, max_addresses)

    def retry_after(self, address: str) -> float:
        """Seconds until `address` may connect again; 0.0: now."""
        if self._is_exempt(address):
            return 0.0
        block = rate_limit_key(address)
        with self._lock:
            return self._recent.retry_after(block, self._clock())

    def record_unauthenticated(self, address: str) -> None:
        """A connection of `address` that was let in has ended and had never logged in."""
        if self._is_exempt(address):
            return
        block = rate_limit_key(address)
        with self._lock:
            self._recent.add(block, self._clock())

    def _is_exempt(self, address: str) -> bool:
        return self._limit <= 0 or is_within(address, self._exempt)

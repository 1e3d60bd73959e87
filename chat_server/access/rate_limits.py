"""Limits per address: connections at once, connections without a login, and events in a window.

`addresses.rate_limit_key` groups addresses: IPv6 by /64. Every table here is bounded. A full table
evicts the address whose last event is the oldest. An attacker with more than
`MAX_TRACKED_ADDRESSES` addresses that all fail gets the first ones evicted a little before their
ten minutes are over. That gains nothing, because each of those addresses has its own allowance.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final

from chat_server.addresses import Network, blocks_of, is_within, rate_limit_key

MAX_TRACKED_ADDRESSES: Final = 65_536
"""Most addresses in each table of past events. If all of them have used up their allowance, failed
logins take about 20 MB and connections without a login 30 MB."""


BLOCK_FACTORS: Final = (1, 4, 16)
"""What an IPv6 /64, /56 and /48 may have of connections without a login, as multiples of the limit
of one address. An attacker gets a /48 with 65,536 /64s for nothing."""


class SlidingWindow:
    """Times of each address's last events: at most `limit` of them, within `window`.

    A limiter owns it and holds its lock during every call. A key is an address, or another value.
    """

    __slots__ = ("_limit", "_max_keys", "_times", "_window")

    def __init__(self, limit: int, window: float, max_keys: int) -> None:
        """`window` in seconds. `max_keys`: most addresses in the table."""
        self._limit = limit
        self._window = window
        self._max_keys = max_keys
        # Ordered by the last event; the newest is last.
        self._times: OrderedDict[Hashable, array[float]] = OrderedDict()

    def retry_after(self, key: Hashable, now: float) -> float:
        """Return the seconds until `key` has fewer than `limit` events in the window.

        Return 0.0 if it may proceed.
        """
        times = self._times.get(key)
        if times is None:
            return 0.0
        while times and now - times[0] >= self._window:
            times.pop(0)
        if not times:
            del self._times[key]
            return 0.0
        return times[0] + self._window - now if len(times) >= self._limit else 0.0

    def add(self, key: Hashable, now: float) -> None:
        """Record an event. If there are `limit` of them already, it replaces the oldest."""
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
        """Delete up to two expired keys for each new one, so a flood leaves nothing for long."""
        for _ in range(2):
            oldest = next(iter(self._times))
            expired = now - self._times[oldest][-1] >= self._window
            if not expired and len(self._times) <= self._max_keys:
                return
            del self._times[oldest]


class ConnectionLimiter:
    """Counts of the open connections of each address: at most `limit`.

    Any thread may call it. Its lock is a leaf. The table has at most as many addresses as there
    are connections.
    """

    def __init__(self, limit: int, exempt: tuple[Network, ...]) -> None:
        """`limit` connections, 0 for no limit. `exempt`: networks without a limit."""
        self._limit = limit
        self._exempt = exempt
        self._lock = threading.Lock()
        self._connections: dict[bytes | str, int] = {}

    def admit(self, address: str, strangers: Sequence[int] = ()) -> bool:
        """Count one more connection of `address`. Return False, uncounted, at a limit.

        `strangers`: the connections that have not logged in, in each of its blocks of
        `addresses.blocks_of`, the largest first. Larger blocks may have several times the limit of
        them. Call `release` once for each True.
        """
        if self._is_exempt(address):
            return True
        for factor, count in zip(BLOCK_FACTORS, reversed(strangers), strict=False):
            if count >= factor * self._limit:
                return False
        key = rate_limit_key(address)
        with self._lock:
            connections = self._connections.get(key, 0)
            if connections >= self._limit:
                return False
            self._connections[key] = connections + 1
            return True

    def release(self, address: str) -> None:
        """Release an admitted connection that has ended."""
        if self._is_exempt(address):
            return
        key = rate_limit_key(address)
        with self._lock:
            if self._connections[key] == 1:
                del self._connections[key]
            else:
                self._connections[key] -= 1

    def _is_exempt(self, address: str) -> bool:
        return self._limit <= 0 or is_within(address, self._exempt)


class UnauthenticatedLimiter:
    """Counts of connections that ended without a login: `limit` per address in any `window`.

    A connection is counted when it ends, not when it starts. So a hundred users behind one
    address, which all reconnect after a restart and log in, are never rejected. `ConnectionLimiter`
    bounds the connections that are open meanwhile: an address that never logs in can have at most
    the sum of both limits. A rejected connection does not count. Otherwise a client that reconnects
    by itself would be rejected forever.

    Any thread may call it. Its lock is a leaf.
    """

    def __init__(
        self,
        limit: int,
        window: float,
        exempt: tuple[Network, ...],
        clock: Callable[[], float] = time.monotonic,
        max_addresses: int = MAX_TRACKED_ADDRESSES,
    ) -> None:
        """`limit` connections, 0 for no limit, in `window` seconds.

        `exempt`: networks without a limit. `max_addresses` bounds the table.
        """
        self._limit = limit
        self._exempt = exempt
        self._clock = clock
        self._lock = threading.Lock()
        self._recent = tuple(
            SlidingWindow(factor * limit, window, max_addresses) for factor in BLOCK_FACTORS
        )
        """One for each size of block, the smallest first. IPv4 addresses use only the first."""

    def retry_after(self, address: str) -> float:
        """Return the seconds until `address` may connect again, or 0.0 if it may proceed."""
        if self._is_exempt(address):
            return 0.0
        with self._lock:
            now = self._clock()
            return max(recent.retry_after(block, now) for recent, block in self._blocks(address))

    def record_unauthenticated(self, address: str) -> None:
        """Count an admitted connection of `address` that has ended and never logged in."""
        if self._is_exempt(address):
            return
        with self._lock:
            now = self._clock()
            for recent, block in self._blocks(address):
                recent.add(block, now)

    def _blocks(self, address: str) -> Iterator[tuple[SlidingWindow, bytes | str]]:
        return zip(self._recent, reversed(blocks_of(address)), strict=False)

    def _is_exempt(self, address: str) -> bool:
        return self._limit <= 0 or is_within(address, self._exempt)

"""How much one client, or one address, may do: lines, failed logins, connections.

An *address* here is the bare host as `getpeername` tells it, without the port. IPv6 addresses
count as their /64, the smallest block that is given to anybody, and an IPv4 address that comes
over an IPv6 socket counts as the IPv4 address that it is.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

REMEMBERED_ADDRESSES: Final = 65_536
"""Most addresses whose failed logins are remembered; above it the one that failed longest ago goes.

About 40 MB at worst, where every one of them has used up its ten failures.
"""


class TokenBucket:
    """One client's allowance of lines, full at the start.

    Used by the one thread that reads that client: no lock.
    """

    __slots__ = ("_burst", "_clock", "_filled_at", "_rate", "_tokens")

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`rate` in lines a second, 0 for no limit; `burst`: lines that may come at once.

        `clock` tells seconds and never goes back.
        """
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled_at = clock()

    def take(self) -> float:
        """Take one token and return the seconds to wait before this line may go on; 0.0: now.

        The token is taken in any case: the caller waits what is returned and then takes the line
        without asking again.
        """
        if self._rate <= 0:
            return 0.0
        now = self._clock()
        gained = (now - self._filled_at) * self._rate
        self._filled_at = now
        self._tokens = min(self._burst, self._tokens + gained) - 1
        return max(0.0, -self._tokens / self._rate)


class LoginThrottle:
    """Counts the failed logins of each address: `limit` of them in any `window` are let through.

    May be called from any thread. Its lock is a leaf: nothing else is taken while it is held.
    """

    def __init__(
        self,
        limit: int,
        window: float,
        clock: Callable[[], float] = time.monotonic,
        remembered: int = REMEMBERED_ADDRESSES,
    ) -> None:
        """`limit` failures, 0 for no limit, in `window` seconds; `remembered` bounds the table."""
        self._limit = limit
        self._window = window
        self._clock = clock
        self._remembered = remembered
        self._lock = threading.Lock()
        # The times of at most `limit` failures an address; the address that failed last is last.
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def retry_after(self, address: str) -> float:
        """Seconds until a login from `address` may be tried again; 0.0: now.

        To be asked when the login's turn to hash has come, so that a right login which only
        waited its turn is not refused for what happens at the same time (section 2).
        """
        if self._limit <= 0:
            return 0.0
        key = _counted_as(address)
        with self._lock:
            return self._wait(key, self._clock())

    def failed(self, address: str) -> float:
        """The hash of a login from `address` has said no. Returns 0.0 where that was counted.

        Several logins of one address may be hashed at the same time and all have been let in by
        the last free place. Those that come out too late are not counted, and the seconds are
        returned for which they are to be refused: so no more than `limit` are ever told
        that authentication failed.
        """
        if self._limit <= 0:
            return 0.0
        key = _counted_as(address)
        with self._lock:
            now = self._clock()
            wait = self._wait(key, now)
            if wait > 0:
                return wait
            self._failures.setdefault(key, deque()).append(now)
            self._failures.move_to_end(key)
            if len(self._failures) > self._remembered:
                self._failures.popitem(last=False)
            return 0.0

    def _wait(self, key: str, now: float) -> float:
        """Requires holding the lock."""
        times = self._failures.get(key)
        if times is None:
            return 0.0
        while times and now - times[0] >= self._window:
            times.popleft()
        if not times:
            del self._failures[key]
            return 0.0
        return times[0] + self._window - now if len(times) >= self._limit else 0.0


class ConnectionsPerAddress:
    """Counts the connections of each address: at most `limit` at once.

    May be called from any thread. Its lock is a leaf. The table holds no more addresses than
    there are connections.
    """

    def __init__(self, limit: int, loopback_exempt: bool) -> None:
        """`limit` connections, 0 for no limit; `loopback_exempt`: this machine has none."""
        self._limit = limit
        self._loopback_exempt = loopback_exempt
        self._lock = threading.Lock()
        self._connections: dict[str, int] = {}

    def admit(self, address: str) -> bool:
        """Count one more connection of `address`; False, and nothing counted, where it is full.

        Each True is answered by one `release`.
        """
        if self._not_counted(address):
            return True
        key = _counted_as(address)
        with self._lock:
            connections = self._connections.get(key, 0)
            if connections >= self._limit:
                return False
            self._connections[key] = connections + 1
            return True

    def release(self, address: str) -> None:
        """A connection that was admitted has ended."""
        if self._not_counted(address):
            return
        key = _counted_as(address)
        with self._lock:
            if self._connections[key] == 1:
                del self._connections[key]
            else:
                self._connections[key] -= 1

    def _not_counted(self, address: str) -> bool:
        if self._limit <= 0:
            return True
        return self._loopback_exempt and is_loopback(address)


def is_loopback(address: str) -> bool:
    """Whether `address` is this machine talking to itself."""
    parsed = _parsed(address)
    return parsed is not None and parsed.is_loopback


def _counted_as(address: str) -> str:
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), 64), strict=False))
    return str(parsed or address)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed

"""The pace of connections without a login: an address that only connects has to wait its turn.

A connection costs a thread, and inside TLS a handshake. `UnauthenticatedLimiter` rejects an address
after some connections without a login, but not loopback and the trusted networks, where many users
may share an address. This pace also holds there. It delays connections and rejects none.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from chat_server.access.rate_limits import MAX_TRACKED_ADDRESSES
from chat_server.addresses import rate_limit_key

BURST: Final = 1024
"""Connections without a login that an address may cause at once."""

_SUSPECT: Final = 64
"""After so many lately, further connections of the address count as `_SUSPECT_WEIGHT`."""

_SUSPECT_WEIGHT: Final = 4.0
"""So an address that begins to connect again and again takes less of what the server accepts."""

PER_SECOND: Final = 20.0
"""Connections without a login a second in the long run: more than health checks need, and about
1 % of a core, or 5 % with TLS."""


class ConnectionPace:
    """How many connections of each address ended without a login lately.

    Any thread may call it. Its lock is a leaf. The table forgets an address after
    `BURST / PER_SECOND` seconds, and evicts the one with the oldest event when it is full.
    """

    def __init__(self, *, enabled: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """`enabled` False: never delay a connection. `clock` returns monotonic seconds."""
        self._enabled = enabled
        self._clock = clock
        self._lock = threading.Lock()
        # By address: the debt in connections, and when it was computed. The newest is last.
        self._debts: OrderedDict[bytes | str, tuple[float, float]] = OrderedDict()

    def must_wait(self, address: str) -> bool:
        """Return whether a new connection of `address` has to wait for a moment."""
        if not self._enabled:
            return False
        with self._lock:
            return self._debt(rate_limit_key(address), self._clock()) > BURST - 1

    def weight(self, address: str) -> float:
        """Return what a new connection of `address` counts as in the pace of the acceptor.

        It is 0.0 if connections without a login are not limited.
        """
        if not self._enabled:
            return 0.0
        with self._lock:
            debt = self._debt(rate_limit_key(address), self._clock())
        return _SUSPECT_WEIGHT if debt >= _SUSPECT else 1.0

    def record_unauthenticated(self, address: str) -> None:
        """Count a connection of `address` that has ended and never logged in."""
        if not self._enabled:
            return
        key = rate_limit_key(address)
        with self._lock:
            now = self._clock()
            self._debts[key] = (self._debt(key, now) + 1, now)
            self._debts.move_to_end(key)
            for _ in range(2):  # so a flood from many addresses leaves nothing for long
                oldest = next(iter(self._debts))
                if self._debt(oldest, now) > 0 and len(self._debts) <= MAX_TRACKED_ADDRESSES:
                    break
                del self._debts[oldest]

    def _debt(self, key: bytes | str, now: float) -> float:
        debt, since = self._debts.get(key, (0.0, now))
        return max(0.0, debt - (now - since) * PER_SECOND)

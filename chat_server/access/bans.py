"""Bans of accounts and addresses by operators, for some time or until the server stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple

from chat_server.addresses import rate_limit_key

MAX_BANS: Final = 4096
"""Most bans of accounts, and most of addresses. About 1 MB each. Operators type them, so a further
one is rejected. To evict the oldest ban would silently admit a banned user again."""


class Ban(NamedTuple):
    """A ban in force."""

    seconds: float | None
    """Seconds until it ends; None if it ends with the server."""


class BanList:
    """The bans in force.

    Any thread may call it, also while it holds the hub's lock. Its lock is a leaf.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, max_bans: int = MAX_BANS
    ) -> None:
        """`clock` returns monotonic seconds. `max_bans` bounds each of the two tables."""
        self._clock = clock
        self._max_bans = max_bans
        self._lock = threading.Lock()
        # End time by the clock; infinite if the ban ends with the server.
        self._accounts: dict[bytes | str, float] = {}
        self._addresses: dict[bytes | str, float] = {}

    def ban_account(self, user: str, seconds: float | None) -> bool:
        """Ban the canonical `user`. This replaces an earlier ban.

        Return False, with nothing changed, if there are too many bans.
        """
        return self._ban(self._accounts, user, seconds)

    def ban_address(self, address: str, seconds: float | None) -> bool:
        """Ban `address`; for IPv6, its whole /64. Otherwise like `ban_account`."""
        return self._ban(self._addresses, rate_limit_key(address), seconds)

    def unban_account(self, user: str) -> bool:
        """End the ban of the canonical `user`. Return False if there was none."""
        return self._unban(self._accounts, user)

    def unban_address(self, address: str) -> bool:
        """End the ban of `address`. Return False if there was none."""
        return self._unban(self._addresses, rate_limit_key(address))

    def account_ban(self, user: str) -> Ban | None:
        """Return the ban of the canonical `user`, or None."""
        return self._look_up(self._accounts, user)

    def address_ban(self, address: str) -> Ban | None:
        """Return the ban of `address`, or None."""
        if not self._addresses:  # almost always
            return None
        return self._look_up(self._addresses, rate_limit_key(address))

    def is_banned(self, user: str, address: str) -> bool:
        """Return True if the canonical `user` or `address` is banned."""
        return self.account_ban(user) is not None or self.address_ban(address) is not None

    def _ban(
        self, table: dict[bytes | str, float], key: bytes | str, seconds: float | None
    ) -> bool:
        with self._lock:
            now = self._clock()
            if key not in table and len(table) >= self._max_bans:
                for expired in [other for other, until in table.items() if until <= now]:
                    del table[expired]
                if len(table) >= self._max_bans:
                    return False
            table[key] = inf if seconds is None else now + seconds
            return True

    def _unban(self, table: dict[bytes | str, float], key: bytes | str) -> bool:
        with self._lock:
            return table.pop(key, 0.0) > self._clock()

    def _look_up(self, table: dict[bytes | str, float], key: bytes | str) -> Ban | None:
        with self._lock:
            until = table.get(key)
            if until is None:
                return None
            left = until - self._clock()
            if left <= 0:
                del table[key]
                return None
            return Ban(None if until == inf else left)

"""Who is shut out by an operator: accounts and addresses, for a while or until the server stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple

from chat_server.addresses import rate_limit_key

MAX_BANS: Final = 4096
"""Most bans of accounts, and most of addresses: what operators typed. About 1 MB each. One more is
refused; to forget the oldest, as tables of strangers do, would let somebody in again unseen."""


class Ban(NamedTuple):
    """That an account or an address is shut out."""

    seconds: float | None
    """Until it ends; None where it ends with the server."""


class BanList:
    """The bans that are in force.

    May be called from any thread, also under the hub's lock. Its lock is a leaf.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, max_bans: int = MAX_BANS
    ) -> None:
        """`clock` tells seconds and never goes back; `most` bounds each of the two tables."""
        self._clock = clock
        self._max_bans = max_bans
        self._lock = threading.Lock()
        # When each ends, on the clock; infinite where that is with the server.
        self._accounts: dict[bytes | str, float] = {}
        self._addresses: dict[bytes | str, float] = {}

    def ban_account(self, user: str, seconds: float | None) -> bool:
        """Shut out the canonical `user`, instead of for how long it was before.

        False, and nothing changed, where there are too many bans.
        """
        return self._ban(self._accounts, user, seconds)

    def ban_address(self, address: str, seconds: float | None) -> bool:
        """Shut out `address`, an IPv6 one with all of its /64. Else as `ban_account`."""
        return self._ban(self._addresses, rate_limit_key(address), seconds)

    def unban_account(self, user: str) -> bool:
        """Let the canonical `user` in again; False where that one was not banned."""
        return self._unban(self._accounts, user)

    def unban_address(self, address: str) -> bool:
        """Let `address` in again; False where it was not banned."""
        return self._unban(self._addresses, rate_limit_key(address))

    def account_ban(self, user: str) -> Ban | None:
        """The ban of the canonical `user`, or None."""
        return self._look_up(self._accounts, user)

    def address_ban(self, address: str) -> Ban | None:
        """The ban of `address`, or None."""
        if not self._addresses:  # the way of almost every connection
            return None
        return self._look_up(self._addresses, rate_limit_key(address))

    def is_banned(self, user: str, address: str) -> bool:
        """Whether a session of the canonical `user` from `address` may not be."""
        return self.account_ban(user) is not None or self.address_ban(address) is not None

    def _ban(
        self, table: dict[bytes | str, float], key: bytes | str, seconds: float | None
    ) -> bool:
        with self._lock:
            now = self._clock()
            if key not in table and len(table) >= self._max_bans:
                for over in [held for held, until in table.items() if until <= now]:
                    del table[over]
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

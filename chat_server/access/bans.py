"""Bans of accounts and addresses by operators, for some time or until the server stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final, NamedTuple

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

    Most methods take `now`, the time of the log that several servers share: so all of them decide
    the same. Then the list's own clock only says how much of a ban is left, and a ban is removed
    by nothing but the log.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, max_bans: int = MAX_BANS
    ) -> None:
        """`clock` returns seconds: monotonic ones, or with a shared log those since the epoch.

        `max_bans` bounds each of the two tables.
        """
        self._clock = clock
        self._max_bans = max_bans
        self._lock = threading.Lock()
        # End time by the clock; infinite if the ban ends with the server.
        self._accounts: dict[bytes | str, float] = {}
        self._addresses: dict[bytes | str, float] = {}

    def ban_account(self, user: str, seconds: float | None, now: float | None = None) -> bool:
        """Ban the canonical `user`. This replaces an earlier ban.

        Return False, with nothing changed, if there are too many bans.
        """
        return self._ban(self._accounts, user, seconds, now)

    def ban_address(self, address: str, seconds: float | None, now: float | None = None) -> bool:
        """Ban `address`; for IPv6, its whole /64. Otherwise like `ban_account`."""
        return self._ban(self._addresses, rate_limit_key(address), seconds, now)

    def unban_account(self, user: str, now: float | None = None) -> bool:
        """End the ban of the canonical `user`. Return False if there was none."""
        return self._unban(self._accounts, user, now)

    def unban_address(self, address: str, now: float | None = None) -> bool:
        """End the ban of `address`. Return False if there was none."""
        return self._unban(self._addresses, rate_limit_key(address), now)

    @staticmethod
    def covers(address: str, host: str) -> bool:
        """Return True if a ban of `address` covers `host`."""
        return rate_limit_key(address) == rate_limit_key(host)

    def account_ban(self, user: str, now: float | None = None) -> Ban | None:
        """Return the ban of the canonical `user`, or None."""
        return self._look_up(self._accounts, user, now)

    def address_ban(self, address: str, now: float | None = None) -> Ban | None:
        """Return the ban of `address`, or None."""
        if not self._addresses:  # almost always
            return None
        return self._look_up(self._addresses, rate_limit_key(address), now)

    def export(self, now: float) -> dict[str, list[list[Any]]]:
        """Return the bans in force for a snapshot, as JSON holds them: what, and when it ends."""
        with self._lock:
            return {
                name: sorted(
                    [_text_of(key), None if until == inf else until]
                    for key, until in table.items()
                    if until > now
                )
                for name, table in self._tables().items()
            }

    def load(self, exported: Mapping[str, Any]) -> None:
        """Replace all bans by those of a snapshot."""
        with self._lock:
            for name, table in self._tables().items():
                table.clear()
                for text, until in exported[name]:
                    table[_key_of(text)] = inf if until is None else until

    def _tables(self) -> dict[str, dict[bytes | str, float]]:
        return {"accounts": self._accounts, "addresses": self._addresses}

    def _ban(
        self,
        table: dict[bytes | str, float],
        key: bytes | str,
        seconds: float | None,
        now: float | None,
    ) -> bool:
        with self._lock:
            if now is None:
                now = self._clock()
            if key not in table and len(table) >= self._max_bans:
                for expired in [other for other, until in table.items() if until <= now]:
                    del table[expired]
                if len(table) >= self._max_bans:
                    return False
            table[key] = inf if seconds is None else now + seconds
            return True

    def _unban(self, table: dict[bytes | str, float], key: bytes | str, now: float | None) -> bool:
        with self._lock:
            return table.pop(key, 0.0) > (self._clock() if now is None else now)

    def _look_up(
        self, table: dict[bytes | str, float], key: bytes | str, now: float | None
    ) -> Ban | None:
        # An expired ban stays until its place is needed: then the log says what the time is.
        with self._lock:
            until = table.get(key)
            if until is None:
                return None
            left = until - (self._clock() if now is None else now)
            return None if left <= 0 else Ban(None if until == inf else left)


def _text_of(key: bytes | str) -> str:
    """Return a key as JSON can hold it. No user's name contains a slash."""
    return key if isinstance(key, str) else f"/{key.hex()}"


def _key_of(text: str) -> bytes | str:
    return bytes.fromhex(text[1:]) if text.startswith("/") else text

"""The login throttle: counts of failed logins by address and by account.

A failure counts against the address, so that guessing is slow. An address may belong to a whole
office. An account that has logged in from there lately therefore has a count of its own, for
this account at this address: one user's failures do not keep the others out, and the address being
throttled does not either. A wrong `/passwd` counts against its account alone.

`addresses.rate_limit_key` groups addresses: IPv6 by /64. Every table is bounded. A full table
of failures evicts the entry whose last event is the oldest.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import inf
from typing import Final

from chat_server.access.rate_limits import MAX_TRACKED_ADDRESSES, SlidingWindow
from chat_server.addresses import rate_limit_key, site_key

KNOWN_SECONDS: Final = 7 * 24 * 3600.0
"""A week: a laptop that was off over a holiday is still known at its address on Monday."""

MAX_KNOWN_ADDRESSES: Final = 32
"""Most addresses at which one account is known. One user with a whole IPv6 network must not make
the server forget the addresses of the others."""


class _KnownBlocks:
    """By address or larger block: the number of its known entries, and the last login from there.

    `LoginThrottle` owns it and holds its lock during every call.
    """

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: dict[bytes | str, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._blocks)

    def last_login(self, block: bytes | str) -> float:
        """Return the time of the last login, or minus infinity."""
        return self._blocks.get(block, (0, -inf))[1]

    def add(self, block: bytes | str, now: float, *, is_new: bool) -> None:
        """Record a login. `is_new`: it adds an entry."""
        count = self._blocks.get(block, (0, now))[0]
        self._blocks[block] = (count + is_new, now)

    def remove(self, block: bytes | str) -> None:
        """Remove an entry. The block is forgotten with its last one."""
        count, since = self._blocks[block]
        if count > 1:
            self._blocks[block] = (count - 1, since)
        else:
            del self._blocks[block]


class LoginThrottle:
    """Counts of failed logins: at most `limit` of them in any `window`. Also the known accounts.

    Any thread may call it. Its lock is a leaf: no other lock is taken while it is held. An account
    is the canonical name that the login gave, or empty for an invalid one. It need not exist.
    """

    def __init__(
        self,
        limit: int,
        window: float,
        clock: Callable[[], float] = time.monotonic,
        max_addresses: int = MAX_TRACKED_ADDRESSES,
    ) -> None:
        """`limit` failures (0: no limit) in `window` seconds. `max_addresses` bounds each table."""
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = SlidingWindow(limit, window, max_addresses)
        self._failures_of_known = SlidingWindow(limit, window, max_addresses)
        self._password_change_failures = SlidingWindow(limit, window, max_addresses)
        # By account: the time of its last login from each address. Ordered by it; the newest is
        # last. An entry is an account with a right password, so accounts bound the table.
        self._known: dict[str, OrderedDict[bytes | str, float]] = {}
        self._known_addresses = _KnownBlocks()
        self._known_sites = _KnownBlocks()

    def retry_after(self, address: str, account: str) -> float:
        """Return the seconds until a login of `account` from `address` may be checked, or 0.0.

        It is 0.0 if the login may proceed. Call this just before hashing, so that failures
        recorded later do not reject a login with the right password (protocol section 2).
        """
        if self._limit <= 0:
            return 0.0
        with self._lock:
            now = self._clock()
            window, key = self._window_of(address, account, now)
            return window.retry_after(key, now)

    def record_failure(self, address: str, account: str) -> float:
        """Count a failed login from `address` after its hash. Return 0.0 if it was counted.

        Several logins may be hashed at the same time although only one failure was left. Those
        that finish late are not counted. They are throttled for the returned number of seconds, so
        the server never reveals more than `limit` wrong passwords.
        """
        with self._lock:
            now = self._clock()
            window, key = self._window_of(address, account, now)
            return self._record(window, key, now)

    def record_success(self, address: str, account: str) -> None:
        """Record a login of `account` with the right password."""
        key = rate_limit_key(address)
        with self._lock:
            now = self._clock()
            addresses = self._known.setdefault(account, OrderedDict())
            is_new = key not in addresses
            self._known_addresses.add(key, now, is_new=is_new)
            self._known_sites.add(site_key(key), now, is_new=is_new)
            addresses[key] = now
            addresses.move_to_end(key)
            while True:
                oldest, since = next(iter(addresses.items()))
                if len(addresses) <= MAX_KNOWN_ADDRESSES and now - since < KNOWN_SECONDS:
                    return
                del addresses[oldest]
                self._known_addresses.remove(oldest)
                self._known_sites.remove(site_key(oldest))

    def is_known_account(self, address: str, account: str) -> bool:
        """Return True if `account` has logged in from `address` lately."""
        with self._lock:
            return self._is_known(rate_limit_key(address), account, self._clock())

    def is_known_address(self, address: str) -> bool:
        """Return True if any account has logged in from `address` lately."""
        with self._lock:
            since = self._known_addresses.last_login(rate_limit_key(address))
            return self._clock() - since < KNOWN_SECONDS

    def is_known_site(self, address: str) -> bool:
        """Return True if any account has logged in lately from the /48 of `address`.

        In IPv4, the site is the address.
        """
        with self._lock:
            since = self._known_sites.last_login(site_key(rate_limit_key(address)))
            return self._clock() - since < KNOWN_SECONDS

    def password_change_retry_after(self, account: str) -> float:
        """Return the seconds until `account` may change its password, or 0.0 if it may proceed."""
        if self._limit <= 0:
            return 0.0
        with self._lock:
            return self._password_change_failures.retry_after(account, self._clock())

    def record_password_change_failure(self, account: str) -> float:
        """Count a wrong old password of a user in a session, like `record_failure`."""
        with self._lock:
            return self._record(self._password_change_failures, account, self._clock())

    def _window_of(self, address: str, account: str, now: float) -> tuple[SlidingWindow, Hashable]:
        """Return the window that counts this login, and its key there."""
        key = rate_limit_key(address)
        if self._is_known(key, account, now):
            return self._failures_of_known, (key, account)
        return self._failures, key

    def _record(self, window: SlidingWindow, key: Hashable, now: float) -> float:
        if self._limit <= 0:
            return 0.0
        wait = window.retry_after(key, now)
        if wait <= 0:
            window.add(key, now)
        return wait

    def _is_known(self, key: bytes | str, account: str, now: float) -> bool:
        addresses = self._known.get(account)
        return addresses is not None and now - addresses.get(key, -inf) < KNOWN_SECONDS

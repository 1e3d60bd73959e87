"""Raising the cost of a stored hash to the one asked for, once its password is known to be right.

Only then can it be done at all: a hash tells nobody the password that a new one needs.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Final

from chat_server.accounts.file_format import UsersFileConflictError, UsersFileError
from chat_server.accounts.hash_pool import HashPool
from chat_server.accounts.password_hash import hash_cost, hash_password
from chat_server.accounts.store import AccountStore
from chat_server.observability import EventLog

_RETRY_SECONDS: Final = 600.0
"""After a file that could not be written: so long no hash is spent on it."""


class Rehasher:
    """Does it when nobody waits for a hash; what can't be done now is left to the next login.

    `offer` may be called from any thread; the rest runs in a hashing thread. The lock is a leaf.
    """

    def __init__(
        self, cost: int, accounts: AccountStore, hash_pool: HashPool, log: EventLog
    ) -> None:
        """`cost`: what a stored hash is to have at the least."""
        self._cost = cost
        self._accounts = accounts
        self._hash_pool = hash_pool
        self._log = log
        self._lock = threading.Lock()
        self._last_reported: str | None = None
        self._paused_until = 0.0

    def offer(self, user: str, password: str, verified_hash: str) -> None:
        """`password` was right for `checked`, the hash of `user`. Returns at once; never raises."""
        if hash_cost(verified_hash) >= self._cost:
            return
        with self._lock:
            if time.monotonic() < self._paused_until:
                return
        self._hash_pool.run_when_idle(partial(self._rehash, user, password, verified_hash))

    def _rehash(self, user: str, password: str, verified_hash: str) -> None:
        try:
            # Somebody else's login, or a new password, may have come first.
            if self._accounts.hash_of(user) != verified_hash:
                return
            new = hash_password(password, self._cost)
            # Waiting for others who change the file would keep logins from their hashes.
            done = self._accounts.change_hash(
                user,
                verified_hash,
                new,
                still_wanted=lambda: not self._hash_pool.is_stopped,
                lock_timeout=0,
            )
        except UsersFileConflictError:
            return
        except UsersFileError as error:
            self._pause(str(error))
            return
        except Exception as error:
            # Not its own words: they might hold what it was given.
            self._log.unexpected(RuntimeError(type(error).__name__), "the raising of a cost")
            return
        if done:
            with self._lock:
                self._last_reported = None
            self._log.cost_raised(user, self._cost)

    def _pause(self, reason: str) -> None:
        """Say once why nothing can be written."""
        with self._lock:
            self._paused_until = time.monotonic() + _RETRY_SECONDS
            if reason == self._last_reported:
                return
            self._last_reported = reason
        self._log.cost_not_raised(reason)

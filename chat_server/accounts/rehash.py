"""Rehash: raise the cost of a stored hash to the configured cost after a successful login.

Only then is the password known. A hash alone cannot be turned into a more expensive one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from chat_server.accounts.accounts_in_use import AccountsInUse
from chat_server.accounts.file_format import UsersFileConflictError, UsersFileError
from chat_server.accounts.hash_pool import HashPool
from chat_server.accounts.password_hash import hash_cost, hash_password
from chat_server.observability import EventLog

_RETRY_SECONDS: Final = 600.0
"""After the file could not be written: time without another rehash, which would be wasted too."""


class Rehasher:
    """The rehashing while the hash pool is idle. What fails is left to the user's next login.

    Any thread may call `offer`; the rest runs in a hashing thread. The lock is a leaf.
    """

    def __init__(
        self,
        cost: int,
        accounts: AccountsInUse,
        hash_pool: HashPool,
        log: EventLog,
        remember: Callable[[str, str, str], None],
    ) -> None:
        """`cost`: the lowest cost that a stored hash should have.

        `remember` is called with a user, the password and the new stored hash.
        """
        self._cost = cost
        self._accounts = accounts
        self._hash_pool = hash_pool
        self._log = log
        self._remember = remember
        self._lock = threading.Lock()
        self._last_reported: str | None = None
        self._paused_until = 0.0

    def offer(self, user: str, password: str, verified_hash: str) -> None:
        """Raise the cost of `verified_hash`, if it is too low. Return at once; never raise.

        `verified_hash` is the stored hash of `user`, and `password` was right for it.
        """
        if hash_cost(verified_hash) >= self._cost:
            return
        with self._lock:
            if time.monotonic() < self._paused_until:
                return
        self._hash_pool.run_when_idle(partial(self._rehash, user, password, verified_hash))

    def _rehash(self, user: str, password: str, verified_hash: str) -> None:
        try:
            # Another login, or a new password, may have come first.
            if self._accounts.hash_of(user) != verified_hash:
                return
            new = hash_password(password, self._cost)
            # To wait for the lock of the file would keep a hashing thread from logins.
            changed = self._accounts.change_hash(
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
            # Log the type only: the text of the error may contain the password.
            self._log.unexpected(RuntimeError(type(error).__name__), "a rehash")
            return
        if changed:
            self._remember(user, password, new)
            with self._lock:
                self._last_reported = None
            self._log.cost_raised(user, self._cost)

    def _pause(self, reason: str) -> None:
        """Pause, and log once why the file cannot be written."""
        with self._lock:
            self._paused_until = time.monotonic() + _RETRY_SECONDS
            if reason == self._last_reported:
                return
            self._last_reported = reason
        self._log.cost_not_raised(reason)

"""Raising the cost of a stored hash to the one asked for, once its password is known to be right.

Only then can it be done at all: a hash tells nobody the password that a new one needs.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Final

from chat_server.accounts.accounts import cost_of
from chat_server.accounts.file_format import FileBusyError, UsersFileError
from chat_server.accounts.hash_pool import PasswordPool, hash_password
from chat_server.accounts.store import UserStore
from chat_server.observability.event_log import EventLog

_REST_SECONDS: Final = 600.0
"""After a file that could not be written: so long no hash is spent on it."""


class CostRaising:
    """Does it when nobody waits for a hash; what can't be done now is left to the next login.

    `offer` may be called from any thread; the rest runs in a hashing thread. The lock is a leaf.
    """

    def __init__(
        self, cost: int, accounts: UserStore, passwords: PasswordPool, log: EventLog
    ) -> None:
        """`cost`: what a stored hash is to have at the least."""
        self._cost = cost
        self._accounts = accounts
        self._passwords = passwords
        self._log = log
        self._lock = threading.Lock()
        self._told: str | None = None
        self._rests_until = 0.0

    def offer(self, user: str, password: str, checked: str) -> None:
        """`password` was right for `checked`, the hash of `user`. Returns at once; never raises."""
        if cost_of(checked) >= self._cost:
            return
        with self._lock:
            if time.monotonic() < self._rests_until:
                return
        self._passwords.when_idle(partial(self._raise, user, password, checked))

    def _raise(self, user: str, password: str, checked: str) -> None:
        try:
            # Somebody else's login, or a new password, may have come first.
            if self._accounts.hash_of(user) != checked:
                return
            new = hash_password(password, self._cost)
            # Waiting for others who change the file would keep logins from their hashes.
            done = self._accounts.change_hash(
                user, checked, new, wanted=lambda: not self._passwords.is_stopped, patience=0
            )
        except FileBusyError:
            return
        except UsersFileError as error:
            self._rest(str(error))
            return
        except Exception as error:
            # Not its own words: they might hold what it was given.
            self._log.unexpected(RuntimeError(type(error).__name__), "the raising of a cost")
            return
        if done:
            with self._lock:
                self._told = None
            self._log.cost_raised(user, self._cost)

    def _rest(self, why: str) -> None:
        """Say once why nothing can be written."""
        with self._lock:
            self._rests_until = time.monotonic() + _REST_SECONDS
            if why == self._told:
                return
            self._told = why
        self._log.cost_not_raised(why)

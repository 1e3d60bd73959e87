"""Authentication: bans, stored hashes and the login throttle, for login and `/passwd`."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

from chat_server.access import BanList, LoginPace, LoginThrottle
from chat_server.accounts import (
    AccountsInUse,
    CheckStatus,
    HashPool,
    Priority,
    Turn,
    VerifiedPasswords,
)
from chat_server.addresses import blocks_of, rate_limit_key
from chat_server.core import LoginBan
from chat_server.wire import canonical_name, operator_replies


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The password is right."""

    user: str
    """The canonical name of the account."""
    verified_hash: str
    """The stored hash that the password was checked against."""


_RETRY_AFTER: Final = 30.0
"""Seconds until a login that timed out in the queue should be tried again."""

_MAX_ATTEMPTS: Final = 3
"""The stored hash may change while the login waits: the server raised its cost, or the password was
changed. Then check the password against the new hash."""

_POLL_SECONDS: Final = 0.25
"""Interval of the checks for a client that left or a stop, during a delay."""


@dataclass(frozen=True, slots=True)
class AuthFailed:
    """The user name or the password is wrong. The throttle has counted the failure."""


@dataclass(frozen=True, slots=True)
class AuthThrottled:
    """Too many failures. The password was not checked, or is wrong."""

    retry_after: float
    """Seconds until the client may try again."""


@dataclass(frozen=True, slots=True)
class AuthTimedOut:
    """The login waited too long for its turn. The password was not checked."""

    retry_after: float
    """Seconds until the client should try again."""


@dataclass(frozen=True, slots=True)
class AuthAbandoned:
    """The client no longer waits, the account is gone, or the server stops. Send no reply."""


@dataclass(frozen=True, slots=True)
class Banned:
    """An operator has banned the address or the account."""

    rejection: str
    """The error for the client, without its prefix."""


PasswordResult = Authenticated | AuthFailed | AuthThrottled | AuthAbandoned
AuthResult = PasswordResult | Banned | AuthTimedOut


@dataclass(frozen=True, slots=True)
class _PasswordLimits:
    """The limit on the failures of one kind of check."""

    retry_after: Callable[[], float]
    """Return the seconds until the next check, or 0.0 if it may proceed."""
    record_failure: Callable[[], float]
    """Count a failure. Return the seconds until the next check if it was over the limit."""


class Authenticator:
    """The check of names and passwords. Any thread may call it; it takes leaf locks only.

    Each caller logs the result, because the events of a login and of `/passwd` differ.
    """

    def __init__(
        self,
        accounts: AccountsInUse,
        hash_pool: HashPool,
        throttle: LoginThrottle,
        pace: LoginPace,
        bans: BanList,
        verified: VerifiedPasswords,
        queue_timeout: float,
    ) -> None:
        """`queue_timeout`: seconds that a login waits for its turn."""
        self._accounts = accounts
        self._hash_pool = hash_pool
        self._throttle = throttle
        self._pace = pace
        self._bans = bans
        self._verified = verified
        self._queue_timeout = queue_timeout

    def authenticate(
        self, name: str, password: str, host: str, still_wanted: Callable[[], bool]
    ) -> AuthResult:
        """Check the name and password of a login from the address `host`.

        Block until a hash is computed: also for a name without an account, so that the response
        time does not show which names exist. A password that was right a short time ago needs no
        hash. `still_wanted` returns False if the client no longer waits; a hashing thread calls it
        when it is the login's turn.

        The account may be banned or removed while its hash is computed, so the hub checks again
        when the session starts; see `Hub.log_in`. A ban of the account is not reported to a
        client that does not know its password.
        """
        rejection = self._address_rejection(host)
        if rejection is not None:
            return Banned(rejection)
        user = canonical_name(name)
        account = user or ""
        deadline = time.monotonic() + self._queue_timeout
        delayed = self._wait_for_pace(account, still_wanted, deadline)
        if delayed is not None:
            return delayed
        throttle = self._throttle
        limits = _PasswordLimits(
            lambda: throttle.retry_after(host, account),
            lambda: throttle.record_failure(host, account),
        )
        for _ in range(_MAX_ATTEMPTS):
            is_known = throttle.is_known_account(host, account)
            result = self._check(
                user,
                password,
                limits,
                still_wanted,
                self._turn(account, host, is_known),
                # An unknown pair of account and address waits for its turn even if no hash is
                # needed. Otherwise many names at once would make many fast guesses before the first
                # failure is counted.
                recall_at_once=is_known,
                timeout=deadline - time.monotonic(),
            )
            if not isinstance(result, Authenticated):
                return result
            if self._accounts.hash_of(result.user) in (None, result.verified_hash):
                throttle.record_success(host, account)
                self._pace.record(account)
                return result
        return AuthAbandoned()

    def verify_password(
        self, user: str, password: str, still_wanted: Callable[[], bool]
    ) -> PasswordResult:
        """Check the password of a user in a session again. Failures count against the account.

        Bans are not checked, because a ban ends the session. An account without a hash was removed
        or disabled, which ends the session as well: the result is `AuthAbandoned`, without a hash.
        """
        if self._accounts.hash_of(user) is None:
            return AuthAbandoned()
        limits = _PasswordLimits(
            lambda: self._throttle.password_change_retry_after(user),
            lambda: self._throttle.record_password_change_failure(user),
        )
        turn = self.session_turn(user)
        deadline = time.monotonic() + self._queue_timeout
        delayed = self._wait_for_pace(turn.lane, still_wanted, deadline)
        result = delayed or self._check(
            user, password, limits, still_wanted, turn, recall_at_once=True
        )
        if isinstance(result, Authenticated):
            self._pace.record(turn.lane)
        return AuthAbandoned() if isinstance(result, AuthTimedOut) else result

    @staticmethod
    def session_turn(user: str) -> Turn:
        """Return the place in the queue of a hash that the session of `user` needs."""
        return Turn(Priority.KNOWN_ACCOUNT, (("account", user),), ("session", user))

    def remember(self, user: str, password: str, hashed: str) -> None:
        """Record that `hashed` is the new stored hash of `user`, and that it is for `password`."""
        self._verified.remember(user, password, hashed)

    def session_started(self, user: str) -> None:
        """Keep the password of `user` in memory until `session_ended`."""
        self._verified.session_started(user)

    def session_ended(self, user: str) -> None:
        """Let the lifetime of the remembered password begin."""
        self._verified.session_ended(user)

    def accounts_changed(self) -> None:
        """Forget the passwords of accounts that were changed, disabled or removed."""
        self._verified.retain(self._accounts.accounts)

    def is_known_address(self, host: str) -> bool:
        """Return True if any account has logged in from the address `host` lately."""
        return self._throttle.is_known_address(host)

    def _address_rejection(self, host: str) -> str | None:
        ban = self._bans.address_ban(host)
        return None if ban is None else ban_rejection(LoginBan(ban.seconds, is_of_address=True))

    def _turn(self, account: str, host: str, is_known: bool) -> Turn:
        lane = rate_limit_key(host), account
        if is_known:
            # By account: an account that is known at many addresses has one share.
            return Turn(Priority.KNOWN_ACCOUNT, (("account", account),), lane)
        known_site = self._throttle.is_known_site(host)
        priority = Priority.KNOWN_SITE if known_site else Priority.STRANGER
        return Turn(priority, blocks_of(host), lane)

    def _wait_for_pace(
        self, key: Hashable, still_wanted: Callable[[], bool], deadline: float
    ) -> AuthTimedOut | AuthAbandoned | None:
        """Delay an account that has logged in too often in a short time. None: go on."""
        while (delay := self._pace.delay(key)) > 0:
            if time.monotonic() + delay > deadline:
                return AuthTimedOut(delay)
            if self._hash_pool.is_stopped or not still_wanted():
                return AuthAbandoned()
            time.sleep(min(delay, _POLL_SECONDS))
        return None

    def _check(
        self,
        user: str | None,
        password: str,
        limits: _PasswordLimits,
        still_wanted: Callable[[], bool],
        turn: Turn,
        *,
        recall_at_once: bool,
        timeout: float | None = None,
    ) -> PasswordResult | AuthTimedOut:
        hashed = None if user is None else self._accounts.hash_of(user)

        def recall() -> bool:
            return (
                user is not None
                and hashed is not None
                and self._verified.matches(user, password, hashed)
            )

        result = self._hash_pool.check(
            password,
            hashed,
            self._accounts.highest_cost,
            admit=limits.retry_after,
            still_wanted=still_wanted,
            on_wrong=limits.record_failure,
            recall=recall,
            recall_at_once=recall_at_once,
            turn=turn,
            timeout=timeout,
        )
        match result.status:
            case CheckStatus.RIGHT if user is not None and hashed is not None:
                self._verified.remember(user, password, hashed)
                return Authenticated(user, hashed)
            case CheckStatus.THROTTLED:
                return AuthThrottled(result.retry_after)
            case CheckStatus.TIMED_OUT:
                return AuthTimedOut(_RETRY_AFTER)
            case CheckStatus.ABANDONED:
                return AuthAbandoned()
            case _:
                return AuthFailed()


def ban_rejection(ban: LoginBan) -> str:
    """Return the error for a client whose account or address is banned."""
    what = operator_replies.BANNED_ADDRESS if ban.is_of_address else operator_replies.BANNED_ACCOUNT
    return operator_replies.banned(what, ban.seconds)

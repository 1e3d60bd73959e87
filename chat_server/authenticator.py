"""Authentication: bans, stored hashes and the login throttle, for login and `/passwd`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chat_server.access import BanList, LoginThrottle
from chat_server.accounts import AccountStore, CheckStatus, HashPool
from chat_server.wire import canonical_name, operator_replies


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The password is right."""

    user: str
    """The canonical name of the account."""
    verified_hash: str
    """The stored hash that the password was checked against."""


@dataclass(frozen=True, slots=True)
class AuthFailed:
    """The user name or the password is wrong. The throttle has counted the failure."""


@dataclass(frozen=True, slots=True)
class AuthThrottled:
    """The address has too many failures. The password was not checked, or is wrong."""

    retry_after: float
    """Seconds until the address may try again."""


@dataclass(frozen=True, slots=True)
class AuthAbandoned:
    """The client no longer waits, the account is gone, or the server stops. Send no reply."""


@dataclass(frozen=True, slots=True)
class Banned:
    """An operator has banned the address or the account."""

    rejection: str
    """The error for the client, without its prefix."""


PasswordResult = Authenticated | AuthFailed | AuthThrottled | AuthAbandoned
AuthResult = PasswordResult | Banned


class Authenticator:
    """The check of names and passwords. Any thread may call it; it takes leaf locks only.

    Each caller logs the result, because the events of a login and of `/passwd` differ.
    """

    def __init__(
        self, accounts: AccountStore, hash_pool: HashPool, throttle: LoginThrottle, bans: BanList
    ) -> None:
        self._accounts = accounts
        self._hash_pool = hash_pool
        self._throttle = throttle
        self._bans = bans

    def authenticate(
        self, name: str, password: str, host: str, still_wanted: Callable[[], bool]
    ) -> AuthResult:
        """Check the name and password of a login from the address `host`.

        Block until a hash is computed: also for a name without an account, so that the response
        time does not show which names exist. `still_wanted` returns False if the client no longer
        waits; a hashing thread calls it when it is the login's turn.

        The account may be banned or removed while its hash is computed, so the hub checks again
        when the session starts; see `ban_rejection`. A ban of the account is not reported to a
        client that does not know its password.
        """
        rejection = self._address_rejection(host)
        if rejection is not None:
            return Banned(rejection)
        user = canonical_name(name)
        hashed = None if user is None else self._accounts.hash_of(user)
        return self._check(user, hashed, password, host, still_wanted)

    def verify_password(
        self, user: str, password: str, host: str, still_wanted: Callable[[], bool]
    ) -> PasswordResult:
        """Check the password of a user in a session again. Failures count as failed logins.

        Bans are not checked, because a ban ends the session. An account without a hash was removed
        or disabled, which ends the session as well: the result is `AuthAbandoned`, without a hash.
        """
        hashed = self._accounts.hash_of(user)
        if hashed is None:
            return AuthAbandoned()
        return self._check(user, hashed, password, host, still_wanted)

    def ban_rejection(self, user: str, host: str) -> str | None:
        """Return the error for an authenticated user that is banned, or None if it is not."""
        ban = self._bans.account_ban(user)
        if ban is not None:
            return operator_replies.banned(operator_replies.BANNED_ACCOUNT, ban.seconds)
        return self._address_rejection(host)

    def _address_rejection(self, host: str) -> str | None:
        ban = self._bans.address_ban(host)
        return (
            None
            if ban is None
            else operator_replies.banned(operator_replies.BANNED_ADDRESS, ban.seconds)
        )

    def _check(
        self,
        user: str | None,
        hashed: str | None,
        password: str,
        host: str,
        still_wanted: Callable[[], bool],
    ) -> PasswordResult:
        result = self._hash_pool.check(
            password,
            hashed,
            self._accounts.highest_cost,
            admit=lambda: self._throttle.retry_after(host),
            still_wanted=still_wanted,
            on_wrong=lambda: self._throttle.record_failure(host),
        )
        match result.status:
            case CheckStatus.RIGHT if user is not None and hashed is not None:
                return Authenticated(user, hashed)
            case CheckStatus.THROTTLED:
                return AuthThrottled(result.retry_after)
            case CheckStatus.ABANDONED:
                return AuthAbandoned()
            case _:
                return AuthFailed()

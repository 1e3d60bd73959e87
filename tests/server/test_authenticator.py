"""Authentication without a socket: results, their order, and what counts as a failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_server.access import BanList, LoginThrottle
from chat_server.accounts import AccountStore, HashPool
from chat_server.accounts.file_editor import remove_account
from chat_server.authenticator import (
    AuthAbandoned,
    Authenticated,
    Authenticator,
    AuthFailed,
    AuthResult,
    AuthThrottled,
    Banned,
    PasswordResult,
)
from chat_server.wire import operator_replies
from tests.support.accounts import cheap_hash, write_accounts_file

HOST = "192.0.2.1"
LIMIT = 2


class Harness:
    """An authenticator and its parts. The throttle admits `LIMIT` failures."""

    def __init__(self, users: Path) -> None:
        self.users = users
        self.accounts = AccountStore(users)
        self.pool = HashPool(workers=1)
        self.bans = BanList()
        throttle = LoginThrottle(LIMIT, 600.0)
        self.authenticator = Authenticator(self.accounts, self.pool, throttle, self.bans)

    def authenticate(self, name: str, password: str, *, still_wanted: bool = True) -> AuthResult:
        return self.authenticator.authenticate(name, password, HOST, lambda: still_wanted)

    def verify(self, user: str, password: str) -> PasswordResult:
        return self.authenticator.verify_password(user, password, HOST, lambda: True)


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    harness = Harness(write_accounts_file(tmp_path / "users.json", ["alice", "Zoë"]))
    harness.pool.start()
    yield harness
    harness.pool.stop()


def test_right_password_returns_user_and_verified_hash(harness: Harness) -> None:
    expected = Authenticated("alice", cheap_hash("pw-of-alice"))
    assert harness.authenticate("alice", "pw-of-alice") == expected
    assert harness.verify("alice", "pw-of-alice") == expected


def test_login_name_is_made_canonical(harness: Harness) -> None:
    result = harness.authenticate("Zoe\u0308", "pw-of-Zoë")
    assert result == Authenticated("Zoë", cheap_hash("pw-of-Zoë"))


@pytest.mark.parametrize("name", ["alice", "eve", "not a name"])
def test_failures_count_until_the_limit_is_reached(harness: Harness, name: str) -> None:
    for _ in range(LIMIT):
        assert harness.authenticate(name, "wrong") == AuthFailed()
    result = harness.authenticate("alice", "pw-of-alice")
    assert isinstance(result, AuthThrottled)
    assert 590 < result.retry_after <= 600


def test_login_and_password_change_share_failures(harness: Harness) -> None:
    assert harness.authenticate("alice", "wrong") == AuthFailed()
    assert harness.verify("alice", "wrong") == AuthFailed()
    assert isinstance(harness.authenticate("alice", "pw-of-alice"), AuthThrottled)
    assert isinstance(harness.verify("alice", "pw-of-alice"), AuthThrottled)


def test_unwanted_login_is_abandoned(harness: Harness) -> None:
    assert harness.authenticate("alice", "pw-of-alice", still_wanted=False) == AuthAbandoned()


def test_stopped_pool_abandons_logins(harness: Harness) -> None:
    harness.pool.stop()
    assert harness.authenticate("alice", "pw-of-alice") == AuthAbandoned()


def test_banned_address_is_rejected_before_hashing(harness: Harness) -> None:
    harness.bans.ban_address(HOST, None)
    harness.pool.stop()  # a hash would give AuthAbandoned
    banned = Banned(operator_replies.banned(operator_replies.BANNED_ADDRESS, None))
    assert harness.authenticate("alice", "pw-of-alice") == banned
    assert harness.authenticate("eve", "wrong") == banned


def test_banned_account_is_not_revealed_by_password_check(harness: Harness) -> None:
    harness.bans.ban_account("alice", None)
    assert harness.authenticate("alice", "wrong") == AuthFailed()
    assert isinstance(harness.authenticate("alice", "pw-of-alice"), Authenticated)


def test_ban_rejection_names_account_before_address(harness: Harness) -> None:
    rejection = harness.authenticator.ban_rejection
    assert rejection("alice", HOST) is None
    harness.bans.ban_address(HOST, None)
    assert rejection("alice", HOST) == operator_replies.banned(
        operator_replies.BANNED_ADDRESS, None
    )
    harness.bans.ban_account("alice", None)
    assert rejection("alice", HOST) == operator_replies.banned(
        operator_replies.BANNED_ACCOUNT, None
    )
    assert rejection("bob", "192.0.2.2") is None


def test_password_check_of_removed_account_is_abandoned(harness: Harness) -> None:
    remove_account(harness.users, "alice")
    harness.accounts.reload_if_changed()
    assert harness.verify("alice", "pw-of-alice") == AuthAbandoned()

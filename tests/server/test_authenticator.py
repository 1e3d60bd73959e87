"""Authentication without a socket: results, their order, and what counts as a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat_server.access import BanList, LoginPace, LoginThrottle
from chat_server.accounts import AccountStore, HashPool, VerifiedPasswords, password_hash
from chat_server.accounts.file_editor import disable_account, remove_account, set_hash
from chat_server.authenticator import (
    AuthAbandoned,
    Authenticated,
    Authenticator,
    AuthFailed,
    AuthResult,
    AuthThrottled,
    AuthTimedOut,
    Banned,
    PasswordResult,
)
from chat_server.wire import operator_replies
from tests.support.accounts import cheap_hash, write_accounts_file

HOST = "192.0.2.1"
LIMIT = 2
BURST = 5


class Harness:
    """An authenticator and its parts. The throttle admits `LIMIT` failures."""

    def __init__(self, users: Path, queue_timeout: float = 60.0) -> None:
        self.users = users
        self.accounts = AccountStore(users)
        self.pool = HashPool(workers=1)
        self.bans = BanList()
        self.verified = VerifiedPasswords(600.0)
        self.authenticator = Authenticator(
            self.accounts,
            self.pool,
            LoginThrottle(LIMIT, 600.0),
            LoginPace(BURST, 30.0),
            self.bans,
            self.verified,
            queue_timeout,
        )

    def authenticate(
        self, name: str, password: str, *, still_wanted: bool = True, host: str = HOST
    ) -> AuthResult:
        return self.authenticator.authenticate(name, password, host, lambda: still_wanted)

    def verify(self, user: str, password: str) -> PasswordResult:
        return self.authenticator.verify_password(user, password, lambda: True)


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


def test_wrong_old_passwords_do_not_reject_logins(harness: Harness) -> None:
    assert harness.verify("alice", "wrong") == AuthFailed()
    assert harness.verify("alice", "wrong") == AuthFailed()
    assert isinstance(harness.verify("alice", "pw-of-alice"), AuthThrottled)
    assert isinstance(harness.verify("Zoë", "pw-of-Zoë"), Authenticated)
    assert isinstance(harness.authenticate("alice", "pw-of-alice"), Authenticated)


def test_failed_logins_do_not_reject_password_changes(harness: Harness) -> None:
    for _ in range(LIMIT):
        assert harness.authenticate("alice", "wrong") == AuthFailed()
    assert isinstance(harness.authenticate("alice", "pw-of-alice"), AuthThrottled)
    assert isinstance(harness.verify("alice", "pw-of-alice"), Authenticated)


def test_account_that_logged_in_lately_is_admitted_at_throttled_address(harness: Harness) -> None:
    assert isinstance(harness.authenticate("alice", "pw-of-alice"), Authenticated)
    for _ in range(LIMIT):
        assert harness.authenticate("eve", "wrong") == AuthFailed()
    assert isinstance(harness.authenticate("Zoë", "pw-of-Zoë"), AuthThrottled)
    assert isinstance(harness.authenticate("alice", "pw-of-alice"), Authenticated)
    for _ in range(LIMIT):
        assert harness.authenticate("alice", "wrong") == AuthFailed()
    assert isinstance(harness.authenticate("alice", "pw-of-alice"), AuthThrottled)


def test_second_login_with_same_password_needs_no_hash(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Authenticated("alice", cheap_hash("pw-of-alice"))
    assert harness.authenticate("alice", "pw-of-alice") == expected
    monkeypatch.setattr(password_hash, "bcrypt", None)
    assert harness.authenticate("alice", "pw-of-alice") == expected
    assert harness.authenticate("alice", "pw-of-alice", host="198.51.100.1") == expected
    assert harness.verify("alice", "pw-of-alice") == expected
    with pytest.raises(AttributeError):  # a wrong password is hashed
        harness.authenticate("alice", "pw-of-alicf")


def test_remembered_password_is_not_tried_beyond_the_failure_limit(harness: Harness) -> None:
    assert isinstance(harness.authenticate("alice", "pw-of-alice"), Authenticated)
    for _ in range(LIMIT):
        assert harness.authenticate("alice", "wrong") == AuthFailed()
    assert isinstance(harness.authenticate("alice", "pw-of-alice"), AuthThrottled)


@pytest.mark.parametrize("change", [disable_account, remove_account])
def test_disabled_or_removed_account_is_forgotten_at_once(
    harness: Harness, change: Callable[..., object]
) -> None:
    assert isinstance(harness.authenticate("alice", "pw-of-alice"), Authenticated)
    change(harness.users, "alice")
    harness.accounts.reload_if_changed()
    harness.authenticator.accounts_changed()
    assert harness.authenticate("alice", "pw-of-alice") == AuthFailed()
    assert not harness.verified._verified


def test_changed_password_is_forgotten_at_once(harness: Harness) -> None:
    assert isinstance(harness.authenticate("alice", "pw-of-alice"), Authenticated)
    set_hash(harness.users, "alice", cheap_hash("another"))
    harness.accounts.reload_if_changed()
    assert harness.authenticate("alice", "pw-of-alice") == AuthFailed()
    assert isinstance(harness.authenticate("alice", "another"), Authenticated)


def test_password_that_was_changed_during_the_hash_is_checked_again(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    matches = password_hash.password_matches
    changed: list[str] = []

    def change_and_match(password: str, hashed: str | None, cost: int) -> bool:
        if not changed:
            changed.append("alice")
            set_hash(harness.users, "alice", cheap_hash("another"))
            harness.accounts.reload_if_changed()
        return matches(password, hashed, cost)

    monkeypatch.setattr("chat_server.accounts.hash_pool.password_matches", change_and_match)
    assert harness.authenticate("alice", "pw-of-alice") == AuthFailed()


def test_account_that_logs_in_again_and_again_is_delayed_alone(harness: Harness) -> None:
    for _ in range(BURST):
        assert isinstance(harness.authenticate("alice", "pw-of-alice"), Authenticated)
    # The client leaves instead of waiting for its turn.
    assert harness.authenticate("alice", "pw-of-alice", still_wanted=False) == AuthAbandoned()
    assert isinstance(harness.authenticate("Zoë", "pw-of-Zoë"), Authenticated)
    elsewhere = harness.authenticate(
        "alice", "pw-of-alice", still_wanted=False, host="198.51.100.1"
    )
    assert elsewhere == AuthAbandoned()


def test_delay_beyond_the_time_in_the_queue_is_reported(tmp_path: Path) -> None:
    harness = Harness(write_accounts_file(tmp_path / "users.json", ["alice"]), queue_timeout=20.0)
    harness.pool.start()
    for _ in range(BURST):
        assert isinstance(harness.authenticate("alice", "pw-of-alice"), Authenticated)
    result = harness.authenticate("alice", "pw-of-alice")
    assert isinstance(result, AuthTimedOut)
    assert 20 < result.retry_after <= 30
    harness.pool.stop()


def test_login_that_is_not_hashed_in_time_is_reported(tmp_path: Path) -> None:
    users = write_accounts_file(tmp_path / "users.json", ["alice"])
    harness = Harness(users, queue_timeout=0.05)  # and no thread hashes
    result = harness.authenticate("alice", "pw-of-alice")
    assert isinstance(result, AuthTimedOut)
    assert result.retry_after > 0
    assert harness.pool.waiting == 0


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


def test_password_check_of_removed_account_is_abandoned(harness: Harness) -> None:
    remove_account(harness.users, "alice")
    harness.accounts.reload_if_changed()
    assert harness.verify("alice", "pw-of-alice") == AuthAbandoned()

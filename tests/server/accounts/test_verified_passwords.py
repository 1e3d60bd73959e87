"""Remembered passwords: what matches, for how long, and what is forgotten at once."""

from __future__ import annotations

import pytest

from chat_server.accounts.verified_passwords import VerifiedPasswords
from tests.support.accounts import cheap_hash
from tests.support.fake_clock import FakeClock

HASHED = cheap_hash("pw-of-alice")


@pytest.fixture
def verified(clock: FakeClock) -> VerifiedPasswords:
    verified = VerifiedPasswords(600.0, clock)
    verified.remember("alice", "pw-of-alice", HASHED)
    return verified


def test_right_password_matches_for_its_stored_hash_alone(verified: VerifiedPasswords) -> None:
    assert verified.matches("alice", "pw-of-alice", HASHED)
    assert not verified.matches("alice", "pw-of-alicf", HASHED)
    assert not verified.matches("alice", "", HASHED)
    assert not verified.matches("alice", "lone\ud800", HASHED)
    assert not verified.matches("bob", "pw-of-alice", HASHED)
    assert verified.matches("alice", "pw-of-alice", HASHED)


def test_changed_hash_is_forgotten_for_good(verified: VerifiedPasswords) -> None:
    assert not verified.matches("alice", "pw-of-alice", cheap_hash("another"))
    assert not verified.matches("alice", "pw-of-alice", HASHED)


def test_password_expires_some_minutes_after_its_last_check(
    verified: VerifiedPasswords, clock: FakeClock
) -> None:
    clock.now += 599
    assert verified.matches("alice", "pw-of-alice", HASHED)
    clock.now += 1
    assert not verified.matches("alice", "pw-of-alice", HASHED)
    assert not verified._verified, "it is deleted, not only rejected"


def test_password_is_kept_during_sessions_and_for_the_lifetime_after(
    verified: VerifiedPasswords, clock: FakeClock
) -> None:
    verified.session_started("alice")
    clock.now += 100_000
    assert verified.matches("alice", "pw-of-alice", HASHED)
    verified.session_started("alice")  # the newest login wins; the older session ends
    verified.session_ended("alice")
    clock.now += 100_000
    assert verified.matches("alice", "pw-of-alice", HASHED)
    verified.session_ended("alice")
    clock.now += 599
    assert verified.matches("alice", "pw-of-alice", HASHED)
    clock.now += 1
    assert not verified.matches("alice", "pw-of-alice", HASHED)
    assert not verified._sessions


def test_disabled_removed_and_changed_accounts_are_forgotten_at_once(
    verified: VerifiedPasswords,
) -> None:
    verified.remember("bob", "pw-of-bob", cheap_hash("pw-of-bob"))
    verified.remember("carol", "pw-of-carol", cheap_hash("pw-of-carol"))
    verified.session_started("alice")
    verified.retain({"bob": cheap_hash("pw-of-bob"), "carol": cheap_hash("new")})
    assert list(verified._verified) == ["bob"]
    # Enabled again with the same hash: its next login costs a hash again.
    assert not verified.matches("alice", "pw-of-alice", HASHED)
    verified.session_ended("alice")
    assert not verified._sessions


def test_lifetime_zero_remembers_nothing(clock: FakeClock) -> None:
    verified = VerifiedPasswords(0.0, clock)
    verified.session_started("alice")
    verified.remember("alice", "pw-of-alice", HASHED)
    assert not verified.matches("alice", "pw-of-alice", HASHED)
    assert not verified._verified


def test_table_of_passwords_is_bounded(clock: FakeClock) -> None:
    verified = VerifiedPasswords(600.0, clock, max_accounts=100)
    for number in range(1000):
        verified.remember(f"user-{number}", "password", HASHED)
        verified.session_started(f"user-{number}")
    assert len(verified._verified) == 100
    assert verified.matches("user-999", "password", HASHED)
    assert not verified.matches("user-0", "password", HASHED)


def test_expired_passwords_are_deleted_behind_those_of_sessions(clock: FakeClock) -> None:
    verified = VerifiedPasswords(600.0, clock)
    for user in ("online", "offline"):
        verified.remember(user, "password", HASHED)
    verified.session_started("online")
    clock.now += 600
    verified.remember("another", "password", HASHED)
    assert sorted(verified._verified) == ["another", "online"]


def test_memory_holds_no_password_and_another_process_another_key(clock: FakeClock) -> None:
    one, other = VerifiedPasswords(600.0, clock), VerifiedPasswords(600.0, clock)
    for verified in (one, other):
        verified.remember("alice", "pw-of-alice", HASHED)
    assert one._verified["alice"].digest != other._verified["alice"].digest
    assert b"pw-of-alice" not in one._verified["alice"].digest
    for shown in (repr(one), repr(one._verified["alice"])):
        assert repr(one._verified["alice"].digest) not in shown
        assert "pw-of-alice" not in shown

"""Bans, with a clock that the test moves."""

from __future__ import annotations

import pytest

from chat_server.access.bans import MOST_BANS, Ban, Bans
from tests.support.fake_clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bans(clock: Clock) -> Bans:
    return Bans(clock)


def test_a_ban_ends_by_itself(bans: Bans, clock: Clock) -> None:
    assert bans.ban_account("bob", 60)
    assert bans.of_account("bob") == Ban(60)
    clock.now += 59
    assert bans.of_account("bob") == Ban(1)
    clock.now += 1
    assert bans.of_account("bob") is None
    assert not bans.unban_account("bob")


def test_a_ban_without_a_time_stays(bans: Bans, clock: Clock) -> None:
    assert bans.ban_account("bob", None)
    clock.now += 1e9
    assert bans.of_account("bob") == Ban(None)
    assert bans.unban_account("bob")
    assert bans.of_account("bob") is None


def test_the_last_ban_of_somebody_counts(bans: Bans) -> None:
    bans.ban_account("bob", None)
    bans.ban_account("bob", 60)
    assert bans.of_account("bob") == Ban(60)


def test_addresses_and_accounts_are_told_apart(bans: Bans) -> None:
    bans.ban_account("192.0.2.1", 60)
    assert bans.of_address("192.0.2.1") is None
    bans.ban_address("192.0.2.2", None)
    assert bans.of_account("192.0.2.2") is None
    assert bans.of_address("::ffff:192.0.2.2") == Ban(None)


def test_an_ipv6_address_is_banned_with_all_of_its_64(bans: Bans) -> None:
    bans.ban_address("2001:db8::1", 60)
    assert bans.of_address("2001:db8::dead:beef") == Ban(60)
    assert bans.of_address("2001:db8:0:1::1") is None
    assert bans.unban_address("2001:db8::2")
    assert bans.of_address("2001:db8::1") is None


def test_who_is_shut_out(bans: Bans) -> None:
    bans.ban_account("bob", 60)
    bans.ban_address("192.0.2.1", 60)
    assert bans.shut_out("bob", "198.51.100.1")
    assert bans.shut_out("alice", "192.0.2.1")
    assert not bans.shut_out("alice", "198.51.100.1")


def test_one_ban_too_many_is_refused_and_none_is_forgotten(bans: Bans, clock: Clock) -> None:
    for number in range(MOST_BANS):
        assert bans.ban_account(f"user{number}", 60 if number == 7 else None)
    assert not bans.ban_account("bob", None)
    assert bans.ban_account("user1", 600)  # that one has its place
    assert bans.ban_address("192.0.2.1", None)  # another table
    assert bans.of_account("user0") == Ban(None)
    clock.now += 60
    assert bans.ban_account("bob", None)  # in the place of one that is over
    assert len(bans._accounts) == MOST_BANS


def test_asking_for_a_million_addresses_leaves_nothing(bans: Bans) -> None:
    bans.ban_address("192.0.2.1", None)
    for number in range(1_000_000):
        assert bans.of_address(f"2001:db8:{number % 65536:x}::{number:x}") is None
    assert len(bans._addresses) == 1

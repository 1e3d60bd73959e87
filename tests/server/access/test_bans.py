"""Bans, with a fake clock."""

from __future__ import annotations

import pytest

from chat_server.access.bans import MAX_BANS, Ban, BanList
from tests.support.fake_clock import FakeClock


@pytest.fixture
def bans(clock: FakeClock) -> BanList:
    return BanList(clock)


def test_timed_ban_expires(bans: BanList, clock: FakeClock) -> None:
    assert bans.ban_account("bob", 60)
    assert bans.account_ban("bob") == Ban(60)
    clock.now += 59
    assert bans.account_ban("bob") == Ban(1)
    clock.now += 1
    assert bans.account_ban("bob") is None
    assert not bans.unban_account("bob")


def test_ban_without_duration_lasts_until_unban(bans: BanList, clock: FakeClock) -> None:
    assert bans.ban_account("bob", None)
    clock.now += 1e9
    assert bans.account_ban("bob") == Ban(None)
    assert bans.unban_account("bob")
    assert bans.account_ban("bob") is None


def test_later_ban_replaces_earlier_ban_of_account(bans: BanList) -> None:
    bans.ban_account("bob", None)
    bans.ban_account("bob", 60)
    assert bans.account_ban("bob") == Ban(60)


def test_address_bans_and_account_bans_are_separate(bans: BanList) -> None:
    bans.ban_account("192.0.2.1", 60)
    assert bans.address_ban("192.0.2.1") is None
    bans.ban_address("192.0.2.2", None)
    assert bans.account_ban("192.0.2.2") is None
    assert bans.address_ban("::ffff:192.0.2.2") == Ban(None)


def test_time_of_the_log_replaces_the_clock(bans: BanList, clock: FakeClock) -> None:
    bans.ban_account("bob", 60, 1000.0)
    bans.ban_address("192.0.2.1", 60, 1000.0)
    clock.now += 1e6
    assert bans.account_ban("bob", 1059.0) == bans.address_ban("192.0.2.1", 1059.0) == Ban(1)
    assert bans.account_ban("bob", 1060.0) is bans.address_ban("192.0.2.1", 1060.0) is None


def test_ipv6_ban_covers_the_whole_64_prefix(bans: BanList) -> None:
    bans.ban_address("2001:db8::1", 60)
    assert bans.address_ban("2001:db8::dead:beef") == Ban(60)
    assert bans.address_ban("2001:db8:0:1::1") is None
    assert bans.unban_address("2001:db8::2")
    assert bans.address_ban("2001:db8::1") is None


def test_full_ban_list_rejects_new_ban_and_keeps_existing_bans(
    bans: BanList, clock: FakeClock
) -> None:
    for number in range(MAX_BANS):
        assert bans.ban_account(f"user{number}", 60 if number == 7 else None)
    assert not bans.ban_account("bob", None)
    assert bans.ban_account("user1", 600)  # replaces its own entry
    assert bans.ban_address("192.0.2.1", None)  # a separate table
    assert bans.account_ban("user0") == Ban(None)
    clock.now += 60
    assert bans.ban_account("bob", None)  # replaces an expired ban
    assert len(bans._accounts) == MAX_BANS


@pytest.mark.slow
def test_ban_list_queries_add_no_entries(bans: BanList) -> None:
    bans.ban_address("192.0.2.1", None)
    for number in range(100_000):
        assert bans.address_ban(f"2001:db8:{number % 65536:x}::{number:x}") is None
    assert len(bans._addresses) == 1

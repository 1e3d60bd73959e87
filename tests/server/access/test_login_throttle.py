"""The login throttle: what counts against an address, an account there, and a session."""

from __future__ import annotations

import threading

import pytest

from chat_server.access.login_throttle import KNOWN_SECONDS, MAX_KNOWN_ADDRESSES, LoginThrottle
from tests.support.fake_clock import FakeClock
from tests.support.many_addresses import MANY_ADDRESSES, address_number

OFFICE = "192.0.2.1"


def test_login_throttle_blocks_address_after_ten_failures(clock: FakeClock) -> None:
    throttle = LoginThrottle(10, 600, clock)
    for _ in range(10):
        assert throttle.retry_after("192.0.2.1", "alice") == 0.0
        assert throttle.record_failure("192.0.2.1", "alice") == 0.0
        clock.now += 1
    assert throttle.retry_after("192.0.2.1", "alice") == pytest.approx(590)
    assert throttle.retry_after("192.0.2.2", "alice") == 0.0


def test_login_throttle_reopens_when_oldest_failure_expires(clock: FakeClock) -> None:
    throttle = LoginThrottle(2, 600, clock)
    throttle.record_failure("::1", "alice")
    clock.now += 100
    throttle.record_failure("::1", "alice")
    clock.now += 499.5
    assert throttle.retry_after("::1", "alice") == pytest.approx(0.5)
    clock.now += 0.5
    assert throttle.retry_after("::1", "alice") == 0.0
    throttle.record_failure("::1", "alice")
    assert throttle.retry_after("::1", "alice") == pytest.approx(100)


def test_login_throttle_does_not_count_failures_beyond_limit(clock: FakeClock) -> None:
    throttle = LoginThrottle(2, 600, clock)
    assert [throttle.record_failure("127.0.0.1", "alice") for _ in range(3)] == pytest.approx(
        [0.0, 0.0, 600.0]
    )
    clock.now += 600
    assert throttle.record_failure("127.0.0.1", "alice") == 0.0


def test_login_throttle_admits_exactly_ten_concurrent_failures() -> None:
    throttle = LoginThrottle(10, 600)
    start = threading.Barrier(8)
    waits: list[float] = []

    def fail() -> None:
        start.wait()
        waits.extend(throttle.record_failure("192.0.2.1", "alice") for _ in range(5))

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waits.count(0.0) == 10


def test_login_throttle_with_limit_zero_is_disabled(clock: FakeClock) -> None:
    throttle = LoginThrottle(0, 600, clock)
    assert {throttle.record_failure("192.0.2.1", "alice") for _ in range(100)} == {0.0}
    assert throttle.retry_after("192.0.2.1", "alice") == 0.0


def test_login_throttle_evicts_address_with_oldest_failure(clock: FakeClock) -> None:
    throttle = LoginThrottle(1, 600, clock, max_addresses=2)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        throttle.record_failure(address, "alice")
    assert throttle.retry_after("192.0.2.1", "alice") == 0.0
    assert throttle.retry_after("192.0.2.2", "alice") > 0
    assert throttle.retry_after("192.0.2.3", "alice") > 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8::1", "2001:db8:0:1::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("not an address", "another string"),
    ],
)
def test_login_throttle_counts_distinct_addresses_separately(
    clock: FakeClock, first: str, second: str
) -> None:
    throttle = LoginThrottle(1, 600, clock)
    throttle.record_failure(first, "alice")
    assert throttle.retry_after(second, "alice") == 0.0


@pytest.mark.slow
def test_login_throttle_queries_add_no_entries(clock: FakeClock) -> None:
    throttle = LoginThrottle(10, 600, clock)
    for number in range(MANY_ADDRESSES):
        throttle.retry_after(address_number(number), "alice")
    assert not throttle._failures._times


# Known accounts


def throttle_address(throttle: LoginThrottle, address: str, failures: int) -> None:
    for number in range(failures):
        assert throttle.record_failure(address, f"nobody-{number}") == 0.0
    assert throttle.retry_after(address, "nobody") > 0


def test_account_that_logged_in_lately_is_admitted_at_throttled_address(clock: FakeClock) -> None:
    throttle = LoginThrottle(3, 600, clock)
    throttle.record_success(OFFICE, "alice")
    throttle_address(throttle, OFFICE, 3)
    assert throttle.retry_after(OFFICE, "alice") == 0.0
    assert throttle.retry_after(OFFICE, "bob") > 0
    assert throttle.retry_after("192.0.2.2", "bob") == 0.0


def test_guesses_of_known_account_are_limited_for_this_account_alone(clock: FakeClock) -> None:
    throttle = LoginThrottle(3, 600, clock)
    for account in ("alice", "bob"):
        throttle.record_success(OFFICE, account)
    assert [throttle.record_failure(OFFICE, "alice") for _ in range(4)] == pytest.approx(
        [0.0, 0.0, 0.0, 600.0]
    )
    assert throttle.retry_after(OFFICE, "alice") == pytest.approx(600)
    assert throttle.retry_after(OFFICE, "bob") == 0.0
    assert throttle.retry_after(OFFICE, "carol") == 0.0, "she has never logged in from here"
    assert throttle.retry_after("198.51.100.1", "alice") == 0.0, "she may be elsewhere"
    clock.now += 600
    assert throttle.retry_after(OFFICE, "alice") == 0.0


def test_known_account_is_known_in_the_whole_ipv6_network(clock: FakeClock) -> None:
    throttle = LoginThrottle(1, 600, clock)
    throttle.record_success("2001:db8::1", "alice")
    throttle_address(throttle, "2001:db8::2", 1)
    assert throttle.retry_after("2001:db8::3", "alice") == 0.0
    assert throttle.is_known_account("2001:db8::3", "alice")
    assert not throttle.is_known_account("2001:db8:0:1::3", "alice")
    assert throttle.is_known_address("2001:db8::4")
    assert not throttle.is_known_address("2001:db8:0:1::4")
    assert throttle.is_known_site("2001:db8:0:1::4")
    assert not throttle.is_known_site("2001:db8:1::4")
    throttle.record_success("192.0.2.7", "alice")
    assert throttle.is_known_site("192.0.2.7")
    assert not throttle.is_known_site("192.0.2.8")


def test_known_account_is_forgotten_after_a_week(clock: FakeClock) -> None:
    throttle = LoginThrottle(1, 600, clock)
    throttle.record_success(OFFICE, "alice")
    clock.now += KNOWN_SECONDS
    throttle_address(throttle, OFFICE, 1)
    assert throttle.retry_after(OFFICE, "alice") > 0
    assert not throttle.is_known_account(OFFICE, "alice")
    assert not throttle.is_known_address(OFFICE)
    assert not throttle.is_known_site(OFFICE)


def test_wrong_old_passwords_count_against_their_account_alone(clock: FakeClock) -> None:
    throttle = LoginThrottle(2, 600, clock)
    waits = [throttle.record_password_change_failure("alice") for _ in range(3)]
    assert waits == pytest.approx([0.0, 0.0, 600.0])
    assert throttle.password_change_retry_after("alice") == pytest.approx(600)
    assert throttle.password_change_retry_after("bob") == 0.0
    for account in ("alice", "bob", "nobody"):
        assert throttle.retry_after(OFFICE, account) == 0.0


def test_failed_logins_do_not_count_against_password_changes(clock: FakeClock) -> None:
    throttle = LoginThrottle(1, 600, clock)
    throttle.record_success(OFFICE, "alice")
    throttle.record_failure(OFFICE, "alice")
    assert throttle.password_change_retry_after("alice") == 0.0


def test_account_is_known_at_few_addresses_and_makes_no_other_account_unknown(
    clock: FakeClock,
) -> None:
    throttle = LoginThrottle(10, 600, clock)
    throttle.record_success(OFFICE, "bob")
    for number in range(1000):
        throttle.record_success(address_number(number), "alice")
    throttle.record_success(OFFICE, "alice")
    assert sum(map(len, throttle._known.values())) == MAX_KNOWN_ADDRESSES + 1
    assert len(throttle._known_addresses) == MAX_KNOWN_ADDRESSES
    assert len(throttle._known_sites) <= MAX_KNOWN_ADDRESSES  # some share a /48
    assert throttle.is_known_account(address_number(999), "alice")
    assert not throttle.is_known_account(address_number(0), "alice")
    assert not throttle.is_known_address(address_number(0))
    assert throttle.is_known_account(OFFICE, "bob")


def test_address_stays_known_while_one_of_its_accounts_is(clock: FakeClock) -> None:
    throttle = LoginThrottle(10, 600, clock)
    throttle.record_success(OFFICE, "alice")
    throttle.record_success(OFFICE, "alice")
    throttle.record_success(OFFICE, "bob")
    for number in range(MAX_KNOWN_ADDRESSES):
        throttle.record_success(address_number(number), "alice")
    assert not throttle.is_known_account(OFFICE, "alice")
    assert throttle.is_known_address(OFFICE)
    for number in range(MAX_KNOWN_ADDRESSES):
        throttle.record_success(address_number(number), "bob")
    assert not throttle.is_known_address(OFFICE)


def test_expired_addresses_of_an_account_are_deleted(clock: FakeClock) -> None:
    throttle = LoginThrottle(10, 600, clock)
    for number in range(10):
        throttle.record_success(address_number(number), "alice")
    clock.now += KNOWN_SECONDS
    throttle.record_success(OFFICE, "alice")
    assert len(throttle._known["alice"]) == len(throttle._known_addresses) == 1

"""The limits by address, with a clock that the test moves."""

import gc
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from chat_server.access.rate_limits import (
    REMEMBERED_ADDRESSES,
    ConnectionsPerAddress,
    ConnectionsWithoutLogin,
    LoginThrottle,
    RecentEvents,
)
from chat_server.addresses import LOOPBACK, block_of, parse_network
from tests.support.fake_clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_throttle_lets_ten_failures_through_and_then_nothing(clock: Clock) -> None:
    throttle = LoginThrottle(10, 600, clock)
    for _ in range(10):
        assert throttle.retry_after("192.0.2.1") == 0.0
        assert throttle.failed("192.0.2.1") == 0.0
        clock.now += 1
    assert throttle.retry_after("192.0.2.1") == pytest.approx(590)
    assert throttle.retry_after("192.0.2.2") == 0.0


def test_throttle_opens_when_the_oldest_failure_is_old_enough(clock: Clock) -> None:
    throttle = LoginThrottle(2, 600, clock)
    throttle.failed("::1")
    clock.now += 100
    throttle.failed("::1")
    clock.now += 499.5
    assert throttle.retry_after("::1") == pytest.approx(0.5)
    clock.now += 0.5
    assert throttle.retry_after("::1") == 0.0
    throttle.failed("::1")
    assert throttle.retry_after("::1") == pytest.approx(100)


def test_throttle_counts_no_more_than_it_lets_through(clock: Clock) -> None:
    throttle = LoginThrottle(2, 600, clock)
    assert [throttle.failed("127.0.0.1") for _ in range(3)] == pytest.approx([0.0, 0.0, 600.0])
    clock.now += 600
    assert throttle.failed("127.0.0.1") == 0.0


def test_throttle_tells_exactly_ten_failures_however_many_fail_at_once() -> None:
    throttle = LoginThrottle(10, 600)
    start = threading.Barrier(8)
    waits: list[float] = []

    def fail() -> None:
        start.wait()
        waits.extend(throttle.failed("192.0.2.1") for _ in range(5))

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waits.count(0.0) == 10


def test_throttle_of_zero_is_off(clock: Clock) -> None:
    throttle = LoginThrottle(0, 600, clock)
    assert {throttle.failed("192.0.2.1") for _ in range(100)} == {0.0}
    assert throttle.retry_after("192.0.2.1") == 0.0


def test_throttle_forgets_first_who_failed_longest_ago(clock: Clock) -> None:
    throttle = LoginThrottle(1, 600, clock, remembered=2)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        throttle.failed(address)
    assert throttle.retry_after("192.0.2.1") == 0.0
    assert throttle.retry_after("192.0.2.2") > 0
    assert throttle.retry_after("192.0.2.3") > 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:1"),
        ("2001:db8:0:0:1::", "2001:0db8:0:0:0:0:0:2"),
        ("fe80::1%eth0", "fe80::2%eth1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_addresses_that_count_as_one(clock: Clock, one: str, other: str) -> None:
    throttle = LoginThrottle(1, 600, clock)
    throttle.failed(one)
    assert throttle.retry_after(other) > 0
    connections = ConnectionsPerAddress(1, ())
    assert connections.admit(one)
    assert not connections.admit(other)
    without_login = ConnectionsWithoutLogin(1, 600, (), clock)
    without_login.ended(one)
    assert without_login.retry_after(other) > 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8:0:1::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("no address", "none either"),
    ],
)
def test_addresses_that_count_apart(clock: Clock, one: str, other: str) -> None:
    throttle = LoginThrottle(1, 600, clock)
    throttle.failed(one)
    assert throttle.retry_after(other) == 0.0


def test_connections_are_counted_and_given_back() -> None:
    connections = ConnectionsPerAddress(2, ())
    assert [connections.admit("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert connections.admit("192.0.2.2")
    connections.release("192.0.2.1")
    assert [connections.admit("192.0.2.1") for _ in range(2)] == [True, False]


def test_connections_of_this_machine_are_exempt_only_if_said() -> None:
    exempt = ConnectionsPerAddress(1, LOOPBACK)
    assert [exempt.admit("127.0.0.1") for _ in range(3)] == [True, True, True]
    exempt.release("127.0.0.1")
    counted = ConnectionsPerAddress(1, ())
    assert [counted.admit("127.0.0.1") for _ in range(2)] == [True, False]


def test_connections_without_limit() -> None:
    connections = ConnectionsPerAddress(0, ())
    assert all(connections.admit("192.0.2.1") for _ in range(100))
    connections.release("192.0.2.1")


def test_thirty_two_connections_without_a_login_are_let_in_and_then_none(clock: Clock) -> None:
    without_login = ConnectionsWithoutLogin(32, 600, (), clock)
    for _ in range(32):
        assert without_login.retry_after("192.0.2.1") == 0.0
        without_login.ended("192.0.2.1")
        clock.now += 1
    assert without_login.retry_after("192.0.2.1") == pytest.approx(568)
    assert without_login.retry_after("192.0.2.2") == 0.0
    clock.now += 568
    assert without_login.retry_after("192.0.2.1") == 0.0


def test_asking_at_the_door_does_not_count(clock: Clock) -> None:
    without_login = ConnectionsWithoutLogin(1, 600, (), clock)
    without_login.ended("192.0.2.1")
    for _ in range(600):
        assert without_login.retry_after("192.0.2.1") > 0
        clock.now += 1
    assert without_login.retry_after("192.0.2.1") == 0.0


def test_what_was_under_way_is_counted_too_and_takes_the_place_of_the_oldest(clock: Clock) -> None:
    without_login = ConnectionsWithoutLogin(2, 600, (), clock)
    for _ in range(4):
        without_login.ended("192.0.2.1")
        clock.now += 10
    assert without_login.retry_after("192.0.2.1") == pytest.approx(600 - 20)


def test_connections_without_a_login_without_limit(clock: Clock) -> None:
    without_login = ConnectionsWithoutLogin(0, 600, (), clock)
    for _ in range(100):
        without_login.ended("192.0.2.1")
    assert without_login.retry_after("192.0.2.1") == 0.0


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::5"])
def test_trusted_networks_are_exempt_from_both_limits_on_connections(
    clock: Clock, address: str
) -> None:
    trusted = (parse_network("10.1.0.0/16"), parse_network("2001:db8::/48"))
    connections = ConnectionsPerAddress(1, trusted)
    assert [connections.admit(address) for _ in range(3)] == [True, True, True]
    without_login = ConnectionsWithoutLogin(1, 600, trusted, clock)
    for _ in range(3):
        without_login.ended(address)
    assert without_login.retry_after(address) == 0.0


MILLION = 1_000_000


def spray(number: int) -> str:
    """One of a million addresses: half of them IPv4, half in a /64 of its own each."""
    if number % 2:
        return socket.inet_ntoa(number.to_bytes(4))
    return socket.inet_ntop(socket.AF_INET6, (number << 70).to_bytes(16))


@contextmanager
def megabytes_at_most(most: float) -> Iterator[None]:
    """Fail where what is made within, and still there at its end, takes more."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < most * 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [LoginThrottle, ConnectionsWithoutLogin])
def test_a_million_addresses_fill_a_bounded_table(
    clock: Clock, kind: type[LoginThrottle] | type[ConnectionsWithoutLogin]
) -> None:
    note: Callable[[str], object]
    if kind is LoginThrottle:
        throttle = LoginThrottle(10, 600, clock)
        note, table = throttle.failed, throttle._failures._times
        wait = throttle.retry_after
    else:
        without_login = ConnectionsWithoutLogin(32, 600, (), clock)
        note, table = without_login.ended, without_login._ended._times
        wait = without_login.retry_after
    for number in range(MILLION - 1):
        note(spray(number))
    assert len(table) == REMEMBERED_ADDRESSES
    clock.now += 600
    # What a spray left goes with the events after it: two for one.
    for number in range(REMEMBERED_ADDRESSES):
        note(spray(number))
    assert len(table) <= REMEMBERED_ADDRESSES
    clock.now += 600
    assert wait(spray(5)) == 0.0


@pytest.mark.parametrize(("limit", "megabytes"), [(10, 30), (32, 40)])
def test_the_memory_of_a_full_table(clock: Clock, limit: int, megabytes: float) -> None:
    with megabytes_at_most(megabytes):
        events = RecentEvents(limit, 600, REMEMBERED_ADDRESSES)
        for number in range(REMEMBERED_ADDRESSES + 1000):
            block = block_of(spray(number))
            for _ in range(limit + 1):
                events.add(block, clock.now)


def test_a_million_connections_one_after_the_other_leave_nothing() -> None:
    connections = ConnectionsPerAddress(16, ())
    for number in range(MILLION):
        address = spray(number)
        assert connections.admit(address)
        connections.release(address)
    assert not connections._connections


def test_asking_for_a_million_addresses_leaves_nothing(clock: Clock) -> None:
    throttle = LoginThrottle(10, 600, clock)
    for number in range(MILLION):
        throttle.retry_after(spray(number))
    assert not throttle._failures._times

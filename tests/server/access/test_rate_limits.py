"""The limits per address, with a fake clock."""

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chat_server.access.login_throttle import LoginThrottle
from chat_server.access.rate_limits import (
    MAX_TRACKED_ADDRESSES,
    ConnectionLimiter,
    SlidingWindow,
    UnauthenticatedLimiter,
)
from chat_server.addresses import LOOPBACK, parse_network, rate_limit_key
from tests.support.fake_clock import FakeClock
from tests.support.many_addresses import MANY_ADDRESSES, address_number


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8::1", "2001:db8::ffff:1"),
        ("2001:db8:0:0:1::", "2001:0db8:0:0:0:0:0:2"),
        ("fe80::1%eth0", "fe80::2%eth1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_limiters_share_one_counter_for_equivalent_addresses(
    clock: FakeClock, first: str, second: str
) -> None:
    throttle = LoginThrottle(1, 600, clock)
    throttle.record_failure(first, "alice")
    assert throttle.retry_after(second, "alice") > 0
    connections = ConnectionLimiter(1, ())
    assert connections.admit(first)
    assert not connections.admit(second)
    without_login = UnauthenticatedLimiter(1, 600, (), clock)
    without_login.record_unauthenticated(first)
    assert without_login.retry_after(second) > 0


def test_connection_limiter_admits_again_after_release() -> None:
    connections = ConnectionLimiter(2, ())
    assert [connections.admit("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert connections.admit("192.0.2.2")
    connections.release("192.0.2.1")
    assert [connections.admit("192.0.2.1") for _ in range(2)] == [True, False]


def test_connection_limiter_exempts_loopback_only_if_configured() -> None:
    exempt = ConnectionLimiter(1, LOOPBACK)
    assert [exempt.admit("127.0.0.1") for _ in range(3)] == [True, True, True]
    exempt.release("127.0.0.1")
    counted = ConnectionLimiter(1, ())
    assert [counted.admit("127.0.0.1") for _ in range(2)] == [True, False]


def test_connection_limiter_with_limit_zero_is_disabled() -> None:
    connections = ConnectionLimiter(0, ())
    assert all(connections.admit("192.0.2.1") for _ in range(100))
    connections.release("192.0.2.1")


def test_unauthenticated_limiter_rejects_after_32_connections(clock: FakeClock) -> None:
    without_login = UnauthenticatedLimiter(32, 600, (), clock)
    for _ in range(32):
        assert without_login.retry_after("192.0.2.1") == 0.0
        without_login.record_unauthenticated("192.0.2.1")
        clock.now += 1
    assert without_login.retry_after("192.0.2.1") == pytest.approx(568)
    assert without_login.retry_after("192.0.2.2") == 0.0
    clock.now += 568
    assert without_login.retry_after("192.0.2.1") == 0.0


def test_ipv6_sites_may_have_several_times_the_connections_without_login(clock: FakeClock) -> None:
    without_login = UnauthenticatedLimiter(2, 600, (), clock)
    connections = 0
    for customer in range(256):
        for network in range(256):
            address = f"2001:db8:0:{customer:02x}{network:02x}::1"
            while without_login.retry_after(address) == 0.0:
                without_login.record_unauthenticated(address)
                connections += 1
        if customer == 0:
            assert connections == 4 * 2
    assert connections == 16 * 2
    assert without_login.retry_after("2001:db8:1::1") == 0.0


def test_open_connections_without_login_are_limited_by_site() -> None:
    connections = ConnectionLimiter(16, (*LOOPBACK,))
    assert connections.admit("2001:db8::1", [255, 63, 15])
    assert not connections.admit("2001:db8::1", [256, 63, 15])
    assert not connections.admit("2001:db8::1", [255, 64, 15])
    assert connections.admit("127.0.0.1", [1000])


def test_unauthenticated_limiter_does_not_count_retry_after_queries(clock: FakeClock) -> None:
    without_login = UnauthenticatedLimiter(1, 600, (), clock)
    without_login.record_unauthenticated("192.0.2.1")
    for _ in range(600):
        assert without_login.retry_after("192.0.2.1") > 0
        clock.now += 1
    assert without_login.retry_after("192.0.2.1") == 0.0


def test_unauthenticated_limiter_counts_open_connections_and_drops_oldest(clock: FakeClock) -> None:
    without_login = UnauthenticatedLimiter(2, 600, (), clock)
    for _ in range(4):
        without_login.record_unauthenticated("192.0.2.1")
        clock.now += 10
    assert without_login.retry_after("192.0.2.1") == pytest.approx(600 - 20)


def test_unauthenticated_limiter_with_limit_zero_is_disabled(clock: FakeClock) -> None:
    without_login = UnauthenticatedLimiter(0, 600, (), clock)
    for _ in range(100):
        without_login.record_unauthenticated("192.0.2.1")
    assert without_login.retry_after("192.0.2.1") == 0.0


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::5"])
def test_trusted_networks_are_exempt_from_connection_limits(clock: FakeClock, address: str) -> None:
    trusted = (parse_network("10.1.0.0/16"), parse_network("2001:db8::/48"))
    connections = ConnectionLimiter(1, trusted)
    assert [connections.admit(address) for _ in range(3)] == [True, True, True]
    without_login = UnauthenticatedLimiter(1, 600, trusted, clock)
    for _ in range(3):
        without_login.record_unauthenticated(address)
    assert without_login.retry_after(address) == 0.0


@contextmanager
def assert_memory_below(megabytes: float) -> Iterator[None]:
    """Fail if objects that are created in the block, and exist at its end, take more."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < megabytes * 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [LoginThrottle, UnauthenticatedLimiter])
def test_limiter_table_stays_bounded_for_many_addresses(
    clock: FakeClock, kind: type[LoginThrottle] | type[UnauthenticatedLimiter]
) -> None:
    if kind is LoginThrottle:
        throttle = LoginThrottle(10, 600, clock)
        table = throttle._failures._times

        def record(address: str) -> object:
            return throttle.record_failure(address, "alice")

        def wait(address: str) -> float:
            return throttle.retry_after(address, "alice")

    else:
        without_login = UnauthenticatedLimiter(32, 600, (), clock)
        table = without_login._recent[0]._times
        record, wait = without_login.record_unauthenticated, without_login.retry_after
    for number in range(MANY_ADDRESSES - 1):
        record(address_number(number))
    assert len(table) == MAX_TRACKED_ADDRESSES
    clock.now += 600
    # Each later event deletes up to two expired entries.
    for number in range(MAX_TRACKED_ADDRESSES):
        record(address_number(number))
    assert len(table) <= MAX_TRACKED_ADDRESSES
    clock.now += 600
    assert wait(address_number(5)) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "megabytes"), [(10, 30), (32, 40)])
def test_full_sliding_window_table_stays_below_memory_limit(
    clock: FakeClock, limit: int, megabytes: float
) -> None:
    with assert_memory_below(megabytes):
        events = SlidingWindow(limit, 600, MAX_TRACKED_ADDRESSES)
        for number in range(MAX_TRACKED_ADDRESSES + 1000):
            key = rate_limit_key(address_number(number))
            for _ in range(limit + 1):
                events.add(key, clock.now)


@pytest.mark.slow
def test_connection_limiter_keeps_no_entry_after_many_connections() -> None:
    connections = ConnectionLimiter(16, ())
    for number in range(MANY_ADDRESSES):
        address = address_number(number)
        assert connections.admit(address)
        connections.release(address)
    assert not connections._connections

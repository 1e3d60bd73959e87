"""The pace of connections that do not log in, with a fake clock."""

from __future__ import annotations

from chat_server.access.connection_pace import BURST, PER_SECOND, ConnectionPace
from tests.support.fake_clock import FakeClock


def test_address_waits_after_a_burst_of_connections_without_login(clock: FakeClock) -> None:
    pace = ConnectionPace(enabled=True, clock=clock)
    for _ in range(BURST):
        assert not pace.must_wait("127.0.0.1")
        pace.record_unauthenticated("127.0.0.1")
    assert pace.must_wait("127.0.0.1")
    assert not pace.must_wait("127.0.0.2")
    clock.now += 1.001 / PER_SECOND
    assert not pace.must_wait("127.0.0.1")


def test_address_may_connect_at_the_rate_in_the_long_run(clock: FakeClock) -> None:
    pace = ConnectionPace(enabled=True, clock=clock)
    connections = 0
    for _ in range(10_000):
        clock.now += 0.01
        if not pace.must_wait("127.0.0.1"):
            pace.record_unauthenticated("127.0.0.1")
            connections += 1
    assert connections <= BURST + 100 * PER_SECOND + 1


def test_ipv6_addresses_of_one_network_share_the_pace(clock: FakeClock) -> None:
    pace = ConnectionPace(enabled=True, clock=clock)
    for number in range(BURST):
        pace.record_unauthenticated(f"2001:db8::{number:x}")
    assert pace.must_wait("2001:db8::ffff")
    assert not pace.must_wait("2001:db8:0:1::1")


def test_pace_can_be_switched_off(clock: FakeClock) -> None:
    pace = ConnectionPace(enabled=False, clock=clock)
    for _ in range(2 * BURST):
        pace.record_unauthenticated("127.0.0.1")
    assert not pace.must_wait("127.0.0.1")


def test_connections_of_an_address_without_logins_count_as_more(clock: FakeClock) -> None:
    pace = ConnectionPace(enabled=True, clock=clock)
    assert pace.weight("127.0.0.1") == 1
    for _ in range(64):
        pace.record_unauthenticated("127.0.0.1")
    assert pace.weight("127.0.0.1") == 4
    assert pace.weight("127.0.0.2") == 1
    clock.now += 60
    assert pace.weight("127.0.0.1") == 1
    assert ConnectionPace(enabled=False).weight("127.0.0.1") == 0

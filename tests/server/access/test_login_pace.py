"""The pace of logins: a burst, then one each interval, counted for each key alone."""

from __future__ import annotations

import pytest

from chat_server.access.login_pace import LoginPace
from tests.support.fake_clock import FakeClock


def test_logins_within_burst_are_not_delayed(clock: FakeClock) -> None:
    pace = LoginPace(3, 2.0, clock)
    delays = []
    for _ in range(5):
        delays.append(pace.delay("alice"))
        pace.record("alice")
    assert delays == pytest.approx([0.0, 0.0, 0.0, 2.0, 4.0])
    assert pace.delay("bob") == 0.0


def test_delay_ends_with_time(clock: FakeClock) -> None:
    pace = LoginPace(1, 2.0, clock)
    pace.record("alice")
    clock.now += 1.5
    assert pace.delay("alice") == pytest.approx(0.5)
    clock.now += 0.5
    assert pace.delay("alice") == 0.0


def test_delay_is_bounded_however_many_logins_were_admitted_together(clock: FakeClock) -> None:
    pace = LoginPace(3, 2.0, clock)
    for _ in range(1000):
        pace.record("alice")
    assert pace.delay("alice") <= 2 * 3 * 2.0


def test_pace_with_burst_zero_is_disabled(clock: FakeClock) -> None:
    pace = LoginPace(0, 2.0, clock)
    for _ in range(100):
        pace.record("alice")
    assert pace.delay("alice") == 0.0


def test_table_of_pace_is_bounded_and_drops_what_is_over(clock: FakeClock) -> None:
    pace = LoginPace(3, 2.0, clock, max_keys=100)
    for number in range(1000):
        pace.record(number)
    assert len(pace._paid_at) == 100
    clock.now += 10
    for number in range(60):
        pace.record(number)
    assert len(pace._paid_at) <= 60

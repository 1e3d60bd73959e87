"""Refusals in the log, with a clock that the test moves: a flood of them does not fill it."""

from __future__ import annotations

import io

import pytest

from chat_server.observability.event_log import EventLog
from chat_server.observability.rejection_log import RejectionLog
from tests.support.fake_clock import FakeClock

WHY = "too many connections from this address"


class RejectionHarness:
    """Refusals, and the lines that they left."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._stream = io.StringIO()
        self._log = RejectionLog(EventLog(self._stream), self.clock)

    def refuse(self, host: str, times: int = 1) -> None:
        for port in range(times):
            self._log.record(host, port, WHY)

    def lines(self) -> list[str]:
        """What was logged since the last call, without the time."""
        lines = [line.split("] ", 1)[1] for line in self._stream.getvalue().splitlines()]
        self._stream.seek(0)
        self._stream.truncate()
        return lines


@pytest.fixture
def door() -> RejectionHarness:
    return RejectionHarness()


def test_rejection_log_writes_first_at_once_and_then_one_per_minute(door: RejectionHarness) -> None:
    door.refuse("192.0.2.1", 100)
    assert door.lines() == [f"Refused 192.0.2.1:0: {WHY}"]
    door.clock.now += 59
    door.refuse("192.0.2.1")
    assert door.lines() == []
    door.clock.now += 1
    door.refuse("192.0.2.1", 5)
    assert door.lines() == [f"Refused 192.0.2.1:0: {WHY} (and 100 more from there)"]
    door.clock.now += 60
    door.refuse("192.0.2.1")
    assert door.lines() == [f"Refused 192.0.2.1:0: {WHY} (and 4 more from there)"]


def test_rejection_log_groups_ipv6_addresses_by_64_prefix(door: RejectionHarness) -> None:
    for host in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"):
        door.refuse(host)
    assert [line.split(": ")[0] for line in door.lines()] == [
        "Refused 192.0.2.1:0",
        "Refused 192.0.2.2:0",
        "Refused [2001:db8::1]:0",
    ]


def test_rejection_log_stays_bounded_for_a_million_addresses(door: RejectionHarness) -> None:
    for number in range(1_000_000):
        door.refuse(f"2001:db8:{number // 65536:x}:{number % 65536:x}::1")
    assert len(door.lines()) == len(door._log._lines) == 256
    door.clock.now += 60
    door.refuse("192.0.2.1")
    (line,) = door.lines()
    assert line == f"Refused 192.0.2.1:0: {WHY} (and {1_000_000 - 256} from other addresses)"
    for number in range(1000):
        door.refuse(f"192.0.2.{number % 256}")
    assert len(door._log._lines) <= 256


def test_rejection_log_reports_counts_of_evicted_addresses(door: RejectionHarness) -> None:
    door.refuse("192.0.2.1", 10)
    for number in range(255):
        door.refuse(f"198.51.100.{number}")
    door.lines()
    door.clock.now += 60
    door.refuse("203.0.113.1")
    assert door.lines() == [f"Refused 203.0.113.1:0: {WHY} (and 9 from other addresses)"]

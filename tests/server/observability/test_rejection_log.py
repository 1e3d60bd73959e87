"""The log of rejected connections, with a fake clock: a flood cannot fill it."""

from __future__ import annotations

import io

import pytest

from chat_server.observability.event_log import EventLog
from chat_server.observability.rejection_log import RejectionLog
from tests.support.fake_clock import FakeClock

REASON = "too many connections from this address"


class RejectionHarness:
    """A rejection log and the lines that it wrote."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._stream = io.StringIO()
        self._log = RejectionLog(EventLog(self._stream), self.clock)

    def reject(self, host: str, times: int = 1) -> None:
        for port in range(times):
            self._log.record(host, port, REASON)

    def lines(self) -> list[str]:
        """Return the lines since the last call, without their time."""
        lines = [line.split("] ", 1)[1] for line in self._stream.getvalue().splitlines()]
        self._stream.seek(0)
        self._stream.truncate()
        return lines


@pytest.fixture
def harness() -> RejectionHarness:
    return RejectionHarness()


def test_rejection_log_writes_first_at_once_and_then_one_per_minute(
    harness: RejectionHarness,
) -> None:
    harness.reject("192.0.2.1", 100)
    assert harness.lines() == [f"Refused 192.0.2.1:0: {REASON}"]
    harness.clock.now += 59
    harness.reject("192.0.2.1")
    assert harness.lines() == []
    harness.clock.now += 1
    harness.reject("192.0.2.1", 5)
    assert harness.lines() == [f"Refused 192.0.2.1:0: {REASON} (and 100 more from there)"]
    harness.clock.now += 60
    harness.reject("192.0.2.1")
    assert harness.lines() == [f"Refused 192.0.2.1:0: {REASON} (and 4 more from there)"]


def test_rejection_log_groups_ipv6_addresses_by_64_prefix(harness: RejectionHarness) -> None:
    for host in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"):
        harness.reject(host)
    assert [line.split(": ")[0] for line in harness.lines()] == [
        "Refused 192.0.2.1:0",
        "Refused 192.0.2.2:0",
        "Refused [2001:db8::1]:0",
    ]


@pytest.mark.slow
def test_rejection_log_stays_bounded_for_many_addresses(harness: RejectionHarness) -> None:
    for number in range(100_000):
        harness.reject(f"2001:db8:{number // 65536:x}:{number % 65536:x}::1")
    assert len(harness.lines()) == len(harness._log._lines) == 256
    harness.clock.now += 60
    harness.reject("192.0.2.1")
    (line,) = harness.lines()
    assert line == f"Refused 192.0.2.1:0: {REASON} (and {100_000 - 256} from other addresses)"
    for number in range(1000):
        harness.reject(f"192.0.2.{number % 256}")
    assert len(harness._log._lines) <= 256


def test_rejection_log_reports_counts_of_evicted_addresses(harness: RejectionHarness) -> None:
    harness.reject("192.0.2.1", 10)
    for number in range(255):
        harness.reject(f"198.51.100.{number}")
    harness.lines()
    harness.clock.now += 60
    harness.reject("203.0.113.1")
    assert harness.lines() == [f"Refused 203.0.113.1:0: {REASON} (and 9 from other addresses)"]

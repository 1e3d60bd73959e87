"""The clock that messages are stamped with: local, whatever the zone does meanwhile."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from chat_server.core.clock import LocalClock


@pytest.fixture(autouse=True)
def zone_with_summer_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


SUMMER_TIME_ENDS = 1_792_890_000.0  # 2026-10-25 01:00 UTC: 03:00 +02:00 becomes 02:00 +01:00


@pytest.mark.parametrize("seconds", [-0.5, -0.000001, 0.0, 0.25, 3600.0])
def test_clock_returns_local_time_and_offset_across_dst_change(seconds: float) -> None:
    now = SUMMER_TIME_ENDS - 10
    clock = LocalClock(lambda: now)
    assert clock().utcoffset() == timedelta(hours=2)
    now = SUMMER_TIME_ENDS + seconds
    told = clock()
    assert told == datetime.fromtimestamp(now).astimezone()
    assert told.utcoffset() == timedelta(hours=2 if seconds < 0 else 1)
    assert told.hour == datetime.fromtimestamp(now).hour


def test_clock_follows_system_clock_set_back() -> None:
    now = SUMMER_TIME_ENDS
    clock = LocalClock(lambda: now)
    assert clock().utcoffset() == timedelta(hours=1)
    now -= 3600
    assert clock().utcoffset() == timedelta(hours=2)

"""Times of messages: in the client's zone, whatever the zone of the server is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chat_server.wire.protocol import Message
from chat_tui import events
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.timestamps import ServerClock, not_before_day_of
from chat_tui.storage.log_files import log_line
from tests.support.fake_clock import FakeLocalClock

NOON = datetime(2026, 11, 22, 12, 0)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def arrive(clock: ServerClock, now: datetime, ahead: timedelta) -> datetime:
    """Return the time of a line whose server's clock is `ahead` of the client's."""
    return clock.local_time(f"{now + ahead:%H:%M:%S}", now)


@pytest.mark.parametrize("hours", [-12, -9.5, -1, 0, 0.25, 5.75, 9, 12, 12.75, 14])
@pytest.mark.parametrize("skew", [-5 * MINUTE, -SECOND, timedelta(), 5 * MINUTE])
@pytest.mark.parametrize("hour", [0, 3, 11, 12, 20, 23])
def test_time_of_any_zone_becomes_the_clients(hours: float, skew: timedelta, hour: int) -> None:
    clock = ServerClock()
    for minute in (0, 1, 58, 59):
        now = datetime(2026, 11, 22, hour, minute, 30)
        assert arrive(clock, now, timedelta(hours=hours) + skew) == now + skew


def test_date_is_right_on_both_sides_of_midnight() -> None:
    clock = ServerClock()
    after = datetime(2026, 11, 23, 0, 0, 1)
    assert arrive(clock, after, 9 * HOUR - 3 * SECOND) == after - 3 * SECOND
    before = datetime(2026, 11, 22, 23, 59, 59)
    assert arrive(clock, before, 9 * HOUR + 3 * SECOND) == before + 3 * SECOND


def test_late_lines_keep_their_time() -> None:
    clock = ServerClock()
    assert arrive(clock, NOON, HOUR) == NOON
    # The process was suspended for 50 minutes; then everything arrives at once.
    now = NOON + 50 * MINUTE
    for late in (49, 40, 22, 8, 1, 0):
        assert arrive(clock, now, HOUR - late * MINUTE) == now - late * MINUTE


def test_lines_of_a_long_suspension_keep_their_time() -> None:
    clock = ServerClock()
    assert arrive(clock, NOON, HOUR) == NOON
    now = NOON + 90 * MINUTE
    for late in range(89, -1, -1):  # some are late by the hour of summer time
        assert arrive(clock, now, HOUR - late * MINUTE) == now - late * MINUTE


def test_lines_of_a_growing_backlog_keep_their_time() -> None:
    clock = ServerClock()
    for number in range(60):
        now, late = NOON + number * 30 * SECOND, number * 20 * SECOND
        assert arrive(clock, now, HOUR - late) == now - late


@pytest.mark.parametrize("wrong", [40 * MINUTE, 7.5 * MINUTE, -22.5 * MINUTE])
def test_wrong_clock_of_the_server_moves_all_lines_by_the_same_time(wrong: timedelta) -> None:
    clock = ServerClock()
    arrive(clock, NOON, wrong + SECOND)
    moved = set()
    for number in range(1, 9):
        now, late = NOON + number * MINUTE, number % 3 * SECOND
        moved.add(arrive(clock, now, wrong + SECOND - late) - (now - late))
    assert len(moved) == 1
    assert abs(moved.pop()) <= 7.5 * MINUTE


@pytest.mark.parametrize("step", [60, 30, -30, -60])
def test_summer_time_of_either_side_is_followed_at_once(step: int) -> None:
    clock = ServerClock()
    arrive(clock, NOON, HOUR - 20 * SECOND)
    later = NOON + 5 * MINUTE
    ahead = HOUR - 20 * SECOND + step * MINUTE
    assert arrive(clock, later, ahead) == later - 20 * SECOND


def test_server_clock_that_was_set_is_followed_after_a_minute() -> None:
    clock = ServerClock()
    arrive(clock, NOON, HOUR)
    ahead = HOUR - 3 * HOUR - 20 * SECOND
    shown = [arrive(clock, NOON + n * 20 * SECOND, ahead) for n in range(5)]
    assert shown[-1] == NOON + 80 * SECOND - 20 * SECOND
    assert arrive(clock, NOON + HOUR, HOUR) == NOON + HOUR  # set forward: at once


@pytest.mark.parametrize("wrong", ["25:61:61", "12:00:00Z", "", "x", "12:00:00+01:00"])
def test_invalid_time_becomes_the_time_of_arrival(wrong: str) -> None:
    assert ServerClock().local_time(wrong, NOON) == NOON


def test_line_from_before_midnight_does_not_go_back_to_the_day_before() -> None:
    midnight = datetime(2026, 11, 23)
    before, after = midnight - SECOND, midnight + SECOND
    assert not_before_day_of(before, after) == midnight
    assert not_before_day_of(before, before - SECOND) == before
    assert not_before_day_of(before, None) == before
    assert not_before_day_of(after, before) == after


def test_new_connection_compares_the_clocks_again() -> None:
    model = ChatModel(FakeLocalClock(NOON))
    model.begin("127.0.0.1:9000", "alice")
    for server_time in ("15:00:00", "10:00:00"):
        model.apply(events.SignedIn("alice", ("/join",)))
        model.apply(events.Joined("lobby"))
        model.apply(events.MessageArrived("lobby", Message(server_time, "bob", "hi")))
    assert [entry.timestamp for entry in model.log] == [NOON, NOON]


def test_fast_clock_of_the_server_does_not_mix_two_days() -> None:
    clock = FakeLocalClock(datetime(2026, 11, 22, 23, 57))
    model = ChatModel(clock)
    model.begin("127.0.0.1:9000", "alice")
    model.apply(events.SignedIn("alice", ("/join",)))
    model.apply(events.Joined("lobby"))
    for wire_time in ("00:02:00", "00:02:01"):
        model.apply(events.MessageArrived("lobby", Message(wire_time, "bob", "hi")))
        model.apply(events.PersonJoined("carol", "lobby"))
        model.apply(events.LogNotice("full", "error"))
    days = [entry.timestamp.day for entry in model.log]
    assert days == [23] * 6


@pytest.fixture
def client_zone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the client in the zone that is the parameter."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


# Berlin, as a rule: the tests need no table of zones.
BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"


@pytest.mark.parametrize("client_zone", [BERLIN], indirect=True)
@pytest.mark.usefixtures("client_zone")
@pytest.mark.parametrize("server", [timedelta(), 5.75 * HOUR, -3.5 * HOUR, 14 * HOUR])
@pytest.mark.parametrize("change", ["2026-03-29T01:00+00:00", "2026-10-25T01:00+00:00"])
def test_summer_time_of_the_client_changes_its_times_at_once(
    server: timedelta, change: str
) -> None:
    clock = ServerClock()
    start = datetime.fromisoformat(change)
    for minute in (-70, -2, -1, 0, 1, 59, 61):
        moment = start + minute * MINUTE
        wire = (moment + server).strftime("%H:%M:%S")
        now = datetime.fromtimestamp((moment + SECOND).timestamp())
        assert clock.local_time(wire, now) == now - SECOND


@pytest.mark.parametrize("client_zone", ["Asia/Tokyo"], indirect=True)
@pytest.mark.usefixtures("client_zone")
def test_log_shows_one_zone_and_one_day(tmp_path: Path) -> None:
    clock = FakeLocalClock(datetime(2026, 11, 23, 8, 30))
    model = ChatModel(clock)
    model.begin("127.0.0.1:9000", "alice")
    model.apply(events.SignedIn("alice", ("/join",)))
    model.apply(events.Joined("lobby"))
    # The server is in UTC: it is still Sunday there.
    model.apply(events.MessageArrived("lobby", Message("23:29:58", "bob", "live")))
    model.apply(events.MessagePending(1, "lobby", "own"))
    model.apply(events.MessageSent(1, "23:30:00"))
    past = Message("2026-11-22T23:00:00.000000+00:00", "bob", "past", past=True)
    model.apply(events.MessageArrived("lobby", past))
    model.apply(events.PersonJoined("carol", "lobby"))
    shown = [f"{entry.timestamp:%d %H:%M:%S}" for entry in model.log]
    assert shown == ["23 08:29:58", "23 08:30:00", "23 08:00:00", "23 08:30:00"]
    assert log_line("lobby", model.log[0]) == "2026-11-23T08:29:58 lobby <bob> live"

"""The times that users type, in the zone of the server."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire import format_stamp, parse_stamp, parse_when

NOON = 1_795_348_800_000_000
"""2026-11-22 12:00 UTC, in microseconds since the epoch."""

HOUR = 3_600_000_000


@pytest.fixture(autouse=True)
def berlin(use_zone: Callable[[str], None]) -> None:
    use_zone("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T13:00", NOON),
        ("2026-11-22T13:00:07", NOON + 7_000_000),
        ("2026-11-22", NOON - 13 * HOUR),
        ("2026-11-22T12:00:00.000005+00:00", NOON + 5),
        ("30m", NOON - HOUR // 2),
        ("2h", NOON - 2 * HOUR),
        ("3d", NOON - 72 * HOUR),
        ("0m", NOON),
        ("999999d", 0),
        ("1969-12-31", 0),
        ("0001-01-01", 0),
        ("2026-11-21T13:00", NOON - 24 * HOUR),
        ("2026-08-14T13:00", NOON - 100 * 24 * HOUR - HOUR),  # summer time
    ],
)
def test_time_of_each_form_is_understood(text: str, expected: int) -> None:
    assert parse_when(text, NOON) == expected


@pytest.mark.parametrize("asked_before", ["2026-07-01", "2026-12-01"])
def test_time_that_occurs_twice_or_never_is_always_the_same(asked_before: str) -> None:
    parse_when(asked_before, NOON)
    twice, never = parse_when("2026-10-25T02:30", NOON), parse_when("2026-03-29T02:30", NOON)
    assert twice == parse_stamp("2026-10-25T02:30:00.000000+02:00")
    assert never == parse_stamp("2026-03-29T03:30:00.000000+02:00")


@pytest.mark.parametrize("zone", ["Pacific/Apia", "America/New_York"])
def test_last_day_of_the_calendar_is_later_than_every_message(
    use_zone: Callable[[str], None], zone: str
) -> None:
    use_zone(zone)
    for day in ("9999-12-31", "9999-12-31T23:59:59"):
        when = parse_when(day, NOON)
        assert when is not None
        assert when > 2 * NOON


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "2026-02-30",
        "2026-11-22T24:00",
        "2026-11-22T25:00",
        "0000-01-01",
        "2026-11-22T14",
        "2026-11-22T14:03:07.5",
        "2026-11-22 14:03",
        "14:03",
        "2w",
        "-2h",
        "2.5h",
        "h",
        "1000000m",
        "٣h",
        "2H",
        "2026-11-22\n",
    ],
)
def test_other_words_are_no_time(text: str) -> None:
    assert parse_when(text, NOON) is None


@given(st.integers(0, 4_000_000_000_000_000))
def test_every_stamp_is_a_time(stamp: int) -> None:
    assert parse_when(format_stamp(stamp), NOON) == stamp


@given(st.text(max_size=40))
def test_any_text_is_answered_without_error(text: str) -> None:
    parse_when(text, NOON)

"""Stamps as text: exact in every zone, and strict about their form."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire import format_stamp, parse_stamp, stamps

ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Chatham", "Africa/Monrovia")
"""Whole hours, negative half hours, quarters, and one that had seconds until 1972."""


@pytest.mark.parametrize("name", ZONES)
def test_stamp_text_reads_back_exactly_in_every_zone(
    use_zone: Callable[[str], None], name: str
) -> None:
    use_zone(name)

    @given(st.integers(0, 4_000_000_000_000_000))
    def round_trips(stamp: int) -> None:
        text = format_stamp(stamp)
        assert len(text) == 32
        assert parse_stamp(text) == stamp

    round_trips()


def test_stamp_text_has_local_time_and_offset(use_zone: Callable[[str], None]) -> None:
    use_zone("Europe/Berlin")
    instant = datetime(2026, 11, 22, 13, 3, 7, tzinfo=UTC)
    stamp = int(instant.timestamp()) * 1_000_000 + 45
    assert format_stamp(stamp) == "2026-11-22T14:03:07.000045+01:00"


def test_hour_that_occurs_twice_has_two_stamp_texts(use_zone: Callable[[str], None]) -> None:
    use_zone("Europe/Berlin")
    first = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()) * 1_000_000
    second = first + 3_600_000_000
    assert format_stamp(first) == "2026-10-25T02:30:00.000000+02:00"
    assert format_stamp(second) == "2026-10-25T02:30:00.000000+01:00"


def test_same_instant_in_two_zones_is_one_stamp() -> None:
    assert parse_stamp("2026-11-22T14:03:07.000045+01:00") == parse_stamp(
        "2026-11-22T08:33:07.000045-04:30"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22T14:03:07",
        "2026-11-22T14:03:07.000045",
        "2026-11-22T14:03:07.000045Z",
        "2026-11-22T14:03:07.00004+01:00",
        "2026-11-22 14:03:07.000045+01:00",
        "2026-11-22T14:03:07.000045+0100",
        "2026-11-22T14:03:07.000045+24:00",
        "2026-11-22T14:03:07.000045+01:60",
        "2026-02-30T14:03:07.000045+01:00",
        "2026-11-22T24:03:07.000045+01:00",
        "0000-11-22T14:03:07.000045+01:00",
        "٢٠٢٦-11-22T14:03:07.000045+01:00",
        "2026-11-22T14:03:07.000045+01:00\n",
    ],
)
def test_text_of_another_form_is_no_stamp(text: str) -> None:
    assert parse_stamp(text) is None


def test_stamp_beyond_year_9999_has_text_that_reads_back() -> None:
    assert parse_stamp(format_stamp(2**63 - 1)) is not None


def test_formatting_stamp_does_not_change_process_zone() -> None:
    before = time.tzname
    format_stamp(1)
    assert time.tzname == before


@given(st.integers(0, 4_000_000_000_000_000), st.integers(1, 120))
def test_each_message_of_run_has_its_own_stamp(stamp: int, count: int) -> None:
    texts = [f"text {number}" for number in range(count)]
    messages = stamps.encode_stamped_messages(stamp, "alice", texts)
    actions = stamps.encode_stamped_actions(stamp, "alice", texts)
    assert messages.decode().splitlines() == [
        f"[{format_stamp(stamp + number)}] alice: {text}" for number, text in enumerate(texts)
    ]
    assert actions.decode().splitlines() == [
        f"[{format_stamp(stamp + number)}] * alice {text}" for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize("fraction", [0, 9, 99_990, 999_950, 999_999])
def test_run_that_passes_a_boundary_has_rising_stamps(fraction: int) -> None:
    stamp = 1_795_348_800_000_000 + fraction
    lines = stamps.encode_stamped_messages(stamp, "alice", ["x"] * 100).decode().splitlines()
    read = [parse_stamp(line[1:33]) for line in lines]
    assert read == list(range(stamp, stamp + 100))

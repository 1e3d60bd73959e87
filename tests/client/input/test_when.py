"""Times on the command line: which forms there are, and where an export ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chat_tui.input.when import Until, is_when

STAMP = "2026-11-22T14:03:07.000005+01:00"


@pytest.mark.parametrize(
    "text", ["2026-11-22", "2026-11-22T14:03", "2026-11-22T14:03:07", STAMP, "30m", "2h", "3d"]
)
def test_times_that_the_server_understands_are_accepted(text: str) -> None:
    assert is_when(text)


@pytest.mark.parametrize(
    "text",
    ["", "now", "yesterday", "2026-13-01", "2026-11-22T25:00", "20261122", "3w", "-3d", "14", "٣h"],
)
def test_other_times_are_rejected(text: str) -> None:
    assert not is_when(text)


@pytest.mark.parametrize(
    ("when", "last", "first_behind"),
    [
        ("2026-11-22", "2026-11-22T23:59:59.999999+01:00", "2026-11-23T00:00:00.000000+01:00"),
        ("2026-11-22T14:03", "2026-11-22T14:02:59.999999+01:00", STAMP),
        ("2026-11-22T14:03:07", "2026-11-22T14:03:06.999999+01:00", STAMP),
        (STAMP, "2026-11-22T14:03:07.000004+01:00", STAMP),
        ("1h", "2026-11-22T12:00:00.000000+01:00", "2026-11-22T12:00:00.000001+01:00"),
        ("now", "9999-11-22T12:00:00.000000+01:00", None),
    ],
)
def test_export_ends_at_the_time(when: str, last: str, first_behind: str | None) -> None:
    until = Until(when, datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert not until.excludes(last)
    assert first_behind is None or until.excludes(first_behind)


def test_export_up_to_a_time_before_the_first_year_is_empty() -> None:
    until = Until("999999d", datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert until.excludes("2026-11-22T12:00:00.000000+01:00")

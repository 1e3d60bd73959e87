"""The record counter finds the amount of plain text without decrypting it."""

from __future__ import annotations

import pytest

from benchmarks.python_load.records import RecordCounter


def record(length: int) -> bytes:
    """Return a record of application data that holds `length` bytes of plain text."""
    body = length + 17
    return bytes([23, 3, 3, body >> 8, body & 255]) + b"?" * body


@pytest.mark.parametrize("size", [1, 3, 5, 6, 100, 10_000])
def test_record_counter_counts_each_record_once_for_any_split(size: int) -> None:
    records = RecordCounter()
    data = record(120) + record(0) + record(300) + record(6_000)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert sum(records.feed(memoryview(piece)) for piece in pieces) == 6_420


def test_record_counter_counts_a_record_at_its_last_byte() -> None:
    records = RecordCounter()
    assert records.feed(record(120)[:-1]) == 0
    assert records.feed(b"?") == 120


def test_record_counter_rejects_plain_text() -> None:
    with pytest.raises(ValueError, match="type 91"):
        RecordCounter().feed(b"[12:00:00] u00000: in plain text")

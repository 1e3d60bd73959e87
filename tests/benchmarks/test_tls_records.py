"""Plain text is counted by the headers of records as well as by who decrypts it."""

from __future__ import annotations

import pytest

from benchmarks.python_load.records import Records


def record(length: int) -> bytes:
    """A record of application data that holds so many bytes of plain text."""
    body = length + 17
    return bytes([23, 3, 3, body >> 8, body & 255]) + b"?" * body


@pytest.mark.parametrize("piece", [1, 3, 5, 6, 100, 10_000])
def test_records_count_once_each_however_they_come(piece: int) -> None:
    records = Records()
    data = record(120) + record(0) + record(300) + record(6_000)
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    assert sum(records.take(memoryview(piece)) for piece in pieces) == 6_420


def test_a_record_counts_when_its_last_byte_has_come() -> None:
    records = Records()
    assert records.take(record(120)[:-1]) == 0
    assert records.take(b"?") == 120


def test_what_is_no_record_is_an_error() -> None:
    with pytest.raises(ValueError, match="type 91"):
        Records().take(b"[12:00:00] u00000: in plain text")

"""The count of TLS records in a stream that arrives in any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire.tls_records import TlsRecordCounter


def record(size: int) -> bytes:
    return b"\x17\x03\x03" + size.to_bytes(2) + bytes(size)


@pytest.mark.parametrize("sizes", [[], [0], [22], [16640], [0, 0, 0], [22] * 150, [1, 16640, 5]])
def test_records_of_one_piece_are_counted(sizes: list[int]) -> None:
    assert TlsRecordCounter().count(b"".join(map(record, sizes))) == len(sizes)


@given(st.lists(st.integers(0, 60), max_size=20), st.lists(st.integers(1, 80), min_size=1))
def test_each_record_is_counted_once_in_any_pieces(sizes: list[int], pieces: list[int]) -> None:
    data = b"".join(map(record, sizes))
    counter = TlsRecordCounter()
    counted = 0
    while data:
        for piece in pieces:
            counted += counter.count(data[:piece])
            data = data[piece:]
    assert counted == len(sizes)

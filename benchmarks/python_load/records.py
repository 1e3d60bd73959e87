"""The amount of plain text in TLS records, read from their headers without a key."""

from __future__ import annotations

from typing import Final

_HEADER: Final = 5
"""Type, version, length (RFC 8446, section 5.1)."""

_APPLICATION_DATA: Final = 23

_OVERHEAD: Final = 17
"""Bytes that TLS 1.3 adds to a record: its real type, and a tag of 16 bytes (section 5.2)."""


class RecordCounter:
    """A counter for the records of one connection, from the end of its handshake on."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes | memoryview) -> int:
        """Return the bytes of plain text in the records that this data completes.

        Raise `ValueError` if the data is not a TLS 1.3 record with application data.
        """
        if self._rest:
            data = self._rest + data
        at = plain = 0
        while (body := at + _HEADER) <= len(data):
            if data[at] != _APPLICATION_DATA:
                raise ValueError(f"unexpected TLS record of type {data[at]}")
            length = data[at + 3] << 8 | data[at + 4]
            if body + length > len(data):
                break
            plain += length - _OVERHEAD
            at = body + length
        self._rest = bytes(data[at:])
        return plain

"""Counts the records in the input of a TLS stream, by their headers (RFC 8446, section 5.1). Pure.

Each record costs some work, also one that is empty or requests new keys. The headers are not
encrypted, so the work can be bounded without decrypting anything.
"""

from __future__ import annotations

from typing import Final

_HEADER_SIZE: Final = 5


class TlsRecordCounter:
    """A counter of the records that begin in each piece of a stream."""

    __slots__ = ("_header", "_rest")

    def __init__(self) -> None:
        self._header = b""
        """The start of a header of which bytes are still missing."""
        self._rest = 0
        """Bytes of the current record that have not arrived."""

    def count(self, data: bytes) -> int:
        """Return how many complete headers the next piece of the stream has."""
        skipped = min(self._rest, len(data))
        self._rest -= skipped
        if self._rest:
            return 0
        data = self._header + data[skipped:]
        position = records = 0
        while position + _HEADER_SIZE <= len(data):
            length = int.from_bytes(data[position + 3 : position + _HEADER_SIZE])
            position += _HEADER_SIZE + length
            records += 1
        self._header = data[position:]
        self._rest = max(0, position - len(data))
        return records

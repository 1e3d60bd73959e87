"""How much plain text is in TLS records, which their headers tell without a key."""

from __future__ import annotations

from typing import Final

_HEADER: Final = 5
"""Type, version, length (RFC 8446, section 5.1)."""

_APPLICATION_DATA: Final = 23

_SEALING: Final = 17
"""What TLS 1.3 adds to a record: its real type, and a tag of 16 bytes (section 5.2)."""


class Records:
    """The records of one connection, from the end of its handshake on."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes | memoryview) -> int:
        """Count the bytes of plain text in the records that these bytes complete.

        Raises `ValueError` for what is no record of TLS 1.3.
        """
        if self._rest:
            data = self._rest + data
        at = plain = 0
        while (body := at + _HEADER) <= len(data):
            if data[at] != _APPLICATION_DATA:
                raise ValueError(f"a TLS record of type {data[at]}")
            length = data[at + 3] << 8 | data[at + 4]
            if body + length > len(data):
                break
            plain += length - _SEALING
            at = body + length
        self._rest = bytes(data[at:])
        return plain

"""The PROXY protocol, versions 1 and 2: the header by which a load balancer names its client.

The header is the first thing on a connection, before TLS. Its specification is
`doc/proxy-protocol.txt` of HAProxy. Pure: no I/O, and any thread may use a parser of its own.
"""

from __future__ import annotations

import socket
from typing import Final, NamedTuple

MAX_HEADER_BYTES: Final = 16 + 4096
"""Longest header that is accepted. Version 2 could announce 64 KiB; balancers that add all their
extensions, with the name in a client's certificate, need some hundreds of bytes."""

_V1: Final = b"PROXY "
_V1_LIMIT: Final = 107
"""Longest line of version 1, with its CRLF (specification, section 2.1)."""

_V2: Final = b"\r\n\r\n\0\r\nQUIT\n"
_V2_FIXED: Final = 16
"""Bytes of version 2 that each header has: signature, command, family and length."""

_LOCAL: Final = 0x20
_PROXY: Final = 0x21
_TCP4: Final = 0x11
_TCP6: Final = 0x21
_NO_ADDRESS: Final = frozenset({0x00, 0x31})
"""Families without an IP address: unspecified, and a stream over a Unix socket."""

_MAPPED: Final = bytes(10) + b"\xff\xff"
"""The prefix of an IPv4 address that is written as IPv6."""


class ProxyHeaderError(ValueError):
    """The bytes are not a header. The text is one of a few fixed reasons, for the log."""


class ProxyHeader(NamedTuple):
    """What a header says about the client."""

    client: tuple[str, int] | None
    """Address and port of the client. None: the balancer speaks for itself, as in a health check,
    or does not know. Then the addresses of the connection count."""


class ProxyHeaderParser:
    """The header of one connection, in whatever pieces it arrives."""

    def __init__(self) -> None:
        self._received = b""
        self.header: ProxyHeader | None = None
        """The header once it is complete."""

    def feed(self, data: bytes) -> int:
        """Take the next bytes of the connection. Return how many of them belong to the header.

        All of them do while the header is incomplete. The caller must not call it again after that.
        Raises `ProxyHeaderError` as soon as the bytes cannot become a header.
        """
        assert self.header is None
        before = len(self._received)
        self._received += data
        parsed = _parse(self._received)
        if parsed is None:
            return len(data)
        self.header, size = parsed
        return size - before


def _parse(data: bytes) -> tuple[ProxyHeader, int] | None:
    """Return the header at the start of `data` and its size, or None if it is incomplete."""
    for signature, parse in ((_V1, _parse_v1), (_V2, _parse_v2)):
        if data.startswith(signature):
            return parse(data)
        if signature.startswith(data):
            return None
    raise ProxyHeaderError("no PROXY header")


def _parse_v1(data: bytes) -> tuple[ProxyHeader, int] | None:
    line, end, _ = data[:_V1_LIMIT].partition(b"\r\n")
    if not end:
        if len(data) < _V1_LIMIT:
            return None
        raise ProxyHeaderError("a PROXY header that is too long")
    size = len(line) + len(end)
    match line.split(b" "):
        case [_, b"UNKNOWN", *_]:
            return ProxyHeader(None), size
        case [_, b"TCP4", source, target, source_port, target_port]:
            family = socket.AF_INET
        case [_, b"TCP6", source, target, source_port, target_port]:
            family = socket.AF_INET6
        case _:
            raise ProxyHeaderError("an invalid PROXY header")
    _, _ = _packed(family, target), _port(target_port)
    return ProxyHeader((_host(_packed(family, source)), _port(source_port))), size


def _parse_v2(data: bytes) -> tuple[ProxyHeader, int] | None:
    if len(data) < _V2_FIXED:
        return None
    command, family = data[12], data[13]
    size = _V2_FIXED + int.from_bytes(data[14:16])
    if size > MAX_HEADER_BYTES:
        raise ProxyHeaderError("a PROXY header that is too long")
    address_bytes = {_TCP4: 4, _TCP6: 16}.get(family, 0)
    is_known = address_bytes > 0 or family in _NO_ADDRESS
    # Both addresses and both ports, and behind them extensions, which are skipped.
    is_complete = size - _V2_FIXED >= 2 * address_bytes + (4 if address_bytes else 0)
    if command != _LOCAL and not (command == _PROXY and is_known and is_complete):
        raise ProxyHeaderError("an invalid PROXY header")
    if len(data) < size:
        return None
    if command == _LOCAL or not address_bytes:
        return ProxyHeader(None), size
    source = data[_V2_FIXED : _V2_FIXED + address_bytes]
    ports = _V2_FIXED + 2 * address_bytes
    return ProxyHeader((_host(source), int.from_bytes(data[ports : ports + 2]))), size


def _packed(family: socket.AddressFamily, text: bytes) -> bytes:
    try:
        return socket.inet_pton(family, text.decode("ascii"))
    except (OSError, ValueError):  # ValueError: not ASCII, or with a NUL
        raise ProxyHeaderError("an invalid PROXY header") from None


def _host(packed: bytes) -> str:
    """Return the address as `accept` names it, an IPv4 address over IPv6 as IPv4."""
    if packed.startswith(_MAPPED) and len(packed) == 16:
        packed = packed[12:]
    return socket.inet_ntop(socket.AF_INET6 if len(packed) == 16 else socket.AF_INET, packed)


def _port(text: bytes) -> int:
    if text.isdigit() and len(text) <= 5 and (text == b"0" or text[:1] != b"0"):
        number = int(text)
        if number < 1 << 16:
            return number
    raise ProxyHeaderError("an invalid PROXY header")

"""The header of the PROXY protocol: both versions, however it arrives, and what is not a header."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.net.proxy_protocol import (
    MAX_HEADER_BYTES,
    ProxyHeader,
    ProxyHeaderError,
    ProxyHeaderParser,
)
from tests.support.proxy_headers import LOCAL, SIGNATURE, v1, v2

FOLLOWING = b"LOGIN alice pw\r\n\x16\x03"


def parse(data: bytes) -> tuple[ProxyHeader | None, int]:
    """Return the header and its size."""
    parser = ProxyHeaderParser()
    size = parser.feed(data)
    return parser.header, size


VALID = [
    (v1("192.0.2.1", 1), ("192.0.2.1", 1)),
    (v1("2001:db8::1", 65_535), ("2001:db8::1", 65_535)),
    (v1("2001:0DB8:0::1", 0), ("2001:db8::1", 0)),
    (v1("::ffff:192.0.2.1", 7), ("192.0.2.1", 7)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
    (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", None),  # 107 bytes, the most
    (v2("192.0.2.1", 1), ("192.0.2.1", 1)),
    (v2("2001:db8::1", 65_535), ("2001:db8::1", 65_535)),
    (v2("::ffff:192.0.2.1", 7), ("192.0.2.1", 7)),
    (v2("192.0.2.1", 1, b"\x04\0\x02ab"), ("192.0.2.1", 1)),
    (v2("192.0.2.1", 1, b"\0" * (MAX_HEADER_BYTES - 28)), ("192.0.2.1", 1)),
    (LOCAL, None),
    (SIGNATURE + b"\x20\x11\0\x0c" + bytes(12), None),  # LOCAL: its addresses do not count
    (SIGNATURE + b"\x20\xff\0\x03abc", None),
    (SIGNATURE + b"\x21\0\0\x02xy", None),  # PROXY, unspecified family
    (SIGNATURE + b"\x21\x31\0\xd8" + bytes(216), None),  # Unix sockets
]

INVALID = [
    (b"LOGIN alice pw\n", "no PROXY header"),
    (b"\x16\x03\x01\x02\x00", "no PROXY header"),
    (b"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "no PROXY header"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", "an invalid PROXY header"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", "an invalid PROXY header"),
    (b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n", "an invalid PROXY header"),
    (b"PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n", "an invalid PROXY header"),
    (b"PROXY TCP4 192.0.2.1 x 1 2\r\n", "an invalid PROXY header"),
    (b"PROXY TCP4 ::1 ::1 1 2\r\n", "an invalid PROXY header"),
    (b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", "an invalid PROXY header"),
    (b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "an invalid PROXY header"),
    (b"PROXY TCP4 192.0.2.\xb2 192.0.2.2 1 2\r\n", "an invalid PROXY header"),
    (b"PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n", "an invalid PROXY header"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", "an invalid PROXY header"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", "an invalid PROXY header"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n", "an invalid PROXY header"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n\r\n", "an invalid PROXY header"),
    (b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", "an invalid PROXY header"),
    (b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", "a PROXY header that is too long"),
    (SIGNATURE + b"\x11\x11\0\x0c", "an invalid PROXY header"),  # version 1 in binary
    (SIGNATURE + b"\x22\x11\0\x0c", "an invalid PROXY header"),  # an unknown command
    (SIGNATURE + b"\x21\x12\0\x0c", "an invalid PROXY header"),  # UDP
    (SIGNATURE + b"\x21\x11\0\x0b", "an invalid PROXY header"),  # shorter than its addresses
    (SIGNATURE + b"\x21\x21\0\x23", "an invalid PROXY header"),
    (SIGNATURE + b"\x21\x11\x10\x01", "a PROXY header that is too long"),
    (SIGNATURE + b"\x20\0\xff\xff", "a PROXY header that is too long"),
]


@pytest.mark.parametrize(("header", "client"), VALID)
def test_header_names_the_client_and_ends_before_what_follows(
    header: bytes, client: tuple[str, int] | None
) -> None:
    assert parse(header + FOLLOWING) == (ProxyHeader(client), len(header))
    assert parse(header) == (ProxyHeader(client), len(header))


@pytest.mark.parametrize(("data", "reason"), INVALID)
def test_invalid_header_is_rejected_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ProxyHeaderError, match=reason):
        parse(data)


@given(st.sampled_from(VALID), st.lists(st.integers(1, 5000), max_size=8))
def test_header_is_the_same_in_whatever_pieces_it_arrives(
    valid: tuple[bytes, tuple[str, int] | None], cuts: list[int]
) -> None:
    header, client = valid
    data = header + FOLLOWING
    parser = ProxyHeaderParser()
    used = 0
    for end in sorted({min(cut, len(data)) for cut in cuts} | {len(data)}):
        if parser.header is None and end > used:
            used += parser.feed(data[used:end])
            assert used == min(end, len(header))
    assert parser.header == ProxyHeader(client)


@given(st.sampled_from(VALID), st.data())
def test_incomplete_header_takes_all_bytes(
    valid: tuple[bytes, tuple[str, int] | None], data: st.DataObject
) -> None:
    header = valid[0]
    size = data.draw(st.integers(1, len(header) - 1))
    assert parse(header[:size]) == (None, size)


@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21"]), st.binary()
)
def test_parser_accepts_or_rejects_any_bytes_within_its_bound(start: bytes, rest: bytes) -> None:
    parser = ProxyHeaderParser()
    with suppress(ProxyHeaderError):
        for byte in start + rest:
            assert parser.feed(bytes([byte])) == 1
            if parser.header is not None:
                break
    # Whatever it is, there is a decision after the longest header.
    if parser.header is None and (start + rest):
        with suppress(ProxyHeaderError):
            parser = ProxyHeaderParser()
            assert parser.feed(start + rest + bytes(MAX_HEADER_BYTES)) <= MAX_HEADER_BYTES
            assert parser.header is not None

"""Headers of the PROXY protocol, as a load balancer writes them."""

from __future__ import annotations

import socket
from typing import Final

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL: Final = SIGNATURE + b"\x20\0\0\0"
"""Version 2: the balancer speaks for itself, as in a health check."""


def v1(source: str, port: int = 50_000) -> bytes:
    """Return a header of version 1 for a client at this address."""
    family, target = ("TCP6", "2001:db8::ff") if ":" in source else ("TCP4", "192.0.2.255")
    return f"PROXY {family} {source} {target} {port} 9000\r\n".encode()


def v2(source: str, port: int = 50_000, extensions: bytes = b"") -> bytes:
    """Return a header of version 2 for a client at this address."""
    if ":" in source:
        family, code, target = socket.AF_INET6, b"\x21", "2001:db8::ff"
    else:
        family, code, target = socket.AF_INET, b"\x11", "192.0.2.255"
    payload = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    payload += port.to_bytes(2) + (9000).to_bytes(2) + extensions
    return SIGNATURE + b"\x21" + code + len(payload).to_bytes(2) + payload

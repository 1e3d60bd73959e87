"""A million addresses, for tables that must stay bounded."""

from __future__ import annotations

import socket

MILLION = 1_000_000


def address_number(number: int) -> str:
    """Return one of a million addresses: half are IPv4, half are IPv6, each in its own /64."""
    if number % 2:
        return socket.inet_ntoa(number.to_bytes(4))
    return socket.inet_ntop(socket.AF_INET6, (number << 70).to_bytes(16))

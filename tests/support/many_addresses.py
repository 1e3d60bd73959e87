"""Addresses that are three times as many as a table holds, for tables that must stay bounded."""

from __future__ import annotations

import socket

MANY_ADDRESSES = 200_000


def address_number(number: int) -> str:
    """Return the address of this number: half are IPv4, half are IPv6, each in its own /64."""
    if number % 2:
        return socket.inet_ntoa(number.to_bytes(4))
    return socket.inet_ntop(socket.AF_INET6, (number << 70).to_bytes(16))

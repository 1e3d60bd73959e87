"""Which addresses count as one, and which networks are exempt.

An *address* is the bare host as `getpeername` tells it, without the port. An IPv4 address that
comes over an IPv6 socket is the IPv4 address that it is. Pure; may be called from any thread.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

_IPV4_MAPPED_PREFIX: Final = bytes(10) + b"\xff\xff"
"""How an IPv4 address begins that comes over an IPv6 socket."""

_BLOCK_BYTES: Final = 8
"""Of an IPv6 address: its /64, the smallest block that is given to anybody."""

LOOPBACK: Final[tuple[Network, ...]] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
"""This machine talking to itself."""


def rate_limit_key(address: str) -> bytes | str:
    """What `address` counts as in every table by address: itself, or its /64 in IPv6.

    Four bytes, eight bytes, or the text as it is where it is no address. This is the quick way,
    for tables that a million strangers may look into.
    """
    packed = _packed(address)
    if packed is None:
        return address
    return packed[:_BLOCK_BYTES] if len(packed) == 16 else packed


def format_block(address: str) -> str | None:
    """The block of `address` as a person writes it: `192.0.2.1`, `2001:db8::/64`.

    None where `address` is none. A `/64` behind an IPv6 address is taken as well, so that what
    was shown may be typed.
    """
    packed = _packed(address.removesuffix("/64") if ":" in address else address)
    if packed is None:
        return None
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    return str(IPv6Network((packed[:_BLOCK_BYTES] + bytes(8), 64)))


def overlaps(block: str, networks: tuple[Network, ...]) -> bool:
    """Whether any address of `block`, which `format_block` gave, is in one of `networks`."""
    shown = ip_network(block)
    return any(
        (
            isinstance(network, IPv4Network)
            and isinstance(shown, IPv4Network)
            and shown.overlaps(network)
        )
        or (
            isinstance(network, IPv6Network)
            and isinstance(shown, IPv6Network)
            and shown.overlaps(network)
        )
        for network in networks
    )


def is_loopback(address: str) -> bool:
    """Whether `address` is this machine talking to itself."""
    return is_within(address, LOOPBACK)


def is_within(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether `address` is in one of `networks`."""
    packed = _packed(address) if networks else None
    if packed is None:
        return False
    parsed = ip_address(packed)
    return any(parsed in network for network in networks)


def parse_network(text: str) -> Network:
    """A network as it was written: `10.0.0.0/8`, `2001:db8::/32`, or one address.

    Raises `ValueError` with the cure, where it is none.
    """
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is no network; write it like 10.0.0.0/8 or 2001:db8::/32"
        ) from None
    if "/" in text and str(network.network_address) != str(ip_address(text.split("/")[0])):
        raise ValueError(f"{text!r} has bits behind its prefix; write {network}")
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = IPv6Address(network.network_address).ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network


def _packed(address: str) -> bytes | None:
    """Four bytes, or sixteen of IPv6; None where `address` is none."""
    try:
        if ":" not in address:
            return socket.inet_pton(socket.AF_INET, address)
        # The scope of a link-local address, as in fe80::1%eth0, is the way to it and no part of it.
        packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    except (OSError, ValueError):  # no address; a NUL in it
        return None
    return packed[12:] if packed.startswith(_IPV4_MAPPED_PREFIX) else packed

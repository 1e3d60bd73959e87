"""Rate-limit keys of addresses, and the networks that limits exempt.

An *address* is the bare host that `getpeername` returns, without the port. An IPv4 address that
arrives over an IPv6 socket counts as that IPv4 address. Pure: any thread may call all of it.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

_IPV4_MAPPED_PREFIX: Final = bytes(10) + b"\xff\xff"
"""The prefix of an IPv4 address that arrives over an IPv6 socket."""

_BLOCK_BYTES: Final = 8
"""Bytes of an IPv6 address that form its /64, the smallest block that providers assign."""

_SITE_BYTES: Final = 6
"""Bytes of an IPv6 address that form its /48, which a site gets."""

_NESTED_BLOCK_BYTES: Final = (4, 6, 7, 8)
"""Bytes of an IPv6 address that form its /32, /48, /56 and /64."""

LOOPBACK: Final[tuple[Network, ...]] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
"""The networks of this machine itself."""


def rate_limit_key(address: str) -> bytes | str:
    """Return the key of `address` in every table by address: itself, or its /64 in IPv6.

    The key is four bytes, eight bytes, or the text unchanged if it is not an address. This is the
    fast function, for tables that a million unknown peers may query.
    """
    packed = _packed(address)
    if packed is None:
        return address
    return packed[:_BLOCK_BYTES] if len(packed) == 16 else packed


def site_key(key: bytes | str) -> bytes | str:
    """Return the key of the site of an address: its /48 in IPv6, else `key` itself.

    `key`: a result of `rate_limit_key`.
    """
    return key[:_SITE_BYTES] if isinstance(key, bytes) and len(key) == _BLOCK_BYTES else key


def blocks_of(address: str) -> tuple[bytes | str, ...]:
    """Return the blocks that `address` is in, the largest first, for peers that take turns.

    In IPv6 these are its /32, /48, /56 and /64: a provider, a site, a customer and a network. In
    IPv4 it is the address itself. No two blocks are equal.
    """
    packed = _packed(address)
    if packed is None:
        return (address,)
    if len(packed) == 4:
        return (packed,)
    # A /32 must not equal an IPv4 address.
    return tuple(b"IPv6 " + packed[:length] for length in _NESTED_BLOCK_BYTES)


def format_block(address: str) -> str | None:
    """Return the block of `address` for people: `192.0.2.1` or `2001:db8::/64`. None if invalid.

    A `/64` after an IPv6 address is accepted too, so that a user can type what was shown.
    """
    packed = _packed(address.removesuffix("/64") if ":" in address else address)
    if packed is None:
        return None
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    return str(IPv6Network((packed[:_BLOCK_BYTES] + bytes(8), 64)))


def overlaps(block: str, networks: tuple[Network, ...]) -> bool:
    """Return whether any address of `block`, a result of `format_block`, is in `networks`."""
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
    """Return whether `address` is an address of this machine itself."""
    return is_within(address, LOOPBACK)


def is_within(address: str, networks: tuple[Network, ...]) -> bool:
    """Return whether `address` is in one of `networks`."""
    packed = _packed(address) if networks else None
    if packed is None:
        return False
    parsed = ip_address(packed)
    return any(parsed in network for network in networks)


def parse_network(text: str) -> Network:
    """Return the network that `text` describes: `10.0.0.0/8`, `2001:db8::/32`, or one address.

    Raises `ValueError` with a hint if it is invalid.
    """
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a network; write it like 10.0.0.0/8 or 2001:db8::/32"
        ) from None
    if "/" in text and str(network.network_address) != str(ip_address(text.split("/")[0])):
        raise ValueError(f"{text!r} has bits set after its prefix; write {network}")
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = IPv6Address(network.network_address).ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network


def _packed(address: str) -> bytes | None:
    """Return the four bytes of `address`, or sixteen for IPv6. None if it is not an address."""
    try:
        if ":" not in address:
            return socket.inet_pton(socket.AF_INET, address)
        # The scope of a link-local address, as in fe80::1%eth0, is not part of the address.
        packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    except (OSError, ValueError):  # not an address, or it contains a NUL
        return None
    return packed[12:] if packed.startswith(_IPV4_MAPPED_PREFIX) else packed

"""Addresses: rate limit keys, blocks, and the notation of networks."""

from __future__ import annotations

import pytest

from chat_server.addresses import (
    LOOPBACK,
    format_block,
    is_loopback,
    is_within,
    overlaps,
    parse_network,
    rate_limit_key,
)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_is_loopback_accepts_loopback_addresses(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["192.0.2.1", "::2", "::ffff:192.0.2.1", "localhost", ""])
def test_is_loopback_rejects_other_addresses(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::/64", "2001:db8::/64"),
        ("2001:DB8:0:1:ffff::", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("192.0.2.0/24", None),
        ("192.0.2.1/64", None),
        ("2001:db8::/48", None),
        ("192.0.2", None),
        ("alice", None),
        ("a\0b", None),
        ("", None),
    ],
)
def test_format_block_shows_ipv4_address_or_ipv6_prefix(address: str, shown: str | None) -> None:
    assert format_block(address) == shown
    if shown is not None:
        assert rate_limit_key(shown.removesuffix("/64")) == rate_limit_key(
            address.removesuffix("/64")
        )


def test_rate_limit_key_differs_for_different_addresses() -> None:
    addresses = ("1.2.3.4", "102:304::", "::102:304", "::1.2.3.4", "1.2.3.5", "nothing", "")
    assert len({rate_limit_key(address) for address in addresses}) == 6  # two are in ::/64


@pytest.mark.parametrize(
    ("written", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:DB8::1", "2001:db8::1/128"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::/0", "::/0"),
    ],
)
def test_parse_network_accepts_addresses_and_prefixes(written: str, network: str) -> None:
    assert str(parse_network(written)) == network


@pytest.mark.parametrize(
    ("written", "suggestion"),
    [
        ("10.0.0.1/8", "write 10.0.0.0/8"),
        ("2001:db8::1/32", "write 2001:db8::/32"),
        ("localhost", "write it like 10.0.0.0/8"),
        ("10.0.0.0/33", "write it like"),
        ("10.0.0.0/a\x1b[2J", "write it like"),
        ("", "write it like"),
    ],
)
def test_parse_network_rejects_invalid_text_and_suggests_form(
    written: str, suggestion: str
) -> None:
    with pytest.raises(ValueError, match=suggestion) as raised:
        parse_network(written)
    assert str(raised.value).isprintable()


def test_is_within_matches_ipv4_mapped_and_ipv6_networks() -> None:
    networks = (parse_network("10.0.0.0/8"), parse_network("2001:db8::/32"))
    for address in ("10.255.0.1", "::ffff:10.0.0.1", "2001:db8:1::1"):
        assert is_within(address, networks)
    for address in ("11.0.0.1", "2001:db9::1", "nothing"):
        assert not is_within(address, networks)
    assert not is_within("10.0.0.1", ())


def test_overlaps_matches_block_that_contains_network() -> None:
    assert overlaps("::/64", LOOPBACK)
    assert overlaps("2001:db8::/64", (parse_network("2001:db8::5"),))
    assert overlaps("10.1.1.1", (parse_network("2001:db8::/32"), parse_network("10.0.0.0/8")))
    assert not overlaps("192.0.2.1", (*LOOPBACK, parse_network("10.0.0.0/8")))

"""Endpoints: no plain text on public addresses, unless the operator asks for it."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

from chat_server.config import Config
from chat_server.net.endpoints import Endpoint, ListenError, bind, endpoints, listen, open_all
from tests.support.running_server import StartServer
from tests.support.wire_client import WireClient


def ports(**settings: Any) -> list[tuple[int, str]]:
    """Return the ports and what is spoken there. A name such as localhost has many addresses."""
    found = [
        (endpoint.port, "TLS" if endpoint.encrypted else "plain")
        for endpoint in endpoints(Config(max_clients=1, **settings))
    ]
    return list(dict.fromkeys(found))


LOOPBACK = ["127.0.0.1", "127.9.9.9", "::1", "localhost"]
PUBLIC = ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"]


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_host_listens_on_plaintext(host: str) -> None:
    assert ports(host=host) == [(9000, "plain")]


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_host_with_tls_listens_on_both(host: str) -> None:
    assert ports(host=host, tls=True) == [(9000, "plain"), (9001, "TLS")]


@pytest.mark.parametrize("host", PUBLIC)
@pytest.mark.parametrize("tls", [True, False])
def test_public_host_listens_on_tls_only(host: str, tls: bool) -> None:
    assert ports(host=host, tls=tls) == [(9001, "TLS")]


@pytest.mark.parametrize("host", PUBLIC)
def test_insecure_plaintext_adds_plaintext_to_public_host(host: str) -> None:
    assert ports(host=host, insecure_plaintext=True) == [(9000, "plain"), (9001, "TLS")]


def test_host_name_resolving_to_network_address_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: resolved)
    assert ports(host="localhost") == [(9001, "TLS")]


def test_listen_error_for_port_in_use_names_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (plain,) = endpoints(Config(max_clients=1, port=port))
        _, tls = endpoints(Config(max_clients=1, tls_port=port, tls=True))
        with pytest.raises(ListenError, match="--host and --port"):
            listen(plain, 1)
        with pytest.raises(ListenError, match="--tls-port"):
            listen(tls, 1)


def test_endpoints_reject_same_port_for_plaintext_and_tls() -> None:
    with pytest.raises(ListenError, match="port 9000 for plain text and for TLS; choose another"):
        endpoints(Config(max_clients=1, port=9000, tls_port=9000, tls=True))
    assert ports(tls_port=9000) == [(9000, "plain")]
    assert ports(host="0.0.0.0", tls_port=9000) == [(9000, "TLS")]
    assert ports(port=0, tls_port=0, tls=True) == [(0, "plain"), (0, "TLS")]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes every name resolve to these addresses."""
    lookup = socket.getaddrinfo

    def resolve_to(*addresses: str) -> None:
        def resolved(host: str, *arguments: Any, **options: Any) -> list[Any]:
            return [
                each for address in addresses for each in lookup(address, *arguments, **options)
            ]

        monkeypatch.setattr(socket, "getaddrinfo", resolved)

    return resolve_to


def test_link_local_address_keeps_its_interface() -> None:
    """Without it, the kernel rejects the address as invalid."""
    index = socket.if_nameindex()[0][0]
    (endpoint,) = endpoints(Config(max_clients=1, host=f"fe80::abcd%{index}", port=0, tls_port=0))
    assert endpoint.address == f"fe80::abcd%{index}"
    assert endpoint.is_public
    with pytest.raises(ListenError, match="Cannot assign requested address"):
        bind(endpoint)


def test_ipv4_address_in_ipv6_form_is_listened_on() -> None:
    (endpoint,) = endpoints(Config(max_clients=1, host="::ffff:127.0.0.1", port=0))
    assert (endpoint.address, endpoint.encrypted) == ("127.0.0.1", False)
    bind(endpoint).close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", ""])
def test_name_without_an_address_is_an_error_without_a_number(host: str) -> None:
    shown = re.escape(host or "''")
    with pytest.raises(ListenError, match=rf"^can't listen on {shown} port 0: [A-Z]\w.*; choose"):
        endpoints(Config(max_clients=1, host=host, port=0))


def test_every_address_of_a_name_follows_the_rules_for_its_kind(
    resolve: Callable[..., None],
) -> None:
    resolve("203.0.113.1", "127.0.1.1", "::1", "127.0.1.1")
    found = [
        (e.address, e.port, e.encrypted) for e in endpoints(Config(host="chat", max_clients=1))
    ]
    assert found == [
        ("127.0.1.1", 9000, False),
        ("::1", 9000, False),
        ("203.0.113.1", 9001, True),
    ]
    # The same port on different addresses is not a conflict.
    endpoints(Config(host="chat", port=9000, tls_port=9000, max_clients=1))
    with pytest.raises(ListenError, match="for plain text and for TLS"):
        endpoints(Config(host="chat", port=9000, tls_port=9000, tls=True, max_clients=1))


def test_all_addresses_of_a_name_get_the_same_free_port(resolve: Callable[..., None]) -> None:
    resolve("127.0.0.1", "127.0.0.2", "127.0.0.3")
    targets = endpoints(Config(host="chat", port=0, tls_port=0, tls=True, max_clients=1))
    for _ in range(20):
        opened, skipped = open_all(targets, lambda endpoint: listen(endpoint, 1))
        names = [each.getsockname() for each in opened]
        for each in opened:
            each.close()
        assert not skipped
        assert [host for host, _ in names] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"] * 2
        assert len({port for _, port in names}) == 2


def test_chosen_port_that_is_taken_on_another_address_is_chosen_again(
    resolve: Callable[..., None],
) -> None:
    """The system chooses a port for the first address only."""
    resolve("127.0.0.1", "127.0.0.2")
    taken: list[socket.socket] = []

    def open_one(endpoint: Endpoint) -> socket.socket:
        if endpoint.address == "127.0.0.2" and len(taken) < 3:
            taken.append(socket.create_server(("127.0.0.2", endpoint.port)))
        return listen(endpoint, 1)

    try:
        opened, _ = open_all(endpoints(Config(host="chat", port=0, max_clients=1)), open_one)
        chosen = {each.getsockname()[1] for each in opened}
        assert len(opened) == 2
        assert len(chosen) == 1
        assert not chosen & {each.getsockname()[1] for each in taken}
    finally:
        for each in (*taken, *opened):
            each.close()


def test_address_that_the_machine_does_not_have_is_skipped(resolve: Callable[..., None]) -> None:
    resolve("203.0.113.1", "127.0.0.1")
    targets = endpoints(Config(host="chat", port=0, tls_port=0, max_clients=1))
    opened, skipped = open_all(targets, bind)
    for each in opened:
        each.close()
    assert [endpoint.address for endpoint in opened.values()] == ["127.0.0.1"]
    assert [str(error).partition(":")[0] for error in skipped.values()] == [
        "can't listen on chat (203.0.113.1) port 0"
    ]
    resolve("203.0.113.1", "203.0.113.2")
    with pytest.raises(ListenError, match=r"chat \(203.0.113.1\) port 0: Cannot assign"):
        open_all(endpoints(Config(host="chat", tls_port=0, max_clients=1)), bind)


def test_port_taken_on_one_address_of_a_name_is_an_error(resolve: Callable[..., None]) -> None:
    resolve("127.0.0.1", "127.0.0.2")
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=r"chat \(127.0.0.2\) port \d+: Address already in"):
            open_all(endpoints(Config(host="chat", port=port, max_clients=1)), bind)
        socket.create_server(("127.0.0.1", port)).close()  # the first one was closed


def test_server_on_a_name_serves_all_its_addresses_and_logs_them(
    resolve: Callable[..., None], start_server: StartServer
) -> None:
    resolve("127.0.0.1", "127.0.0.2", "203.0.113.1")
    server = start_server(host="chat", tls=True)
    plain = {(e.address, port) for e, port in server.server.listening if not e.encrypted}
    assert plain == {("127.0.0.1", server.port), ("127.0.0.2", server.port)}
    for address in ("127.0.0.1", "127.0.0.2"):
        with WireClient(address, server.port) as client:
            client.expect_match(r"\[SERVER\] Login using.*")
    assert "[!] Not listening on all addresses of chat: can't listen on chat (203.0.113.1)" in (
        server.log.getvalue()
    )

"""Endpoints: no plain text on public addresses, unless the operator asks for it."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from chat_server.config import Config
from chat_server.net.endpoints import ListenError, endpoints, listen


def ports(**settings: Any) -> list[tuple[int, str]]:
    return [
        (endpoint.port, "TLS" if endpoint.encrypted else "plain")
        for endpoint in endpoints(Config(max_clients=1, **settings))
    ]


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

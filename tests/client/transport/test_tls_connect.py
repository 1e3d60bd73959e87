"""When plain text is allowed, and errors before the login."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chat_server.wire import cluster_replies, operator_replies, replies
from chat_tui.events import (
    ConnectionState,
    KeyUnknown,
    SignedIn,
    SignInFailed,
    TrustDecision,
)
from chat_tui.storage.known_servers import KnownServers
from chat_tui.transport import tcp_connect, tls_connect
from chat_tui.transport.outcome import ConnectFailed
from chat_tui.transport.tcp_connect import TcpConnector
from chat_tui.transport.tls_connect import TlsConnector
from tests.support.scripted_server import ScriptedServer
from tests.support.session_harness import SessionHarness
from tests.support.tls_server import TlsServer, accept_login, certificate, dial, fingerprint


@pytest.fixture
def server() -> Iterator[TlsServer]:
    with closing(TlsServer()) as server:
        yield server


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[SessionHarness]:
    with closing(SessionHarness(known=KnownServers(tmp_path))) as harness:
        yield harness


@pytest.fixture
def remote_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat the addresses of this machine as remote."""
    monkeypatch.setattr(tcp_connect, "is_loopback", lambda _: False)


def test_connects_to_local_plaintext_server(harness: SessionHarness) -> None:
    with closing(ScriptedServer()) as plain:
        dial(harness, plain)
        accept_login(harness, plain)
        assert not harness.model.connection.encrypted
        assert harness.session.fingerprint == ""


def test_local_server_with_slow_greeting_is_retried_in_plaintext(
    harness: SessionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_connect, "_GREETING_TIMEOUT", 0.0)

    def reject_tls_first() -> None:
        client = plain.accept()
        assert client._socket.recv(3) == b"\x16\x03\x01"  # a ClientHello
        client.send("[SERVER] Login using: LOGIN <username> <password>")
        client.close()
        plain.accept_login()

    with closing(ScriptedServer()) as plain:
        dial(harness, plain)
        harness.run_while(reject_tls_first)
        harness.until_notice(SignedIn)


@pytest.fixture
def default_ports(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ScriptedServer, int]]:
    """Return a server at the default plaintext port, and a default TLS port with no listener."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        unused: int = free.getsockname()[1]
    with closing(ScriptedServer()) as plain:
        monkeypatch.setattr(tls_connect, "PORT", plain.port)
        monkeypatch.setattr(tls_connect, "TLS_PORT", unused)
        yield plain, unused


def test_local_sign_in_falls_back_to_default_plaintext_port(
    harness: SessionHarness, default_ports: tuple[ScriptedServer, int]
) -> None:
    plain, unused = default_ports
    harness.session.sign_in("127.0.0.1", unused, "alice", "secret")
    accept_login(harness, plain)
    assert harness.model.server == f"127.0.0.1:{plain.port}"  # the real port
    assert harness.session.connected_to is not None
    assert harness.session.connected_to.plaintext


def test_local_sign_in_falls_back_if_default_tls_port_serves_something_else(
    harness: SessionHarness,
    default_ports: tuple[ScriptedServer, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, _ = default_ports
    with closing(ScriptedServer()) as other:
        monkeypatch.setattr(tls_connect, "TLS_PORT", other.port)
        dial(harness, other)

        def answer_both() -> None:
            other.accept().send("SSH-2.0-OpenSSH_9.2")
            plain.accept_login()

        harness.run_while(answer_both)
        harness.until_notice(SignedIn)


def test_local_sign_in_falls_back_if_one_address_is_unreachable(
    harness: SessionHarness,
    default_ports: tuple[ScriptedServer, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, unused = default_ports
    addresses = [("127.0.0.1", unused), ("255.255.255.255", unused)]  # like a machine without IPv6
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    harness.session.sign_in("localhost", unused, "alice", "secret")
    accept_login(harness, plain)


def test_connect_error_names_both_ports_if_nothing_listens(
    harness: SessionHarness,
    default_ports: tuple[ScriptedServer, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, unused = default_ports
    plain.close()
    harness.session.sign_in("127.0.0.1", unused, "alice", "secret")
    assert harness.until_notice(SignInFailed).reason == (
        f"Nothing listens at 127.0.0.1, neither at port {unused} nor at port {plain.port}"
    )
    with closing(ScriptedServer()) as other:
        monkeypatch.setattr(tls_connect, "TLS_PORT", other.port)
        dial(harness, other)
        harness.run_while(lambda: other.accept().send("SSH-2.0-OpenSSH_9.2"))
        assert harness.until_notice(SignInFailed).reason == (
            f"No chat server answers at 127.0.0.1 port {other.port}, "
            f"and nothing listens at port {plain.port}"
        )


def test_connect_error_at_plaintext_port_names_tls_port(
    harness: SessionHarness, default_ports: tuple[ScriptedServer, int]
) -> None:
    plain, unused = default_ports
    plain.close()
    for plaintext in (False, True):
        harness.session.sign_in("127.0.0.1", plain.port, "alice", "secret", plaintext=plaintext)
        assert harness.until_notice(SignInFailed).reason == (
            f"Nothing listens at 127.0.0.1 port {plain.port}; servers encrypt at port {unused}"
        )


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("while_connecting", [False, True])
def test_timeout_at_default_port_suggests_plaintext_for_unknown_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, known: bool, while_connecting: bool
) -> None:
    servers = KnownServers(tmp_path)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setattr(tls_connect, "TLS_PORT", port)
        if known:
            servers.pin("127.0.0.1", port, fingerprint(certificate()))
        waiting = [socket.socket() for _ in range(4 * while_connecting)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(silent.getsockname())
        connector = TlsConnector(TcpConnector("127.0.0.1", port, 0.6), servers, plaintext=False)
        assert connector.connect() == ConnectFailed(connector.timeout_message)
        for one in waiting:
            one.close()
    hint = "" if known else "; --plaintext connects without encryption"
    assert connector.timeout_message == f"127.0.0.1 port {port} did not answer within 1 s{hint}"


def test_remote_server_is_never_tried_in_plaintext(
    harness: SessionHarness, default_ports: tuple[ScriptedServer, int], remote_address: None
) -> None:
    plain, unused = default_ports
    harness.session.sign_in("127.0.0.1", unused, "alice", "secret")
    assert harness.until_notice(SignInFailed).reason == (
        f"No encrypted server answers at 127.0.0.1 port {unused}; "
        "--plaintext connects without encryption"
    )
    harness.session.sign_in("127.0.0.1", plain.port, "alice", "secret")

    def answer() -> bytes:
        client = plain.accept()
        client.send("[SERVER] Login using: LOGIN <username> <password>")
        received = b""
        while data := client._socket.recv(65536):
            received += data
        return received

    sent = harness.run_while(answer)
    failure = harness.until_notice(SignInFailed)
    assert "answers in plain text, not TLS" in failure.reason
    assert "--plaintext" in failure.reason
    assert b"LOGIN" not in sent
    plain._listener.settimeout(0.3)
    with pytest.raises(TimeoutError):
        plain.accept()  # there was no second attempt


def test_failed_reconnect_reason_is_recorded_in_wire_log(
    harness: SessionHarness, server: TlsServer, remote_address: None
) -> None:
    dial(harness, server)
    harness.run_while(server.expect_failed_handshake)
    harness.run_while(server.expect_key_probe)
    harness.until_notice(KeyUnknown)
    harness.session.trust(TrustDecision.ONCE)
    accept_login(harness, server).cut()
    server._listener.close()
    refused_message = f"Nothing listens at 127.0.0.1 port {server.port}"
    harness.until(lambda: refused_message in [line.text for line in harness.model.wire.since(0)])
    assert harness.model.connection.state in (ConnectionState.WAITING, ConnectionState.RETRYING)


def test_remote_server_is_reached_in_plaintext_if_requested(
    harness: SessionHarness, remote_address: None
) -> None:
    with closing(ScriptedServer()) as plain:
        harness.session.sign_in("127.0.0.1", plain.port, "alice", "secret", plaintext=True)
        accept_login(harness, plain)


def test_local_server_with_pinned_key_is_never_downgraded_to_plaintext(
    harness: SessionHarness, default_ports: tuple[ScriptedServer, int], tmp_path: Path
) -> None:
    plain, unused = default_ports
    known = KnownServers(tmp_path)
    for port in (unused, plain.port):
        known.pin("127.0.0.1", port, fingerprint(certificate()))
    harness.session.sign_in("127.0.0.1", unused, "alice", "secret")
    assert harness.until_notice(SignInFailed).reason == (
        f"No encrypted server answers at 127.0.0.1 port {unused}, and its key is known: "
        "plain text is not tried"
    )
    dial(harness, plain)
    harness.run_while(
        lambda: plain.accept().send("[SERVER] Login using: LOGIN <username> <password>")
    )
    assert "not TLS" in harness.until_notice(SignInFailed).reason


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        (f"[ERROR] {replies.SERVER_FULL}", replies.SERVER_FULL),
        (f"[ERROR] {replies.TOO_MANY_CONNECTIONS}", replies.TOO_MANY_CONNECTIONS),
        (f"[ERROR] {cluster_replies.SERVER_REPLACED}", cluster_replies.SERVER_REPLACED),
        (
            f"[ERROR] {operator_replies.banned(operator_replies.BANNED_ADDRESS, 90)}",
            operator_replies.banned(operator_replies.BANNED_ADDRESS, 90),
        ),
        ("[ERROR] Your password was stolen, call 555", "not TLS"),
        (f"[SERVER] {replies.SERVER_FULL}", "not TLS"),
        (f"[ERROR] {operator_replies.BANNED_ADDRESS}; call 555", "not TLS"),
    ],
)
def test_plaintext_rejection_is_reported_only_if_recognized(
    harness: SessionHarness, remote_address: None, line: str, reported: str
) -> None:
    with closing(ScriptedServer()) as plain:

        def reject() -> None:
            client = plain.accept()
            client._socket.recv(65536)
            client.send(line)

        dial(harness, plain)
        harness.run_while(reject)
        reason = harness.until_notice(SignInFailed).reason
        assert reported in reason
        assert "555" not in reason.replace(str(plain.port), "")


# Errors


def test_outdated_tls_version_is_reported(harness: SessionHarness, server: TlsServer) -> None:
    server.tls_versions = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    dial(harness, server)
    harness.run_while(server.expect_failed_handshake)
    assert "only an outdated TLS version" in harness.until_notice(SignInFailed).reason


def test_hang_up_during_handshake_is_reported(harness: SessionHarness) -> None:
    with closing(ScriptedServer()) as plain:
        dial(harness, plain)

        def hang_up() -> None:
            client = plain.accept()
            client._socket.recv(65536)
            client.close()

        harness.run_while(hang_up)
        reason = harness.until_notice(SignInFailed).reason
        assert reason.endswith("closed the connection during the TLS handshake")


def test_connect_to_silent_server_can_be_cancelled(harness: SessionHarness) -> None:
    with closing(ScriptedServer()) as silent:
        dial(harness, silent)
        client = silent.accept()
        client._socket.recv(3)
        harness.session.cancel()
        while client._socket.recv(65536):
            pass  # the client's end is closed, and its thread ends
    assert harness.notices == []

"""Where plain text may go, and what goes wrong before a talk can begin."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chat_server.wire import operator_replies, replies
from chat_tui.events import (
    ConnectionState,
    KeyUnknown,
    SignedIn,
    SignInFailed,
    TrustDecision,
)
from chat_tui.storage.known_servers import KnownServers
from chat_tui.transport import tcp_connect as connecting
from chat_tui.transport import tls_connect as reaching
from chat_tui.transport.outcome import ConnectFailed
from chat_tui.transport.tcp_connect import TcpConnector
from chat_tui.transport.tls_connect import TlsConnector
from tests.support.session_harness import ScriptedServer, SessionHarness
from tests.support.tls_server import TlsServer, certificate, dial, fingerprint, let_in


@pytest.fixture
def server() -> Iterator[TlsServer]:
    with closing(TlsServer()) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SessionHarness]:
    with closing(SessionHarness(known=KnownServers(tmp_path))) as desk:
        yield desk


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses of this machine count as those of another."""
    monkeypatch.setattr(connecting, "is_loopback", lambda _: False)


def test_connects_to_local_plaintext_server(desk: SessionHarness) -> None:
    with closing(ScriptedServer()) as plain:
        dial(desk, plain)
        let_in(desk, plain)
        assert not desk.model.connection.encrypted
        assert desk.session.fingerprint == ""


def test_local_server_with_slow_greeting_is_retried_in_plaintext(
    desk: SessionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "_GREETING_TIMEOUT", 0.0)

    def garbage_first() -> None:
        client = plain.accept()
        assert client._socket.recv(3) == b"\x16\x03\x01"  # a ClientHello
        client.say("[SERVER] Login using: LOGIN <username> <password>")
        client.close()
        plain.let_in()

    with closing(ScriptedServer()) as plain:
        dial(desk, plain)
        desk.during(garbage_first)
        desk.until_notice(SignedIn)


@pytest.fixture
def usual_ports(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ScriptedServer, int]]:
    """A server at the usual port for plain text, and the usual one for TLS, where nobody is."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        unused: int = free.getsockname()[1]
    with closing(ScriptedServer()) as plain:
        monkeypatch.setattr(reaching, "PORT", plain.port)
        monkeypatch.setattr(reaching, "TLS_PORT", unused)
        yield plain, unused


def test_local_sign_in_falls_back_to_default_plaintext_port(
    desk: SessionHarness, usual_ports: tuple[ScriptedServer, int]
) -> None:
    plain, unused = usual_ports
    desk.session.sign_in("127.0.0.1", unused, "alice", "secret")
    let_in(desk, plain)
    assert desk.model.server == f"127.0.0.1:{plain.port}"  # the port that it really is
    assert desk.session.connected_to is not None
    assert desk.session.connected_to.plaintext


def test_local_sign_in_falls_back_if_default_tls_port_serves_something_else(
    desk: SessionHarness, usual_ports: tuple[ScriptedServer, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, _ = usual_ports
    with closing(ScriptedServer()) as other:
        monkeypatch.setattr(reaching, "TLS_PORT", other.port)
        dial(desk, other)

        def both() -> None:
            other.accept().say("SSH-2.0-OpenSSH_9.2")
            plain.let_in()

        desk.during(both)
        desk.until_notice(SignedIn)


def test_local_sign_in_falls_back_if_one_address_is_unreachable(
    desk: SessionHarness, usual_ports: tuple[ScriptedServer, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, unused = usual_ports
    addresses = [("127.0.0.1", unused), ("255.255.255.255", unused)]  # no IPv6, say
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    desk.session.sign_in("localhost", unused, "alice", "secret")
    let_in(desk, plain)


def test_connect_error_names_both_ports_if_nothing_listens(
    desk: SessionHarness, usual_ports: tuple[ScriptedServer, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, unused = usual_ports
    plain.close()
    desk.session.sign_in("127.0.0.1", unused, "alice", "secret")
    assert desk.until_notice(SignInFailed).reason == (
        f"Nothing listens at 127.0.0.1, neither at port {unused} nor at port {plain.port}"
    )
    with closing(ScriptedServer()) as other:
        monkeypatch.setattr(reaching, "TLS_PORT", other.port)
        dial(desk, other)
        desk.during(lambda: other.accept().say("SSH-2.0-OpenSSH_9.2"))
        assert desk.until_notice(SignInFailed).reason == (
            f"No chat server answers at 127.0.0.1 port {other.port}, "
            f"and nothing listens at port {plain.port}"
        )


def test_connect_error_at_plaintext_port_names_tls_port(
    desk: SessionHarness, usual_ports: tuple[ScriptedServer, int]
) -> None:
    plain, unused = usual_ports
    plain.close()
    for plaintext in (False, True):
        desk.session.sign_in("127.0.0.1", plain.port, "alice", "secret", plaintext=plaintext)
        assert desk.until_notice(SignInFailed).reason == (
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
        monkeypatch.setattr(reaching, "TLS_PORT", port)
        if known:
            servers.pin("127.0.0.1", port, fingerprint(certificate()))
        waiting = [socket.socket() for _ in range(4 * while_connecting)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(silent.getsockname())
        reached = TlsConnector(TcpConnector("127.0.0.1", port, 0.6), servers, plaintext=False)
        assert reached.outcome() == ConnectFailed(reached.timeout_message)
        for one in waiting:
            one.close()
    hint = "" if known else "; --plaintext connects without encryption"
    assert reached.timeout_message == f"127.0.0.1 port {port} did not answer within 1 s{hint}"


def test_remote_server_is_never_tried_in_plaintext(
    desk: SessionHarness, usual_ports: tuple[ScriptedServer, int], far_away: None
) -> None:
    plain, unused = usual_ports
    desk.session.sign_in("127.0.0.1", unused, "alice", "secret")
    assert desk.until_notice(SignInFailed).reason == (
        f"No encrypted server answers at 127.0.0.1 port {unused}; "
        "--plaintext connects without encryption"
    )
    desk.session.sign_in("127.0.0.1", plain.port, "alice", "secret")

    def answer() -> bytes:
        client = plain.accept()
        client.say("[SERVER] Login using: LOGIN <username> <password>")
        received = b""
        while data := client._socket.recv(65536):
            received += data
        return received

    sent = desk.during(answer)
    refused = desk.until_notice(SignInFailed)
    assert "answers in plain text, not TLS" in refused.reason
    assert "--plaintext" in refused.reason
    assert b"LOGIN" not in sent
    plain._listener.settimeout(0.3)
    with pytest.raises(TimeoutError):
        plain.accept()  # there was no second try


def test_failed_reconnect_reason_is_recorded_in_wire_log(
    desk: SessionHarness, server: TlsServer, far_away: None
) -> None:
    dial(desk, server)
    desk.during(server.refused)
    desk.during(server.looked_at)
    desk.until_notice(KeyUnknown)
    desk.session.trust(TrustDecision.ONCE)
    let_in(desk, server).cut()
    server._listener.close()
    nobody = f"Nothing listens at 127.0.0.1 port {server.port}"
    desk.until(lambda: nobody in [line.text for line in desk.model.wire.since(0)])
    assert desk.model.connection.state in (ConnectionState.WAITING, ConnectionState.RETRYING)


def test_remote_server_is_reached_in_plaintext_if_requested(
    desk: SessionHarness, far_away: None
) -> None:
    with closing(ScriptedServer()) as plain:
        desk.session.sign_in("127.0.0.1", plain.port, "alice", "secret", plaintext=True)
        let_in(desk, plain)


def test_local_server_with_pinned_key_is_never_downgraded_to_plaintext(
    desk: SessionHarness, usual_ports: tuple[ScriptedServer, int], tmp_path: Path
) -> None:
    plain, unused = usual_ports
    known = KnownServers(tmp_path)
    for port in (unused, plain.port):
        known.pin("127.0.0.1", port, fingerprint(certificate()))
    desk.session.sign_in("127.0.0.1", unused, "alice", "secret")
    assert desk.until_notice(SignInFailed).reason == (
        f"No encrypted server answers at 127.0.0.1 port {unused}, and its key is known: "
        "plain text is not tried"
    )
    dial(desk, plain)
    desk.during(lambda: plain.accept().say("[SERVER] Login using: LOGIN <username> <password>"))
    assert "not TLS" in desk.until_notice(SignInFailed).reason


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"[ERROR] {replies.SERVER_FULL}", replies.SERVER_FULL),
        (f"[ERROR] {replies.TOO_MANY_CONNECTIONS}", replies.TOO_MANY_CONNECTIONS),
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
    desk: SessionHarness, far_away: None, said: str, told: str
) -> None:
    with closing(ScriptedServer()) as harness:

        def refuse() -> None:
            client = harness.accept()
            client._socket.recv(65536)
            client.say(said)

        dial(desk, harness)
        desk.during(refuse)
        reason = desk.until_notice(SignInFailed).reason
        assert told in reason
        assert "555" not in reason


# What goes wrong


def test_outdated_tls_version_is_reported(desk: SessionHarness, server: TlsServer) -> None:
    server.oldest_and_newest = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    dial(desk, server)
    desk.during(server.refused)
    assert "only an outdated TLS version" in desk.until_notice(SignInFailed).reason


def test_hang_up_during_handshake_is_reported(desk: SessionHarness) -> None:
    with closing(ScriptedServer()) as hasty:
        dial(desk, hasty)

        def hang_up() -> None:
            client = hasty.accept()
            client._socket.recv(65536)
            client.close()

        desk.during(hang_up)
        reason = desk.until_notice(SignInFailed).reason
        assert reason.endswith("closed the connection during the TLS handshake")


def test_connect_to_silent_server_can_be_cancelled(desk: SessionHarness) -> None:
    with closing(ScriptedServer()) as silent:
        dial(desk, silent)
        client = silent.accept()
        client._socket.recv(3)
        desk.session.cancel()
        while client._socket.recv(65536):
            pass  # the client's end is closed, and its thread ends
    assert desk.notices == []

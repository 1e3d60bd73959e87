"""Where plain text may go, and what goes wrong before a talk can begin."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chat_server.wire import replies
from chat_tui.events import (
    ConnectionState,
    KeyUnknown,
    SignedIn,
    SignInRefused,
    Trust,
)
from chat_tui.storage.known_servers import KnownServers
from chat_tui.transport import tcp_connect as connecting
from chat_tui.transport import tls_connect as reaching
from chat_tui.transport.outcome import NotReached
from chat_tui.transport.tcp_connect import Connecting
from chat_tui.transport.tls_connect import Reaching
from tests.support.session_harness import Desk, ScriptedServer
from tests.support.tls_server import TlsServer, certificate, dial, fingerprint, let_in


@pytest.fixture
def server() -> Iterator[TlsServer]:
    with closing(TlsServer()) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with closing(Desk(known=KnownServers(tmp_path))) as desk:
        yield desk


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses of this machine count as those of another."""
    monkeypatch.setattr(connecting, "is_loopback", lambda _: False)


def test_a_server_of_this_machine_that_does_not_encrypt_is_talked_to_as_ever(desk: Desk) -> None:
    with closing(ScriptedServer()) as plain:
        dial(desk, plain)
        let_in(desk, plain)
        assert not desk.model.connection.encrypted
        assert desk.session.fingerprint == ""


def test_one_that_is_slow_to_greet_is_reached_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "_GREETING_WITHIN", 0.0)

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


def test_on_this_machine_the_usual_port_for_plain_text_comes_second(
    desk: Desk, usual_ports: tuple[ScriptedServer, int]
) -> None:
    plain, unused = usual_ports
    desk.session.sign_in("127.0.0.1", unused, "alice", "secret")
    let_in(desk, plain)
    assert desk.model.server == f"127.0.0.1:{plain.port}"  # the port that it really is
    assert desk.session.connected_to is not None
    assert desk.session.connected_to.plaintext


def test_and_also_where_something_else_is_at_the_usual_one(
    desk: Desk, usual_ports: tuple[ScriptedServer, int], monkeypatch: pytest.MonkeyPatch
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


def test_and_so_it_does_where_one_of_the_addresses_can_not_be_tried(
    desk: Desk, usual_ports: tuple[ScriptedServer, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, unused = usual_ports
    addresses = [("127.0.0.1", unused), ("255.255.255.255", unused)]  # no IPv6, say
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    desk.session.sign_in("localhost", unused, "alice", "secret")
    let_in(desk, plain)


def test_where_nobody_is_at_either_port_both_are_named(
    desk: Desk, usual_ports: tuple[ScriptedServer, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, unused = usual_ports
    plain.close()
    desk.session.sign_in("127.0.0.1", unused, "alice", "secret")
    assert desk.until_notice(SignInRefused).reason == (
        f"Nothing listens at 127.0.0.1, neither at port {unused} nor at port {plain.port}"
    )
    with closing(ScriptedServer()) as other:
        monkeypatch.setattr(reaching, "TLS_PORT", other.port)
        dial(desk, other)
        desk.during(lambda: other.accept().say("SSH-2.0-OpenSSH_9.2"))
        assert desk.until_notice(SignInRefused).reason == (
            f"No chat server answers at 127.0.0.1 port {other.port}, "
            f"and nothing listens at port {plain.port}"
        )


def test_at_the_usual_port_for_plain_text_the_other_one_is_named(
    desk: Desk, usual_ports: tuple[ScriptedServer, int]
) -> None:
    plain, unused = usual_ports
    plain.close()
    for plaintext in (False, True):
        desk.session.sign_in("127.0.0.1", plain.port, "alice", "secret", plaintext=plaintext)
        assert desk.until_notice(SignInRefused).reason == (
            f"Nothing listens at 127.0.0.1 port {plain.port}; servers encrypt at port {unused}"
        )


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("while_connecting", [False, True])
def test_where_the_usual_port_is_silent_the_way_on_is_named(
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
        reached = Reaching(Connecting("127.0.0.1", port, 0.6), servers, plaintext=False)
        assert reached.outcome() == NotReached(reached.no_answer)
        for one in waiting:
            one.close()
    hint = "" if known else "; --plaintext talks without encryption"
    assert reached.no_answer == f"127.0.0.1 port {port} did not answer within 1 s{hint}"


def test_elsewhere_plain_text_is_never_tried(
    desk: Desk, usual_ports: tuple[ScriptedServer, int], far_away: None
) -> None:
    plain, unused = usual_ports
    desk.session.sign_in("127.0.0.1", unused, "alice", "secret")
    assert desk.until_notice(SignInRefused).reason == (
        f"No encrypted server answers at 127.0.0.1 port {unused}; "
        "--plaintext talks without encryption"
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
    refused = desk.until_notice(SignInRefused)
    assert "answers in plain text, not TLS" in refused.reason
    assert "--plaintext" in refused.reason
    assert b"LOGIN" not in sent
    plain._listener.settimeout(0.3)
    with pytest.raises(TimeoutError):
        plain.accept()  # there was no second try


def test_why_there_is_no_coming_back_stands_in_the_record_of_the_wire(
    desk: Desk, server: TlsServer, far_away: None
) -> None:
    dial(desk, server)
    desk.during(server.refused)
    desk.during(server.looked_at)
    desk.until_notice(KeyUnknown)
    desk.session.trust(Trust.ONCE)
    let_in(desk, server).cut()
    server._listener.close()
    nobody = f"Nothing listens at 127.0.0.1 port {server.port}"
    desk.until(lambda: nobody in [line.text for line in desk.model.wire.since(0)])
    assert desk.model.connection.state in (ConnectionState.WAITING, ConnectionState.RETRYING)


def test_elsewhere_it_is_where_somebody_asks_for_it(desk: Desk, far_away: None) -> None:
    with closing(ScriptedServer()) as plain:
        desk.session.sign_in("127.0.0.1", plain.port, "alice", "secret", plaintext=True)
        let_in(desk, plain)


def test_a_server_that_is_known_to_encrypt_is_not_talked_to_in_plain_text_here_either(
    desk: Desk, usual_ports: tuple[ScriptedServer, int], tmp_path: Path
) -> None:
    plain, unused = usual_ports
    known = KnownServers(tmp_path)
    for port in (unused, plain.port):
        known.pin("127.0.0.1", port, fingerprint(certificate()))
    desk.session.sign_in("127.0.0.1", unused, "alice", "secret")
    assert desk.until_notice(SignInRefused).reason == (
        f"No encrypted server answers at 127.0.0.1 port {unused}, and its key is known: "
        "plain text is not tried"
    )
    dial(desk, plain)
    desk.during(lambda: plain.accept().say("[SERVER] Login using: LOGIN <username> <password>"))
    assert "not TLS" in desk.until_notice(SignInRefused).reason


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"[ERROR] {replies.SERVER_FULL}", replies.SERVER_FULL),
        (f"[ERROR] {replies.TOO_MANY_CONNECTIONS}", replies.TOO_MANY_CONNECTIONS),
        (
            f"[ERROR] {replies.banned(replies.BANNED_ADDRESS, 90)}",
            replies.banned(replies.BANNED_ADDRESS, 90),
        ),
        ("[ERROR] Your password was stolen, call 555", "not TLS"),
        (f"[SERVER] {replies.SERVER_FULL}", "not TLS"),
        (f"[ERROR] {replies.BANNED_ADDRESS}; call 555", "not TLS"),
    ],
)
def test_what_is_said_at_the_door_counts_only_where_it_is_known(
    desk: Desk, far_away: None, said: str, told: str
) -> None:
    with closing(ScriptedServer()) as door:

        def refuse() -> None:
            client = door.accept()
            client._socket.recv(65536)
            client.say(said)

        dial(desk, door)
        desk.during(refuse)
        reason = desk.until_notice(SignInRefused).reason
        assert told in reason
        assert "555" not in reason


# What goes wrong


def test_an_old_tls_is_told(desk: Desk, server: TlsServer) -> None:
    server.oldest_and_newest = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    dial(desk, server)
    desk.during(server.refused)
    assert "only an old TLS" in desk.until_notice(SignInRefused).reason


def test_one_that_hangs_up_is_told(desk: Desk) -> None:
    with closing(ScriptedServer()) as hasty:
        dial(desk, hasty)

        def hang_up() -> None:
            client = hasty.accept()
            client._socket.recv(65536)
            client.close()

        desk.during(hang_up)
        reason = desk.until_notice(SignInRefused).reason
        assert reason.endswith("hung up while the encryption was being agreed on")


def test_one_that_says_nothing_can_be_cancelled(desk: Desk) -> None:
    with closing(ScriptedServer()) as silent:
        dial(desk, silent)
        client = silent.accept()
        client._socket.recv(3)
        desk.session.cancel()
        while client._socket.recv(65536):
            pass  # the client's end is closed, and its thread ends
    assert desk.notices == []

"""Whose key it is: asked before anything of a login is sent, and never taken for granted."""

from __future__ import annotations

import datetime
import json
import socket
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trustme

from chat_server.wire import replies
from chat_tui.connection import connecting, reaching
from chat_tui.events import (
    ConnectionState,
    KeyChanged,
    KeyUnknown,
    SignedIn,
    SignInRefused,
    Trust,
)
from chat_tui.storage.known_servers import KnownServers
from tests.certificates import authority
from tests.unit.desk import PATIENCE, Desk, ScriptedClient, ScriptedServer
from tests.unit.tls_server import TlsServer, certificate, fingerprint


@pytest.fixture
def server() -> Iterator[TlsServer]:
    with closing(TlsServer()) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with closing(Desk(known=KnownServers(tmp_path))) as desk:
        yield desk


@pytest.fixture
def trusted_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system trusts what the authority of the tests signs."""
    file = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses of this machine count as those of another."""
    monkeypatch.setattr(connecting, "is_loopback", lambda _: False)


def dial(desk: Desk, server: ScriptedServer, host: str = "127.0.0.1") -> None:
    desk.session.sign_in(host, server.port, "alice", "secret")


def asked(desk: Desk, server: TlsServer) -> KeyUnknown:
    """Dial; the first handshake is refused by who knows nobody, the second is a look."""

    def twice() -> None:
        server.refused()
        server.looked_at()

    dial(desk, server)
    desk.during(twice)
    return desk.until_notice(KeyUnknown)


def let_in(desk: Desk, server: ScriptedServer) -> ScriptedClient:
    """Take the next connection, and alice in."""
    client = desk.during(server.let_in)
    desk.until_state(ConnectionState.ONLINE)
    return client


def pinned(desk: Desk, server: TlsServer) -> None:
    """Somebody said "always" to the server's key, and left."""
    asked(desk, server)
    desk.session.trust(Trust.ALWAYS)
    let_in(desk, server)
    desk.session.cancel()
    desk.notices.clear()


@contextmanager
def next_run(folder: Path) -> Iterator[Desk]:
    with closing(Desk(known=KnownServers(folder))) as desk:
        yield desk


def test_whom_the_system_trusts_for_this_name_needs_no_question(
    desk: Desk, server: TlsServer, trusted_authority: None
) -> None:
    dial(desk, server)
    let_in(desk, server)
    desk.until_notice(SignedIn)
    assert desk.model.connection.encrypted
    assert desk.session.fingerprint == server.fingerprint
    assert not desk.session._approach._known.path.exists()


YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("leaf", "why"),
    [
        (lambda: certificate("localhost"), "for another name"),
        (lambda: certificate(not_after=YESTERDAY), "has expired"),
        (lambda: certificate(not_before=YESTERDAY + datetime.timedelta(days=9)), "not valid yet"),
        (
            lambda: trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert(
                "127.0.0.1", key_type=trustme.KeyType.ECDSA
            ),
            "Nobody whom this machine knows",
        ),
    ],
    ids=["another name", "expired", "not yet", "another authority"],
)
def test_any_other_certificate_is_asked_about_and_why_is_told(
    desk: Desk,
    server: TlsServer,
    trusted_authority: None,
    leaf: Callable[[], trustme.LeafCert],
    why: str,
) -> None:
    server.certificate = leaf()
    question = asked(desk, server)  # what it looks at, it sends nothing to
    assert question.fingerprint == server.fingerprint
    assert question.server == f"127.0.0.1:{server.port}"
    assert why in question.why


def test_a_no_sends_nothing(desk: Desk, server: TlsServer) -> None:
    asked(desk, server)
    desk.session.trust(Trust.NO)
    refused = desk.until_notice(SignInRefused)
    assert refused.reason.startswith("Nothing was sent")
    assert desk.model.connection.state is ConnectionState.OFFLINE
    asked(desk, server)  # and it is remembered nowhere


def test_once_holds_for_this_run_and_for_coming_back(
    desk: Desk, server: TlsServer, tmp_path: Path
) -> None:
    asked(desk, server)
    desk.session.trust(Trust.ONCE)
    client = let_in(desk, server)
    client.close()
    let_in(desk, server)
    desk.session.cancel()
    dial(desk, server)
    let_in(desk, server)
    assert not (tmp_path / "known-servers.json").exists()
    with next_run(tmp_path) as later:
        asked(later, server)


def test_always_pins_the_key_for_good(desk: Desk, server: TlsServer, tmp_path: Path) -> None:
    pinned(desk, server)
    file = tmp_path / "known-servers.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (server_name,) = kept = json.loads(file.read_text())
    assert server_name == f"127.0.0.1:{server.port}"
    assert kept[server_name]["key"] == server.fingerprint
    with next_run(tmp_path) as later:
        dial(later, server)
        let_in(later, server)  # at the first connection


def test_a_renewed_certificate_with_the_same_key_needs_no_question(
    desk: Desk, server: TlsServer, tmp_path: Path
) -> None:
    known = KnownServers(tmp_path)
    server.certificate = certificate("some.other.name", not_after=YESTERDAY)
    known.pin("127.0.0.1", server.port, server.fingerprint)
    dial(desk, server)
    let_in(desk, server)


def test_a_changed_key_stops_it_and_tells_both_until_the_old_one_is_forgotten(
    desk: Desk, server: TlsServer, tmp_path: Path, trusted_authority: None
) -> None:
    old = fingerprint(leaf := certificate("elsewhere"))
    server.certificate = leaf
    pinned(desk, server)
    server.certificate = certificate()  # which the system trusts; a pin is a promise
    for _ in range(2):
        dial(desk, server)
        desk.during(server.looked_at)
        told = desk.until_notice(KeyChanged)
        assert told == KeyChanged(f"127.0.0.1:{server.port}", old, server.fingerprint, pinned=True)
        assert desk.model.connection.state is ConnectionState.OFFLINE
    KnownServers(tmp_path).forget("127.0.0.1", None)
    dial(desk, server)
    let_in(desk, server)


def test_a_changed_key_ends_coming_back(desk: Desk, server: TlsServer) -> None:
    asked(desk, server)
    desk.session.trust(Trust.ONCE)
    client = let_in(desk, server)
    old = server.fingerprint
    server.certificate = certificate()
    client.close()
    desk.during(server.looked_at)
    told = desk.until_notice(KeyChanged)
    assert (told.trusted, told.seen, told.pinned) == (old, server.fingerprint, False)
    assert desk.model.connection.state is ConnectionState.OFFLINE
    assert not desk.session._reconnecting.is_waiting


@pytest.mark.parametrize("answer", [Trust.ONCE, Trust.ALWAYS])
def test_a_certificate_that_is_swapped_between_question_and_login_is_caught(
    desk: Desk, server: TlsServer, answer: Trust
) -> None:
    shown = asked(desk, server).fingerprint
    server.certificate = certificate()
    desk.session.trust(answer)
    desk.during(server.looked_at)
    told = desk.until_notice(KeyChanged)
    assert (told.trusted, told.seen) == (shown, server.fingerprint)


def test_a_question_may_come_up_while_coming_back(
    desk: Desk, server: TlsServer, trusted_authority: None
) -> None:
    dial(desk, server)
    client = let_in(desk, server)
    server.certificate = certificate("another.name")
    client.close()

    def twice() -> None:
        server.refused()
        server.looked_at()

    desk.during(twice)
    desk.until_notice(KeyUnknown)
    desk.session.trust(Trust.ONCE)
    let_in(desk, server)


def test_a_broken_file_of_keys_is_no_empty_one(
    desk: Desk, server: TlsServer, tmp_path: Path
) -> None:
    (tmp_path / "known-servers.json").write_text("{")
    dial(desk, server)
    refused = desk.until_notice(SignInRefused)
    assert str(tmp_path / "known-servers.json") in refused.reason
    assert "move it away" in refused.reason
    assert not refused.retry
    desk.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    server._listener.settimeout(PATIENCE)
    desk.during(lambda: server._listener.accept()[0].close())


def test_a_key_that_can_not_be_kept_sends_nothing(
    desk: Desk, server: TlsServer, tmp_path: Path
) -> None:
    asked(desk, server)
    (tmp_path / "known-servers.lock").mkdir()
    desk.session.trust(Trust.ALWAYS)
    refused = desk.until_notice(SignInRefused)
    assert refused.reason.startswith("Nothing was sent: ")
    assert "can't be written" in refused.reason


# Plain text


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
    assert "No encrypted server" in desk.until_notice(SignInRefused).reason
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


def test_a_cut_is_no_orderly_end(desk: Desk, server: TlsServer, trusted_authority: None) -> None:
    dial(desk, server)
    client = let_in(desk, server)
    client.say_bytes(b"[21:03:04] alice: half a li")
    client.cut()
    desk.until_state(ConnectionState.WAITING)
    assert desk.model.connection.reason == "The connection was cut"
    assert "half a li" not in " ".join(desk.texts())


# The file


def test_two_windows_at_once_lose_nothing(tmp_path: Path) -> None:
    keys = [fingerprint(certificate()) for _ in range(2)]
    start = threading.Barrier(8)

    def pin(number: int) -> None:
        known = KnownServers(tmp_path)
        start.wait()
        for port in range(1, 11):
            known.pin(f"host{number}", port, keys[number % 2])

    with ThreadPoolExecutor(8) as windows:
        list(windows.map(pin, range(8)))
    assert len(KnownServers(tmp_path).listed()) == 80


def test_a_server_is_the_same_however_it_is_written(tmp_path: Path) -> None:
    known = KnownServers(tmp_path)
    key = fingerprint(certificate())
    known.pin("Chat.Example.org", 9001, key)
    known.pin("::1", 9001, key)
    assert known.trusted("chat.example.ORG.", 9001) == (key, True)
    assert known.trusted("0:0:0:0:0:0:0:1", 9001) == (key, True)
    assert known.trusted("chat.example.org", 9002) is None
    assert [one.server for one in known.forget("CHAT.example.org", 9002)] == []
    assert [one.server for one in known.forget("CHAT.example.org", None)] == [
        "chat.example.org:9001"
    ]
    assert [one.server for one in known.forget("0::1", 9001)] == ["[::1]:9001"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"h:1": {}}',
        '{"h:1": {"key": "SHA256:short", "since": "x"}}',
        '{"h": {"key": "SHA256:%s", "since": "x"}}' % ("A" * 43),
        '{"h:1": {"key": "SHA256:%s", "since": "x"}, "h:1": {}}' % ("A" * 43),
        "[" * 100_000,
        " " * (1 << 20) + "{}",
    ],
    ids=range(8),
)
def test_a_file_that_is_none_of_ours_is_told_and_kept(tmp_path: Path, text: str) -> None:
    file = tmp_path / "known-servers.json"
    file.write_text(text)
    known = KnownServers(tmp_path)
    for use in (
        lambda: known.trusted("h", 1),
        lambda: known.pin("h", 1, fingerprint(certificate())),
        lambda: known.forget("h", 1),
        known.listed,
    ):
        with pytest.raises(Exception, match="move it away"):
            use()
    assert file.read_text() == text


def test_a_pinned_key_is_not_replaced_by_another(tmp_path: Path) -> None:
    one, other = fingerprint(certificate()), fingerprint(certificate())
    KnownServers(tmp_path).pin("h", 1, one)
    with pytest.raises(Exception, match="chat-tui trust forget h:1"):
        KnownServers(tmp_path).pin("h", 1, other)
    assert KnownServers(tmp_path).trusted("h", 1) == (one, True)

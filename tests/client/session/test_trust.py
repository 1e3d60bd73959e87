"""Whose key it is: asked before anything of a login is sent, and never taken for granted."""

from __future__ import annotations

import datetime
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trustme

from chat_tui.events import (
    ConnectionState,
    KeyChanged,
    KeyUnknown,
    SignedIn,
    SignInRefused,
    Trust,
)
from chat_tui.storage.known_servers import KnownServers
from tests.support.certificates import authority
from tests.support.session_harness import PATIENCE, Desk
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
def trusted_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system trusts what the authority of the tests signs."""
    file = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


def asked(desk: Desk, server: TlsServer) -> KeyUnknown:
    """Dial; the first handshake is refused by who knows nobody, the second is a look."""

    def twice() -> None:
        server.refused()
        server.looked_at()

    dial(desk, server)
    desk.during(twice)
    return desk.until_notice(KeyUnknown)


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


def test_what_can_not_be_decrypted_is_told_in_words(
    desk: Desk, server: TlsServer, trusted_authority: None
) -> None:
    dial(desk, server)
    client = let_in(desk, server)
    forged = b"\x17\x03\x03\x00\x20" + bytes(32)  # a record of no key
    os.write(client._socket.fileno(), forged)
    desk.until_state(ConnectionState.WAITING)
    reason = desk.model.connection.reason
    assert reason == "The connection broke: something came that the server can't have sent so"


def test_a_cut_is_no_orderly_end(desk: Desk, server: TlsServer, trusted_authority: None) -> None:
    dial(desk, server)
    client = let_in(desk, server)
    client.say_bytes(b"[21:03:04] alice: half a li")
    client.cut()
    desk.until_state(ConnectionState.WAITING)
    assert desk.model.connection.reason == "The connection was cut"
    assert "half a li" not in " ".join(desk.texts())

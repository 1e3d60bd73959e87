"""Trust in server keys: the user decides before anything of a login is sent."""

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
    SignInFailed,
    TrustDecision,
)
from chat_tui.storage.known_servers import KnownServers
from tests.support.certificates import authority
from tests.support.scripted_server import ScriptedServer
from tests.support.session_harness import SessionHarness
from tests.support.tls_server import TlsServer, accept_login, certificate, dial, fingerprint
from tests.support.wait_until import WAIT_TIMEOUT


@pytest.fixture
def server() -> Iterator[TlsServer]:
    with closing(TlsServer()) as server:
        yield server


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[SessionHarness]:
    with closing(SessionHarness(known=KnownServers(tmp_path))) as harness:
        yield harness


@pytest.fixture
def trusted_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system trust the certificate authority of the tests."""
    file = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


def ask_trust(harness: SessionHarness, server: TlsServer) -> KeyUnknown:
    """Dial. The client rejects the first handshake, and reads the key in a second one."""

    def handshakes() -> None:
        server.expect_failed_handshake()
        server.expect_key_probe()

    dial(harness, server)
    harness.run_while(handshakes)
    return harness.until_notice(KeyUnknown)


def pin_key(harness: SessionHarness, server: TlsServer) -> None:
    """Trust the server's key always, and sign out."""
    ask_trust(harness, server)
    harness.session.trust(TrustDecision.ALWAYS)
    accept_login(harness, server)
    harness.session.cancel()
    harness.notices.clear()


@contextmanager
def next_run(folder: Path) -> Iterator[SessionHarness]:
    with closing(SessionHarness(known=KnownServers(folder))) as harness:
        yield harness


def test_certificate_trusted_by_system_needs_no_question(
    harness: SessionHarness, server: TlsServer, trusted_authority: None
) -> None:
    dial(harness, server)
    accept_login(harness, server)
    harness.until_notice(SignedIn)
    assert harness.model.connection.encrypted
    assert harness.session.fingerprint == server.fingerprint
    assert not harness.session._connector._known.path.exists()


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
            "No authority that this machine trusts",
        ),
    ],
    ids=["another name", "expired", "not yet", "another authority"],
)
def test_untrusted_certificate_asks_user_with_reason(
    harness: SessionHarness,
    server: TlsServer,
    trusted_authority: None,
    leaf: Callable[[], trustme.LeafCert],
    why: str,
) -> None:
    server.certificate = leaf()
    question = ask_trust(harness, server)  # the client sends nothing to an unknown server
    assert question.fingerprint == server.fingerprint
    assert question.server == f"127.0.0.1:{server.port}"
    assert why in question.why


def test_declined_trust_sends_nothing(harness: SessionHarness, server: TlsServer) -> None:
    ask_trust(harness, server)
    harness.session.trust(TrustDecision.REJECT)
    failure = harness.until_notice(SignInFailed)
    assert failure.reason.startswith("Nothing was sent")
    assert harness.model.connection.state is ConnectionState.OFFLINE
    ask_trust(harness, server)  # the decision is not remembered


def test_trust_once_lasts_for_run_and_reconnects(
    harness: SessionHarness, server: TlsServer, tmp_path: Path
) -> None:
    ask_trust(harness, server)
    harness.session.trust(TrustDecision.ONCE)
    client = accept_login(harness, server)
    client.close()
    accept_login(harness, server)
    harness.session.cancel()
    dial(harness, server)
    accept_login(harness, server)
    assert not (tmp_path / "known-servers.json").exists()
    with next_run(tmp_path) as later:
        ask_trust(later, server)


def test_trust_always_pins_key(harness: SessionHarness, server: TlsServer, tmp_path: Path) -> None:
    pin_key(harness, server)
    file = tmp_path / "known-servers.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (server_name,) = stored = json.loads(file.read_text())
    assert server_name == f"127.0.0.1:{server.port}"
    assert stored[server_name]["key"] == server.fingerprint
    with next_run(tmp_path) as later:
        dial(later, server)
        accept_login(later, server)  # at the first connection


def test_renewed_certificate_with_pinned_key_needs_no_question(
    harness: SessionHarness, server: TlsServer, tmp_path: Path
) -> None:
    known = KnownServers(tmp_path)
    server.certificate = certificate("some.other.name", not_after=YESTERDAY)
    known.pin("127.0.0.1", server.port, server.fingerprint)
    dial(harness, server)
    accept_login(harness, server)


def test_changed_key_blocks_sign_in_until_old_key_is_forgotten(
    harness: SessionHarness, server: TlsServer, tmp_path: Path, trusted_authority: None
) -> None:
    old = fingerprint(leaf := certificate("elsewhere"))
    server.certificate = leaf
    pin_key(harness, server)
    server.certificate = certificate()  # the system trusts it, but the pin decides
    for _ in range(2):
        dial(harness, server)
        harness.run_while(server.expect_key_probe)
        notice = harness.until_notice(KeyChanged)
        assert notice == KeyChanged(
            f"127.0.0.1:{server.port}", old, server.fingerprint, pinned=True
        )
        assert harness.model.connection.state is ConnectionState.OFFLINE
    KnownServers(tmp_path).forget("127.0.0.1", None)
    dial(harness, server)
    accept_login(harness, server)


def test_changed_key_stops_reconnecting(harness: SessionHarness, server: TlsServer) -> None:
    ask_trust(harness, server)
    harness.session.trust(TrustDecision.ONCE)
    client = accept_login(harness, server)
    old = server.fingerprint
    server.certificate = certificate()
    client.close()
    harness.run_while(server.expect_key_probe)
    notice = harness.until_notice(KeyChanged)
    assert (notice.trusted, notice.seen, notice.pinned) == (old, server.fingerprint, False)
    assert harness.model.connection.state is ConnectionState.OFFLINE
    assert not harness.session._reconnector.is_waiting


@pytest.mark.parametrize("answer", [TrustDecision.ONCE, TrustDecision.ALWAYS])
def test_key_swapped_between_question_and_login_is_rejected(
    harness: SessionHarness, server: TlsServer, answer: TrustDecision
) -> None:
    shown = ask_trust(harness, server).fingerprint
    server.certificate = certificate()
    harness.session.trust(answer)
    harness.run_while(server.expect_key_probe)
    notice = harness.until_notice(KeyChanged)
    assert (notice.trusted, notice.seen) == (shown, server.fingerprint)


def test_trust_question_can_be_asked_during_reconnect(
    harness: SessionHarness, server: TlsServer, trusted_authority: None
) -> None:
    dial(harness, server)
    client = accept_login(harness, server)
    server.certificate = certificate("another.name")
    client.close()

    def handshakes() -> None:
        server.expect_failed_handshake()
        server.expect_key_probe()

    harness.run_while(handshakes)
    harness.until_notice(KeyUnknown)
    harness.session.trust(TrustDecision.ONCE)
    accept_login(harness, server)


def test_broken_known_servers_file_blocks_tls_sign_in(
    harness: SessionHarness, server: TlsServer, tmp_path: Path
) -> None:
    (tmp_path / "known-servers.json").write_text("{")
    dial(harness, server)
    failure = harness.until_notice(SignInFailed)
    assert str(tmp_path / "known-servers.json") in failure.reason
    assert "move it away" in failure.reason
    assert not failure.retry
    harness.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    server._listener.settimeout(WAIT_TIMEOUT)
    harness.run_while(lambda: server._listener.accept()[0].close())


def test_unwritable_known_servers_file_sends_nothing(
    harness: SessionHarness, server: TlsServer, tmp_path: Path
) -> None:
    ask_trust(harness, server)
    (tmp_path / "known-servers.lock").mkdir()
    harness.session.trust(TrustDecision.ALWAYS)
    failure = harness.until_notice(SignInFailed)
    assert failure.reason.startswith("Nothing was sent: ")
    assert "can't be written" in failure.reason


def test_undecryptable_record_is_reported_as_reason(
    harness: SessionHarness, server: TlsServer, trusted_authority: None
) -> None:
    dial(harness, server)
    client = accept_login(harness, server)
    forged = b"\x17\x03\x03\x00\x20" + bytes(32)  # a record without a key
    os.write(client._socket.fileno(), forged)
    harness.until_state(ConnectionState.WAITING)
    reason = harness.model.connection.reason
    assert reason == "The connection broke: data arrived that the server cannot have sent"


def test_truncated_tls_connection_is_reported_as_cut(
    harness: SessionHarness, server: TlsServer, trusted_authority: None
) -> None:
    dial(harness, server)
    client = accept_login(harness, server)
    client.send_bytes(b"[21:03:04] alice: half a li")
    client.cut()
    harness.until_state(ConnectionState.WAITING)
    assert harness.model.connection.reason == "The connection was cut"
    assert "half a li" not in " ".join(harness.texts())


def probe_key(server: TlsServer) -> None:
    """Let the client reject the certificate, and read the key in a second handshake."""
    server.expect_failed_handshake()
    server.expect_key_probe()


def sign_in_to_both(harness: SessionHarness, first: TlsServer, second: TlsServer) -> None:
    harness.session.sign_in(
        "127.0.0.1", first.port, "alice", "secret", others=[("127.0.0.1", second.port)]
    )


def lose_first(harness: SessionHarness, first: TlsServer, second: TlsServer) -> None:
    """Trust the key of the first server always, and lose it."""
    sign_in_to_both(harness, first, second)
    harness.run_while(lambda: probe_key(first))
    harness.until_notice(KeyUnknown)
    harness.session.trust(TrustDecision.ALWAYS)
    accept_login(harness, first)
    first.close()


def test_server_of_same_chat_with_trusted_key_is_trusted_without_question(
    harness: SessionHarness, server: TlsServer, tmp_path: Path
) -> None:
    with closing(TlsServer(server.certificate)) as second:
        lose_first(harness, server, second)
        harness.run_while(lambda: probe_key(second))
        accept_login(harness, second)
        assert not any(isinstance(notice, KeyUnknown) for notice in harness.notices)
        one, two = sorted(KnownServers(tmp_path).listed(), key=lambda known: known.like)
        assert (one.server, one.like) == (f"127.0.0.1:{server.port}", "")
        assert (two.server, two.like) == (f"127.0.0.1:{second.port}", one.server)
        assert one.fingerprint == two.fingerprint == server.fingerprint


def test_server_of_same_chat_with_another_key_asks_user(
    harness: SessionHarness, server: TlsServer, tmp_path: Path
) -> None:
    with closing(TlsServer()) as second:
        lose_first(harness, server, second)
        harness.run_while(lambda: probe_key(second))
        question = harness.until_notice(KeyUnknown)
        assert question.server == f"127.0.0.1:{second.port}"
        assert question.fingerprint == second.fingerprint
        assert [known.fingerprint for known in KnownServers(tmp_path).listed()] == [
            server.fingerprint
        ]


def test_plaintext_server_is_rejected_if_another_server_of_the_chat_has_a_trusted_key(
    harness: SessionHarness, server: TlsServer, tmp_path: Path
) -> None:
    KnownServers(tmp_path).pin("127.0.0.1", server.port, server.fingerprint)
    server.close()
    with closing(ScriptedServer()) as plaintext:
        harness.session.sign_in(
            "127.0.0.1", server.port, "alice", "secret", others=[("127.0.0.1", plaintext.port)]
        )

        def greet() -> None:
            client = plaintext.accept()
            client.send("[SERVER] Login using: LOGIN <username> <password>")
            assert client.read_line() == ""  # no password

        harness.run_while(greet)
        assert "does not encrypt" in harness.until_notice(SignInFailed).reason

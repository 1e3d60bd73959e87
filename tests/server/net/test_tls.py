"""The TLS port: the same chat as in plain text, and clients that misuse TLS."""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
from pathlib import Path

import pytest

from chat_server.wire.fingerprint import key_fingerprint
from chat_server.wire.tls_stream import TlsStream
from tests.support.certificates import trusting_context, write_certificate
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import WAIT_TIMEOUT, until
from tests.support.wire_client import WireClient

SPEAKS_TLS = (
    "[ERROR] This port speaks TLS alone: connect with ncat --ssl or openssl s_client -quiet"
)
SPEAKS_PLAIN_TEXT = "[ERROR] This port speaks plain text: TLS has a port of its own"


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    certificate, key = write_certificate(tmp_path)
    return {"tls": True, "tls_cert": certificate, "tls_key": key, "rate": 0}


@pytest.fixture
def server(start_server: StartServer, settings: dict[str, object]) -> RunningServer:
    return start_server(**settings)


@pytest.fixture
def trusting() -> ssl.SSLContext:
    return trusting_context()


def open_stream(server: RunningServer) -> TlsStream:
    """Open a client's TLS stream, which can send close_notify."""
    connected = socket.create_connection(("127.0.0.1", server.server.tls_port))
    stream = TlsStream(connected, trusting_context(), host="127.0.0.1")
    stream.handshake(WAIT_TIMEOUT)
    return stream


def until_logged(server: RunningServer, text: str) -> None:
    until(lambda: text in server.log.getvalue(), text, server.log.getvalue)


def rest_of(stream: TlsStream) -> bytes:
    read = b""
    while data := stream.recv(WAIT_TIMEOUT):
        read += data
    return read


def test_plaintext_and_tls_clients_share_rooms(
    server: RunningServer, trusting: ssl.SSLContext
) -> None:
    alice = server.log_in("alice", subscribe="*", tls=trusting)
    bob = server.log_in("bob", subscribe="*")
    bob.send("hello from netcat")
    alice.expect_message("bob", "hello from netcat")
    alice.send("héllo, encrypted ✓")
    bob.expect_message("alice", "héllo, encrypted ✓")
    assert alice.request("/rooms") == "[SERVER] Active rooms: lobby (2)"


def test_tls_clients_exchange_many_lines_in_order(
    server: RunningServer, trusting: ssl.SSLContext
) -> None:
    alice = server.log_in("alice", subscribe="*", tls=trusting)
    bob = server.log_in("bob", subscribe="*", tls=trusting)
    texts = [f"{number} {'x' * 200}" for number in range(3000)]
    for start in range(0, 3000, 100):
        alice.send(*texts[start : start + 100])
        bob.send(*texts[start : start + 100])
    for text in texts:
        alice.expect_message("bob", text)
    for text in texts:
        bob.expect_message("alice", text)


def test_newest_login_wins_across_plaintext_and_tls(
    server: RunningServer, trusting: ssl.SSLContext
) -> None:
    plain = server.log_in("alice")
    encrypted = server.log_in("alice", tls=trusting)
    plain.expect("[SERVER] Logged out due to new login")
    plain.expect_end()
    assert encrypted.request("/rooms") == "[SERVER] Active rooms: lobby (1)"
    server.log_in("alice")
    encrypted.expect("[SERVER] Logged out due to new login")
    encrypted.expect_end()


def test_stop_notifies_and_closes_tls_clients_cleanly(server: RunningServer) -> None:
    stream = open_stream(server)
    assert stream.recv(WAIT_TIMEOUT).startswith(b"[SERVER] Login using")
    server.stop()
    assert rest_of(stream) == b"[SERVER] Server is shutting down\n"
    assert not stream.truncated
    stream.close()


def test_plaintext_on_tls_port_gets_explanation(
    server: RunningServer, trusting: ssl.SSLContext
) -> None:
    alice = server.log_in("alice", tls=trusting)
    with WireClient("127.0.0.1", server.server.tls_port) as client:
        client.send("LOGIN bob pw-of-bob", "/rooms")
        client.expect(SPEAKS_TLS)
        client.expect_end()
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice"
    until_logged(server, "plain text")
    assert "pw-of-bob" not in server.log.getvalue()


def test_silent_tls_client_times_out(
    start_server: StartServer, settings: dict[str, object]
) -> None:
    server = start_server(**settings, tls_handshake_seconds=0.1)
    with WireClient("127.0.0.1", server.server.tls_port) as silent:
        silent.expect(SPEAKS_TLS)
        silent.expect_end()
    until_logged(server, "TLS handshake with")


def test_slow_client_hello_does_not_extend_handshake_timeout(
    start_server: StartServer, settings: dict[str, object], trusting: ssl.SSLContext
) -> None:
    server = start_server(**settings, tls_handshake_seconds=0.3)
    out = ssl.MemoryBIO()
    hello = trusting.wrap_bio(ssl.MemoryBIO(), out, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    with WireClient("127.0.0.1", server.server.tls_port) as dribbling:
        dribbling.socket.settimeout(0.01)
        for byte in out.read()[:-1]:
            dribbling.send_raw(bytes([byte]))
            try:
                answer = dribbling.socket.recv(4096)
                break
            except TimeoutError:
                continue
        else:
            pytest.fail("the server waited for the whole ClientHello")
        assert answer.decode().startswith("[ERROR] ")
    until(lambda: server.server.client_count == 0, "all connections are closed")
    assert server.log_in("alice", tls=trusting).request("/rooms").endswith("lobby (1)")


def test_client_hello_on_plaintext_port_gets_explanation(
    server: RunningServer, trusting: ssl.SSLContext
) -> None:
    with WireClient("127.0.0.1", server.port) as client:
        client.expect("[SERVER] Login using: LOGIN <username> <password>")
        out = ssl.MemoryBIO()
        hello = trusting.wrap_bio(ssl.MemoryBIO(), out, server_hostname="127.0.0.1")
        with pytest.raises(ssl.SSLWantReadError):
            hello.do_handshake()
        client.send_raw(out.read())
        client.expect(SPEAKS_PLAIN_TEXT)
        client.expect_end()


def test_tls_1_1_is_rejected_with_protocol_version_alert(server: RunningServer) -> None:
    suites = bytes.fromhex("c013c014002f0035")
    body = b"\x03\x02" + bytes(32) + b"\0" + struct.pack(">H", len(suites)) + suites + b"\1\0"
    hello = b"\x01" + struct.pack(">I", len(body))[1:] + body
    with WireClient("127.0.0.1", server.server.tls_port) as old:
        old.send_raw(b"\x16\x03\x01" + struct.pack(">H", len(hello)) + hello)
        answer = old.socket.recv(100)
    # An alert (21), fatal (2): protocol_version (70).
    assert (answer[0], answer[5:7]) == (21, bytes([2, 70]))
    until_logged(server, "unsupported protocol")


@pytest.mark.parametrize(
    ("ciphers", "accepted"),
    [("ECDHE-ECDSA-AES128-GCM-SHA256", True), ("ECDHE-ECDSA-AES128-SHA256", False)],
)
def test_tls_1_2_accepts_only_secure_ciphers(
    server: RunningServer, trusting: ssl.SSLContext, ciphers: str, accepted: bool
) -> None:
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    trusting.set_ciphers(ciphers)
    if accepted:
        server.log_in("alice", tls=trusting)
        return
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        server.connect(trusting)


def test_commands_before_truncated_tls_close_are_answered(
    server: RunningServer, trusting: ssl.SSLContext
) -> None:
    bob = server.log_in("bob", subscribe="*")
    stream = open_stream(server)
    stream.send_all(b"LOGIN alice pw-of-alice\nwhole\n/who\nhalf a li")
    stream._socket.shutdown(socket.SHUT_WR)
    *_, answer, error = rest_of(stream).decode().splitlines()
    stream.close()
    assert answer == "[SERVER] In room 'lobby': alice, bob"
    assert error == "[ERROR] Last line was cut short, and not taken: end a line with LF"
    bob.expect_message("alice", "whole")
    # An attacker on the path can truncate a line. The server must not publish half of it.
    bob.expect_silence()


def test_unterminated_line_counts_after_tls_close_notify(
    server: RunningServer,
) -> None:
    bob = server.log_in("bob", subscribe="*")
    stream = open_stream(server)
    stream.send_all(b"LOGIN alice pw-of-alice\nwhole\nlast without an end")
    with stream.lock:
        assert stream.finish()
    bob.expect_message("alice", "whole")
    bob.expect_message("alice", "last without an end")
    stream.close()


def test_tampered_tls_record_ends_only_that_client(
    server: RunningServer, trusting: ssl.SSLContext
) -> None:
    bob = server.log_in("bob", subscribe="*", tls=trusting)
    alice = server.log_in("alice", tls=trusting)
    raw = socket.socket(fileno=socket.dup(alice.socket.fileno()))
    with raw:
        raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
    until(lambda: server.server.client_count == 1, "one connection is closed")
    assert bob.request("/who") == "[SERVER] In room 'lobby': bob"
    assert "Unexpected" not in server.log.getvalue()


@pytest.mark.parametrize("ending", ["reset", "close"])
def test_client_leaving_during_handshake_leaves_no_state(
    server: RunningServer, ending: str
) -> None:
    for part in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"):
        client = WireClient("127.0.0.1", server.server.tls_port)
        if part:
            client.send_raw(part)
        client.reset() if ending == "reset" else client.close()
    until(lambda: server.server.client_count == 0, "all connections are closed")
    assert "Unexpected" not in server.log.getvalue()


def test_reloaded_certificate_applies_to_new_connections(
    server: RunningServer, tmp_path: Path, trusting: ssl.SSLContext
) -> None:
    old = server.log_in("alice", tls=trusting)
    (tmp_path / "new").mkdir()
    for renewed in write_certificate(tmp_path / "new", "127.0.0.1", "new.example"):
        shutil.copy(renewed, tmp_path)
    server.server.reload_certificate()
    new = server.log_in("bob", tls=trusting)
    assert fingerprint_of(new) != fingerprint_of(old)
    assert f"Certificate reloaded: key fingerprint {fingerprint_of(new)}" in server.log.getvalue()
    assert old.request("/who") == "[SERVER] In room 'lobby': alice, bob"


def test_broken_certificate_keeps_old_one_and_is_logged(
    server: RunningServer, tmp_path: Path, trusting: ssl.SSLContext
) -> None:
    before = fingerprint_of(server.log_in("alice", tls=trusting))
    (tmp_path / "cert.pem").write_text("broken")
    server.server.reload_certificate()
    assert fingerprint_of(server.log_in("bob", tls=trusting)) == before
    assert "Certificate not reloaded: " in server.log.getvalue()


def test_certificate_fingerprint_equals_key_seen_by_client(
    server: RunningServer, trusting: ssl.SSLContext
) -> None:
    certificate = server.server.certificate
    assert certificate is not None
    assert fingerprint_of(server.connect(trusting)) == certificate.fingerprint


def fingerprint_of(client: WireClient) -> str:
    assert isinstance(client.socket, ssl.SSLSocket)
    certificate = client.socket.getpeercert(binary_form=True)
    assert certificate is not None
    return key_fingerprint(certificate)


def test_server_creates_own_certificate(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(tls=True)
    assert (tmp_path / "state" / "tls-key.pem").exists()
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    assert server.log_in("alice", tls=anyone).request("/rooms").endswith("lobby (1)")
    # A client can also trust the certificate itself, which names the address.
    known = ssl.create_default_context(cafile=str(tmp_path / "state" / "tls-cert.pem"))
    server.log_in("bob", tls=known)


def test_insecure_tls_key_is_logged_at_start(start_server: StartServer, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    key.chmod(0o600)
    settings = {"tls": True, "tls_cert": certificate, "tls_key": key}
    assert str(key) not in start_server(**settings).log.getvalue()
    key.chmod(0o644)
    assert f"{key} can be read or written by others (mode 0644)" in (
        start_server(**settings).log.getvalue()
    )


def test_client_rejecting_certificate_is_logged(server: RunningServer) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        WireClient("127.0.0.1", server.server.tls_port, tls=ssl.create_default_context())
    until_logged(server, "TLS handshake with 127.0.0.1:")


def test_stuck_tls_reader_is_cut_and_others_are_not(
    start_server: StartServer, settings: dict[str, object], trusting: ssl.SSLContext
) -> None:
    server = start_server(**settings, outbox=64 * 1024)
    bob = server.log_in("bob", tls=trusting)
    alice = server.log_in("alice", subscribe="bob", tls=trusting)
    stuck = server.log_in("carol", subscribe="bob", tls=trusting)
    line = "x" * 4000
    sent = 0
    while "Cut 'carol'" not in server.log.getvalue():
        bob.send(line)
        alice.expect_message("bob", line)
        sent += 1
        assert sent < 5000, "the server did not cut it after 20 MB"
    assert bob.request("/who") == "[SERVER] In room 'lobby': alice, bob"
    stuck.close()

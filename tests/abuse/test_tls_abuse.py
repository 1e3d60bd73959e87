"""TLS as a weapon: peers that make us compute, answer and hold, and what others notice of it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.certificates import trusting_context, write_certificate
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import WAIT_TIMEOUT
from tests.support.wire_client import WireClient

KEY_UPDATES = 400


@pytest.fixture
def server(start_server: StartServer, tmp_path: Path) -> RunningServer:
    certificate, key = write_certificate(tmp_path)
    return start_server(tls=True, tls_cert=certificate, tls_key=key, rate=0)


@contextmanager
def openssl_client(program: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`openssl s_client`, with its keys: a line that begins with K asks for new keys."""
    with subprocess.Popen(
        [program, "s_client", "-connect", f"127.0.0.1:{port}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_key_update_flood_does_not_corrupt_sent_records(
    server: RunningServer, require_program: Callable[[str], Path]
) -> None:
    """A shared SSLSocket corrupts its records here, or takes the whole process with it."""
    bob = server.log_in("bob", subscribe="alice")
    carol = server.log_in("carol", subscribe="bob", tls=trusting_context())
    with openssl_client(require_program("openssl"), server.server.tls_port) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        heard = b""

        def hear_until(enough: Callable[[], bool]) -> None:
            nonlocal heard
            assert client.stdout is not None
            while not enough():
                data = os.read(client.stdout.fileno(), 65536)
                assert data, "the server has ended"
                # What openssl says about itself stands wherever it was when it said it.
                heard = (heard + data).replace(b"read R BLOCK\n", b"")

        os.write(client.stdin.fileno(), b"LOGIN alice pw-of-alice\n/subscribe bob\n")
        hear_until(lambda: b"[SERVER] Subscribed to bob\n" in heard)
        sent = 0
        for _ in range(KEY_UPDATES):
            bob.send(*(f"{number} {'x' * 60}" for number in range(sent, sent + 20)))
            sent += 20
            os.write(client.stdin.fileno(), b"K\n")
            while (told := client.stderr.readline()) != b"KEYUPDATE\n":
                assert told, "openssl has ended"
            hear_until(lambda wanted=sent: heard.count(b"] bob: ") == wanted)  # type: ignore[misc]
        hear_until(lambda: heard.endswith(b"x\n"))
        texts = re.findall(rb"\] bob: (\d+) x{60}\n", heard)
        assert texts == [b"%d" % number for number in range(sent)]
        # The other way is in order, too.
        os.write(client.stdin.fileno(), b"still here\n")
        bob.expect_message("alice", "still here")
    for number in range(sent):
        carol.expect_message("bob", f"{number} {'x' * 60}")


def test_abandoned_handshakes_do_not_block_logins(
    start_server: StartServer, tmp_path: Path
) -> None:
    certificate, key = write_certificate(tmp_path)
    server = start_server(tls=True, tls_cert=certificate, tls_key=key, tls_handshake_seconds=1.0)
    idle = [WireClient("127.0.0.1", server.server.tls_port) for _ in range(200)]
    try:
        for number, client in enumerate(idle):
            client.send_raw(b"\x16\x03\x01\x02\x00\x01"[: number % 7])
        alice = server.log_in("alice", tls=trusting_context())
        assert alice.request("/who") == "[SERVER] In room 'lobby': alice"
        for client in idle:
            assert client.socket.recv(4096), "told why, or else"
    finally:
        for client in idle:
            client.close()


def test_idle_tls_connection_ends_with_login_timeout(
    start_server: StartServer, tmp_path: Path
) -> None:
    certificate, key = write_certificate(tmp_path)
    server = start_server(tls=True, tls_cert=certificate, tls_key=key, login_timeout=0.3)
    client = server.connect(trusting_context())
    client.expect_match(r"\[SERVER\] Login using.*")
    assert client.read_line(WAIT_TIMEOUT) == "[ERROR] Login timed out"
    client.expect_end()

"""TLS abuse: key updates, abandoned handshakes, idle connections, and their effect on others."""

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
    """Run `openssl s_client` with its commands: a line that starts with K requests a key update."""
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
    """A shared SSLSocket would corrupt its records, or crash the process."""
    bob = server.log_in("bob", subscribe="alice")
    carol = server.log_in("carol", subscribe="bob", tls=trusting_context())
    with openssl_client(require_program("openssl"), server.server.tls_port) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stderr is not None
        received = b""

        def read_until(is_enough: Callable[[], bool]) -> None:
            nonlocal received
            assert client.stdout is not None
            while not is_enough():
                data = os.read(client.stdout.fileno(), 65536)
                assert data, "the server has ended"
                # openssl writes its own status anywhere between the lines.
                received = (received + data).replace(b"read R BLOCK\n", b"")

        os.write(client.stdin.fileno(), b"LOGIN alice pw-of-alice\n/subscribe bob\n")
        read_until(lambda: b"[SERVER] Subscribed to bob\n" in received)
        sent = 0
        for _ in range(KEY_UPDATES):
            bob.send(*(f"{number} {'x' * 60}" for number in range(sent, sent + 20)))
            sent += 20
            os.write(client.stdin.fileno(), b"K\n")
            while (status := client.stderr.readline()) != b"KEYUPDATE\n":
                assert status, "openssl has ended"
            read_until(lambda wanted=sent: received.count(b"] bob: ") == wanted)  # type: ignore[misc]
        read_until(lambda: received.endswith(b"x\n"))
        texts = re.findall(rb"\] bob: (\d+) x{60}\n", received)
        assert texts == [b"%d" % number for number in range(sent)]
        # The other direction works, too.
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
            assert client.socket.recv(4096), "an error before the end"
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

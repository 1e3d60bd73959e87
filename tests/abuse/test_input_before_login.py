"""Clients that send as much as they can before they log in, and users that only type."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from chat_server.access.connection_pace import BURST, PER_SECOND
from tests.support.certificates import trusting_context, write_certificate
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import WAIT_TIMEOUT
from tests.support.wire_client import WireClient

PROMPT = "[SERVER] Login using: LOGIN <username> <password>"
TOO_MUCH = "[ERROR] Too much input before the LOGIN line"


@pytest.fixture
def server(start_server: StartServer, tmp_path: Path) -> RunningServer:
    certificate, key = write_certificate(tmp_path)
    return start_server(tls=True, tls_cert=certificate, tls_key=key, rate=0)


@pytest.fixture(params=["plain text", "TLS"])
def client(request: pytest.FixtureRequest, server: RunningServer) -> WireClient:
    connected = server.connect(trusting_context() if request.param == "TLS" else None)
    connected.expect(PROMPT)
    return connected


@contextmanager
def flooding(send: Callable[[], object]) -> Iterator[None]:
    """Call `send` again and again in another thread."""
    stopped = threading.Event()

    def flood() -> None:
        with suppress(OSError):
            while not stopped.is_set():
                send()

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(WAIT_TIMEOUT)


def expect_greeting(client: WireClient) -> None:
    client.expect("[SERVER] Login successful")
    client.expect_match(r"\[SERVER\] Available commands: .*")


def test_user_may_press_enter_before_the_login_line(client: WireClient) -> None:
    for _ in range(10):
        client.send_raw(b"\r\n")
    client.send("  ", "LOGIN alice pw-of-alice")
    expect_greeting(client)


def test_script_may_send_its_lines_together_with_the_login_line(client: WireClient) -> None:
    lines = [f"{number} {'x' * 1000}" for number in range(300)]
    client.send("", "LOGIN alice pw-of-alice", "/subscribe alice", *lines, "/quit")
    expect_greeting(client)
    client.expect("[SERVER] Subscribed to alice")
    for line in lines:
        client.expect_message("alice", line)
    client.expect("[SERVER] Goodbye")
    client.expect_end()


def test_login_line_may_arrive_key_by_key(client: WireClient) -> None:
    for byte in b"LOGIN alice pw-of-alice\n":
        client.send_raw(bytes([byte]))
    expect_greeting(client)


@pytest.mark.parametrize(
    "piece",
    [b"\n", b"\r\n", b"   \n", b"\n" * 10_000, b" " * 1000 + b"\n"],
    ids=["LF", "CR LF", "spaces", "many lines", "long lines"],
)
def test_endless_blank_lines_are_rejected(client: WireClient, piece: bytes) -> None:
    for _ in range(40):
        client.send_raw(piece)
    client.expect(TOO_MUCH)
    client.expect_end()


def test_flood_of_blank_lines_does_not_lose_the_error(server: RunningServer) -> None:
    client = server.connect()
    client.expect(PROMPT)
    with flooding(lambda: client.send_raw(b"\n" * 65536)):
        client.expect(TOO_MUCH)
        client.expect_end()
        client.close()


def test_endless_tiny_tls_records_before_login_are_rejected(server: RunningServer) -> None:
    client = server.connect(trusting_context())
    client.expect(PROMPT)
    # Each record has 22 more bytes than its text, which is shorter than the longest line.
    for _ in range(3_000):
        client.send_raw(b"x")
    client.expect(TOO_MUCH)


def test_rejected_client_that_goes_on_sending_is_closed(server: RunningServer) -> None:
    client = server.connect()
    client.expect(PROMPT)
    client.send("hello?")
    with flooding(lambda: client.send_raw(b"x" * 65536)):
        client.expect("[ERROR] Invalid login format")
        client.expect_end()
        client.close()


def test_address_that_connects_again_and_again_is_slowed_down(server: RunningServer) -> None:
    started = time.monotonic()
    connections = BURST + 40
    for _ in range(connections):
        with WireClient("127.0.0.1", server.port) as client:
            client.expect(PROMPT)
    assert time.monotonic() - started >= 0.8 * 40 / PER_SECOND
    server.log_in("alice")

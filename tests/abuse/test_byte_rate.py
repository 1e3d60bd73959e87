"""The bytes a second of a session (protocol, section 5), over real sockets."""

from __future__ import annotations

import time

import pytest

from tests.support.running_server import StartServer
from tests.support.wait_until import until


def test_session_sends_no_faster_than_its_byte_rate(start_server: StartServer) -> None:
    server = start_server(rate=0, burst=1, byte_rate=50_000)
    alice = server.log_in("alice", subscribe="alice")
    started = time.monotonic()
    lines = [f"{number} {'x' * 990}" for number in range(40)]
    alice.send(*lines)
    for line in lines:
        alice.expect_message("alice", line)
    assert time.monotonic() - started >= (sum(map(len, lines)) - 4096) / 50_000


def test_endless_line_of_a_session_is_throttled(start_server: StartServer) -> None:
    server = start_server(burst=1, rate=5)  # 20,480 bytes a second
    alice = server.log_in("alice")
    started = time.monotonic()
    alice.send_raw(b"x" * 24_000 + b"\n")
    alice.send("/subs")
    alice.expect("[ERROR] Line too long (limit 4096 bytes)", "[SERVER] Subscriptions: none")
    assert time.monotonic() - started >= (24_000 - 4096) / 20_480 - 0.5


def test_throttled_client_is_kicked_at_once(start_server: StartServer) -> None:
    server = start_server(rate=0, burst=1, byte_rate=1024, operators=frozenset({"carol"}))
    alice, carol = server.log_in("alice"), server.log_in("carol")
    alice.send_raw(b"x" * 60_000)  # a minute of its rate
    alice.expect("[ERROR] Line too long (limit 4096 bytes)")
    assert carol.request("/kick alice") == "[SERVER] Kicked alice"
    alice.expect("[SERVER] Logged out by an operator")
    alice.expect_end()


@pytest.mark.parametrize("reset", [True, False])
def test_throttled_client_that_has_gone_leaves_no_session(
    start_server: StartServer, reset: bool
) -> None:
    server = start_server(rate=0, burst=1, byte_rate=1024)
    alice, bob = server.log_in("alice"), server.log_in("bob")
    alice.send_raw(b"x" * (60_000 if reset else 6_000))
    alice.expect("[ERROR] Line too long (limit 4096 bytes)")
    if reset:
        alice.reset()
    else:
        alice.close()
    until(lambda: bob.request("/who") == "[SERVER] In room 'lobby': bob", "alice has gone")


def test_server_stops_while_a_client_is_throttled(start_server: StartServer) -> None:
    server = start_server(rate=0, burst=1, byte_rate=1024)
    alice = server.log_in("alice")
    alice.send_raw(b"x" * 60_000)
    alice.expect("[ERROR] Line too long (limit 4096 bytes)")
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 20
    alice.expect("[SERVER] Server is shutting down")

"""Section 5 of the contract: fast senders, slow readers and vanished clients."""

from __future__ import annotations

import threading
import time

from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import until
from tests.support.wire_client import WireClient


def test_fast_sender_is_rate_limited_without_loss(start_server: StartServer) -> None:
    server = start_server(rate=50, burst=5)
    bob, alice = server.log_in("bob", subscribe="alice"), server.log_in("alice")
    started = time.monotonic()
    alice.send(*(str(number) for number in range(25)))
    for number in range(25):
        bob.expect_message("alice", str(number))
    # 20 lines over the burst at 50 a second. A lower bound also holds on a slow machine.
    assert time.monotonic() - started >= 0.39


def test_every_line_consumes_one_token(start_server: StartServer) -> None:
    server = start_server(rate=50, burst=2)
    alice = server.log_in("alice")
    started = time.monotonic()
    alice.send("", "/nonsense", "/who", "text", "/subs")
    alice.expect("[ERROR] Unknown command: /nonsense (try /help)")
    alice.expect("[SERVER] In room 'lobby': alice", "[SERVER] Subscriptions: none")
    assert time.monotonic() - started >= 0.059


def test_rate_limit_wait_ends_at_forced_logout(start_server: StartServer) -> None:
    server = start_server(rate=0.01, burst=1)
    first = server.log_in("alice")
    first.send("one", "two")
    server.log_in("alice")
    first.expect("[SERVER] Logged out due to new login")
    first.expect_end()


def test_rate_limit_wait_ends_at_reset(start_server: StartServer) -> None:
    server = start_server(rate=0.01, burst=1)
    bob, alice = server.log_in("bob"), server.log_in("alice")
    alice.send("one", "two")
    alice.reset()
    _wait_until_logged_out(bob, "alice", server)


def _wait_until_logged_out(observer: WireClient, name: str, server: RunningServer) -> None:
    until(lambda: f"User '{name}' disconnected" in server.log.getvalue(), "the session ends")


def test_half_closed_client_is_served_for_bounded_time(
    start_server: StartServer,
) -> None:
    server = start_server(rate=10, burst=1, half_closed_seconds=0.5)
    bob, alice = server.log_in("bob", subscribe="*"), server.log_in("alice")
    bob.send("/presence on")
    bob.expect("[SERVER] Presence on")
    alice.send(*(str(number) for number in range(100)))
    alice.send_eof()
    received = 0
    while (line := bob.read_line()) != "[SERVER] alice left room 'lobby'":
        assert line is not None
        assert line.endswith(f"alice: {received}")
        received += 1
    assert 3 <= received < 30


def test_stuck_reader_is_cut_and_others_receive_everything(
    start_server: StartServer,
) -> None:
    server = start_server(rate=0, outbox=64 * 1024)
    server.add_accounts(["stuck"])
    stuck = WireClient("127.0.0.1", server.port, receive_buffer=4096)
    stuck.send("LOGIN stuck pw-of-stuck", "/subscribe *")
    while stuck.read_line() != "[SERVER] Subscribed to *":
        pass
    good, alice = server.log_in("bob", subscribe="*"), server.log_in("alice", subscribe="alice")
    sent = 0
    while "[!] Cut 'stuck'" not in server.log.getvalue():
        alice.send(*["x" * 4000] * 10)
        for _ in range(10):
            good.expect_message("alice", "x" * 4000)
            alice.expect_message("alice", "x" * 4000)
        sent += 10
        assert sent * 4000 < 200_000_000
    assert good.request("/who") == "[SERVER] In room 'lobby': alice, bob"
    stuck.close()


def test_stalled_reader_above_lag_threshold_is_cut_after_stall_timeout(
    start_server: StartServer,
) -> None:
    server = start_server(rate=0, outbox=64 * 1024 * 1024, stall_seconds=0.3)
    server.add_accounts(["stuck"])
    stuck = WireClient("127.0.0.1", server.port, receive_buffer=4096)
    stuck.send("LOGIN stuck pw-of-stuck", "/subscribe *")
    while stuck.read_line() != "[SERVER] Subscribed to *":
        pass
    alice = server.log_in("alice")
    for _ in range(650):
        alice.send(*["x" * 4000] * 10)
    assert "In room" in alice.request("/who")
    _wait_until_logged_out(alice, "stuck", server)
    assert "[!] Cut 'stuck'" in server.log.getvalue()
    stuck.close()


def test_slow_but_progressing_reader_is_not_cut(start_server: StartServer) -> None:
    server = start_server(rate=0, outbox=256 * 1024)
    slow = WireClient("127.0.0.1", server.port, receive_buffer=16384)
    slow.send("LOGIN bob pw-of-bob", "/subscribe *")
    while slow.read_line() != "[SERVER] Subscribed to *":
        pass
    alice = server.log_in("alice")
    batches = 500

    def read() -> None:
        for _ in range(batches * 4):
            slow.expect_match(r"\[..:..:..\] alice: x{4000}")

    reading = threading.Thread(target=read)
    reading.start()
    for _ in range(batches):
        alice.send(*["x" * 4000] * 4, "/who")  # a command must not reset the recipients
        alice.expect("[SERVER] In room 'lobby': alice, bob")
    reading.join(30)
    assert not reading.is_alive()
    slow.send("/quit")
    slow.expect("[SERVER] Goodbye")
    slow.expect_end()
    slow.close()


def test_last_lines_are_flushed_to_slow_reader(start_server: StartServer) -> None:
    server = start_server(rate=0, outbox=8 * 1024 * 1024, flush_seconds=0.5)
    slow = WireClient("127.0.0.1", server.port, receive_buffer=16384)
    slow.send("LOGIN bob pw-of-bob", "/subscribe *")
    while slow.read_line() != "[SERVER] Subscribed to *":
        pass
    alice = server.log_in("alice")
    for _ in range(150):
        alice.send(*["x" * 4000] * 10)
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice, bob"
    slow.send("/quit")
    started = time.monotonic()
    lines = 0
    while (line := slow.read_line()) != "[SERVER] Goodbye":
        assert line is not None
        lines += 1
        if lines % 100 == 0:
            threading.Event().wait(0.08)  # longer than flush_seconds in all, never without progress
    assert lines == 1500
    # The flush outlasted flush_seconds. A lower bound also holds on a slow machine.
    assert time.monotonic() - started > 1.0
    slow.expect_end()
    slow.close()


def test_thousand_connections_leak_no_thread(server: RunningServer) -> None:
    before = threading.active_count()
    for _ in range(10):  # so that a busy machine keeps the bound of each wait
        for number in range(100):
            client = WireClient("127.0.0.1", server.port)
            if number % 3 == 0:
                client.reset()
            elif number % 3 == 1:
                client.send_raw(b"LOGIN al")
            client.close()
        server.log_in("alice").close()  # the earlier connections were accepted before this one
    until(lambda: server.server.client_count == 0, "all connections are closed")
    until(lambda: threading.active_count() <= before, "all threads have ended")


def test_reset_in_every_state_leaves_server_clean(server: RunningServer) -> None:
    observer = server.log_in("bob")
    server.connect().reset()
    half = server.connect()
    half.send_raw(b"LOGIN alice")
    half.reset()
    hashing = server.connect()
    hashing.send("LOGIN alice pw-of-alice")
    hashing.reset()
    chatting = server.log_in("alice")
    chatting.send_raw(b"half a li")
    chatting.reset()
    _wait_until_logged_out(observer, "alice", server)
    assert observer.request("/who") == "[SERVER] In room 'lobby': bob"
    assert "Unexpected" not in server.log.getvalue()

"""Section 5 of the contract: how the server stops, and errors that it survives."""

from __future__ import annotations

import threading

import pytest

from tests.support.running_server import RunningServer, StartServer


def test_stop_notifies_all_connections_even_before_login(start_server: StartServer) -> None:
    server = start_server()
    unauthenticated, alice = server.connect(), server.log_in("alice")
    unauthenticated.expect_match(r"\[SERVER\] Login using: .*")
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    for client in (unauthenticated, alice):
        client.expect("[SERVER] Server is shutting down")
        client.expect_end()
        client.close()
    stopping.join(10)
    assert not stopping.is_alive()
    with pytest.raises(ConnectionRefusedError):
        server.connect()


def test_stop_delivers_accepted_messages(start_server: StartServer) -> None:
    server = start_server(rate=0)
    bob, alice = server.log_in("bob", subscribe="*"), server.log_in("alice")
    alice.send(*(str(number) for number in range(5000)), "/who")
    alice.expect_match(r"\[SERVER\] In room .*")
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    for number in range(5000):
        bob.expect_message("alice", str(number))
    bob.expect("[SERVER] Server is shutting down")
    bob.close()
    alice.close()
    stopping.join(10)
    assert not stopping.is_alive()


def test_stop_interrupts_rate_limit_wait(start_server: StartServer) -> None:
    server = start_server(rate=0.01, burst=1)
    alice = server.log_in("alice")
    alice.send("one", "two", "three")
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    alice.expect("[SERVER] Server is shutting down")
    alice.expect_end()
    alice.close()
    stopping.join(10)
    assert not stopping.is_alive()


def test_failed_thread_start_rejects_client_and_server_continues(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = server.log_in("alice")

    def fail_to_start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail_to_start)
        rejected = server.connect()
        rejected.expect("[ERROR] Server is full; try again later")
        rejected.expect_end()
    assert "[!] Can't start a thread for a client: can't start new thread" in server.log.getvalue()
    server.log_in("bob")
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice, bob"

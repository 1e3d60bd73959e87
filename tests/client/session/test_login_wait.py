"""A login that waits for its turn at a real server, and the user who does not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from chat_server.accounts.hash_pool import default_workers
from chat_tui import events
from chat_tui.events import ConnectionState
from tests.support.running_server import RunningServer, StartServer
from tests.support.session_harness import SessionHarness
from tests.support.wait_until import WAIT_TIMEOUT, until


@pytest.fixture(name="server")
def real_server(start_server: StartServer) -> RunningServer:
    return start_server()


@pytest.fixture
def busy(server: RunningServer) -> Iterator[threading.Event]:
    """Keep all hashing threads busy until the event is set."""
    pool, gate, held = server.server._services.hash_pool, threading.Event(), threading.Semaphore(0)

    def hold() -> bool:
        held.release()
        gate.wait(WAIT_TIMEOUT)
        return False

    threads = [
        threading.Thread(target=pool.hash_new, args=("x", 4), kwargs={"still_wanted": hold})
        for _ in range(default_workers())
    ]
    for thread in threads:
        thread.start()
        assert held.acquire(timeout=WAIT_TIMEOUT)
    yield gate
    gate.set()
    for thread in threads:
        thread.join(WAIT_TIMEOUT)


def test_client_waits_until_the_server_has_checked_the_password(
    server: RunningServer, busy: threading.Event, harness: SessionHarness
) -> None:
    harness.session.sign_in("127.0.0.1", server.port, "alice", "pw-of-alice", plaintext=True)
    harness.until_notice(events.PasswordCheckPending)
    busy.set()
    harness.until_notice(events.SignedIn)
    harness.until_state(ConnectionState.ONLINE)


def test_cancelled_login_leaves_the_queue_and_ends_no_later_session(
    server: RunningServer, busy: threading.Event, harness: SessionHarness
) -> None:
    pool = server.server._services.hash_pool
    harness.session.sign_in("127.0.0.1", server.port, "alice", "pw-of-alice", plaintext=True)
    until(lambda: pool.waiting == 1, "the login is in the queue", work=harness.run_once)
    harness.session.cancel()
    until(lambda: all(_is_gone(server)), "the server sees the reset", work=harness.run_once)
    busy.set()
    until(lambda: server.server.client_count == 0, "the login has left the queue")
    assert "authenticated" not in server.log.getvalue()


def _is_gone(server: RunningServer) -> list[bool]:
    return [handler._stream.peer_is_gone() for handler in server.server._clients.current()]

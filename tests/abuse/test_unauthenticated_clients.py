"""Many connections that never log in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import WAIT_TIMEOUT, until
from tests.support.wire_client import WireClient

pytestmark = pytest.mark.usefixtures("thousands_of_connections")

CROWD = 1000
SPRAYED = 2000


@contextmanager
def active_chat(server: RunningServer) -> Iterator[tuple[WireClient, ...]]:
    """Let alice and bob exchange messages during the block, at least once."""
    alice, bob = server.log_in("alice", subscribe="bob"), server.log_in("bob", subscribe="alice")
    finished = threading.Event()
    failures: list[BaseException] = []

    def converse() -> None:
        try:
            number = 0
            while not finished.is_set() or number == 0:
                for speaker, hearer, name in ((alice, bob, "alice"), (bob, alice, "bob")):
                    speaker.send(f"line {number}")
                    hearer.expect_message(name, f"line {number}")
                number += 1
                finished.wait(0.002)  # leave the processor to the others
        except BaseException as failure:
            failures.append(failure)

    chat_thread = threading.Thread(target=converse)
    chat_thread.start()
    try:
        yield alice, bob
    finally:
        finished.set()
        chat_thread.join(WAIT_TIMEOUT)
    assert not chat_thread.is_alive()
    assert not failures, f"the chat failed: {failures}"


def test_thousand_silent_connections_time_out_without_blocking_sessions(
    start_server: StartServer,
) -> None:
    server = start_server(rate=0, login_timeout=1.0)
    before = threading.active_count()
    strangers = [server.connect() for _ in range(CROWD)]
    with active_chat(server):
        for stranger in strangers:
            stranger.expect("[SERVER] Login using: LOGIN <username> <password>")
            stranger.expect("[ERROR] Login timed out")
            stranger.expect_end()
            stranger.close()
        until(lambda: server.server.client_count == 2, "every stranger has gone")
        until(lambda: threading.active_count() <= before + 3, "every stranger's thread has ended")
    assert server.log.getvalue().count("[-] Login timed out for 127.0.0.1:") == CROWD


def spray(server: RunningServer) -> None:
    """Connect and disconnect as fast as possible, alternately with FIN and RST."""
    for number in range(SPRAYED):
        stranger = WireClient("127.0.0.1", server.port)
        if number % 2:
            stranger.reset()
        stranger.close()


def test_connection_spray_does_not_disturb_sessions(start_server: StartServer) -> None:
    server = start_server(rate=0)
    before = threading.active_count()
    with active_chat(server):
        spray(server)
    carol = server.log_in("carol")  # the server accepts it after all of them
    until(lambda: server.server.client_count == 3, "every stranger has gone")
    until(lambda: threading.active_count() <= before + 3, "every stranger's thread has ended")
    assert carol.request("/who") == "[SERVER] In room 'lobby': alice, bob, carol"


def test_connection_spray_on_full_server_does_not_disturb_sessions(
    start_server: StartServer,
) -> None:
    server = start_server(rate=0, max_clients=2)
    with active_chat(server) as people:
        spray(server)
    late = server.connect()
    late.expect("[ERROR] Server is full; try again later")
    late.expect_end()
    for client in people:
        client.close()
    until(lambda: server.server.client_count == 0, "alice and bob have gone")
    assert server.log_in("carol").request("/who") == "[SERVER] In room 'lobby': carol"

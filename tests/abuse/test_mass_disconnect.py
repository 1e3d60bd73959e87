"""All clients disconnect and reconnect at once, as after a power cut or a broken switch."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.support.accounts import cheap_hash
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

pytestmark = pytest.mark.usefixtures("thousands_of_connections")

CROWD = 1000
PASSWORD = "pw-of-all"
LOGINS_TIMEOUT = 60.0


def write_accounts(path: Path) -> list[str]:
    """Write a users file with one password for all: a thousand hashes would take a while."""
    names = [f"user-{number}" for number in range(CROWD)]
    path.write_text(json.dumps(dict.fromkeys(names, cheap_hash(PASSWORD))))
    return names


def all_log_in(server: RunningServer, names: list[str]) -> list[WireClient]:
    """Connect and log in all clients before the first reply is read."""
    clients = []
    for name in names:
        client = server.connect()
        client.send(f"LOGIN {name} {PASSWORD}", "/subscribe *")
        clients.append(client)
    for client in clients:
        client.expect_match(r"\[SERVER\] Login using: .*")
        assert client.read_line(LOGINS_TIMEOUT) == "[SERVER] Login successful"
        client.expect_match(r"\[SERVER\] Available commands: .*")
        client.expect("[SERVER] Subscribed to *")
    return clients


@pytest.mark.timeout(3 * LOGINS_TIMEOUT)
def test_thousand_clients_reset_and_reconnect_at_once(
    start_server: StartServer, tmp_path: Path
) -> None:
    path = tmp_path / "crowd.json"
    names = write_accounts(path)
    server = start_server(rate=0, users=path, max_clients=2 * CROWD)
    before = threading.active_count()
    for client in all_log_in(server, names):
        client.reset()
    clients = all_log_in(server, names)
    until(
        lambda: server.server.client_count == CROWD,
        "the reset sessions have ended",
        timeout=LOGINS_TIMEOUT,
    )
    author, *readers = clients
    author.send("we are back")
    for reader in readers:
        reader.expect_message(names[0], "we are back")
    assert author.request("/rooms") == f"[SERVER] Active rooms: lobby ({CROWD})"
    for client in clients:
        client.reset()
    until(
        lambda: server.server.client_count == 0,
        "all connections are closed",
        timeout=LOGINS_TIMEOUT,
    )
    until(lambda: threading.active_count() <= before, "every client's thread has ended")

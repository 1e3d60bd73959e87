"""Exhausted resources of the system: open files and threads."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.abuse.file_limits import leave_free
from tests.support.running_server import StartServer
from tests.support.server_program import ServerProgram
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

PROMPT = "[SERVER] Login using: LOGIN <username> <password>"
SPIN = 0.05
"""Share of a core above which an idle server spins. It is processor time, so that other programs do
not count."""


def processor_share(process: int, seconds: float) -> float:
    """Measure the share of one core that a process uses during the next `seconds`."""
    before, start = _processor_seconds(process), time.monotonic()
    threading.Event().wait(seconds)
    return (_processor_seconds(process) - before) / (time.monotonic() - start)


def _processor_seconds(process: int) -> float:
    fields_after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    user, system = fields_after_name[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a running process")
def test_file_descriptor_exhaustion_keeps_sessions_alive_without_spinning(
    tmp_path: Path,
) -> None:
    with ServerProgram(tmp_path / "users.json", "--rate", "0") as program:
        process = program.process.pid
        alice, bob = program.log_in("alice"), program.log_in("bob")
        assert bob.request("/subscribe *") == "[SERVER] Subscribed to *"
        leave_free(process, 3)
        newcomers = [WireClient("127.0.0.1", program.port) for _ in range(20)]
        for client in newcomers[:3]:
            client.expect(PROMPT)
        until(lambda: "[!] Can't accept a connection: " in program.log, "no file is left")
        assert processor_share(process, 1.0) < SPIN
        alice.send("we are still here")
        bob.expect_message("alice", "we are still here")

        for leaving, next_one in zip(newcomers, newcomers[3:6], strict=False):
            leaving.close()
            next_one.expect(PROMPT)
        leave_free(process, 20)
        for client in newcomers[6:]:
            client.expect(PROMPT)
        newcomers[-1].send("LOGIN carol pw-of-carol")
        newcomers[-1].expect("[SERVER] Login successful")
        assert bob.request("/who") == "[SERVER] In room 'lobby': alice, bob, carol"

        leave_free(process, 0)  # stopping needs none either
        program.stop()
    for client in (alice, bob, *newcomers):
        client.close()
    for unexpected in ("Unexpected", "Traceback", "pw-of-"):
        assert unexpected not in program.log


@pytest.fixture
def no_more_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let the start of client threads fail, as the system would, until `undo`."""
    real_start = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name.startswith("client "):
            raise RuntimeError("can't start new thread")
        real_start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        yield patched


def test_thread_exhaustion_rejects_new_clients_without_leaking_slots(
    start_server: StartServer, request: pytest.FixtureRequest
) -> None:
    server = start_server(rate=0, limit_loopback=True, max_connections_per_ip=4)
    alice, bob = server.log_in("alice"), server.log_in("bob", subscribe="alice")
    exhausted: pytest.MonkeyPatch = request.getfixturevalue("no_more_threads")
    refused = [server.connect() for _ in range(100)]
    for number, client in enumerate(refused):
        client.expect("[ERROR] Server is full; try again later")
        client.expect_end()
        alice.send(str(number))
        bob.expect_message("alice", str(number))
    assert server.log.getvalue().count("[!] Can't start a thread for a client: ") == 100
    assert server.server.client_count == 2
    exhausted.undo()
    carol, _ = server.log_in("carol"), server.log_in("dave")
    assert carol.request("/who") == "[SERVER] In room 'lobby': alice, bob, carol, dave"
    server.connect().expect("[ERROR] Too many connections from your address; try again later")

"""Latency of a room while clients that never log in send as much as they can."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from benchmarks.bench import Bench, Part
from benchmarks.errors import SetUpError
from benchmarks.load import Clients
from benchmarks.machine import LOAD_CORE, pin
from benchmarks.parts.latency import record_latency
from benchmarks.servers import LOBBY, PROJECT, Server

ROOM: Final = Clients(publishers=1, receivers=100)
HOSTILE: Final = 16
IDLE: Final = 900
RATE: Final = 100
SECONDS: Final = 2.5


def _measure(bench: Bench) -> None:
    for _ in bench.repetitions():
        # A server of its own each time: it remembers addresses that connect without a login.
        with bench.start(LOBBY) as server, bench.load(server, ROOM) as room:
            room.set_up()
            record_latency(bench, "strangers-baseline", LOBBY.name, room.pace(SECONDS, RATE))
            with _strangers(server):
                record_latency(bench, "strangers-loaded", LOBBY.name, room.pace(SECONDS, RATE))


@contextmanager
def _strangers(server: Server) -> Iterator[None]:
    """Run the clients that never log in. Raises `SetUpError` if they cannot connect."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.strangers",
        *map(str, (server.port, IDLE, HOSTILE)),
    ]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE) as process:
        try:
            pin(process.pid, LOAD_CORE)
            assert process.stdout is not None
            if not process.stdout.readline():
                raise SetUpError(f"the clients without a login ended: {server.log_tail()}")
            yield
        finally:
            process.kill()


PART: Final = Part("strangers", "16 hostile and 900 idle clients without a login", _measure, 2, 8)

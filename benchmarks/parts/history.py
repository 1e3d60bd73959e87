"""The cost of history: the same room with history and without it, on two servers in one run."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from typing import Final

from benchmarks.bench import Bench, Part
from benchmarks.errors import BenchmarkError, DeliveryError, SetUpError
from benchmarks.load import Clients, Load
from benchmarks.machine import LOAD_CORE, cpu_seconds, pin
from benchmarks.page_storm import PAGE
from benchmarks.parts.latency import record_latency
from benchmarks.servers import HISTORY, HISTORY_FILE, LOBBY, PROJECT, Server

ON: Final = HISTORY.name
OFF: Final = LOBBY.name
KINDS: Final = (HISTORY, LOBBY)

WINDOWS: Final = (1, 50, 0)
ROOM: Final = Clients(publishers=1, receivers=100)
RUN_SECONDS: Final = 0.4
WARM_UP_SECONDS: Final = 0.1
RATE: Final = 100
PACE_SECONDS: Final = 2.0
LOCK_SECONDS: Final = 3.0

QUIET_SECONDS: Final = 0.25
QUIET_CPU: Final = 0.002
"""A server is quiet if it uses less CPU time than this in `QUIET_SECONDS`."""

ASKERS: Final = 1_000
FIRST_ASKER: Final = 2_000
STORM_SECONDS: Final = 1.5
ASK_AFTER: Final = 0.4
"""Seconds from the beginning of a run to the requests."""


def scenario(window: int) -> str:
    """Return the scenario name of a window."""
    return f"history-one-to-100/{window or 'pipelined'}"


def _measure(bench: Bench) -> None:
    with ExitStack() as stack:
        rooms: list[tuple[Server, Load]] = []
        for kind in KINDS:
            server = stack.enter_context(bench.start(kind))
            room = stack.enter_context(bench.load(server, ROOM))
            room.set_up()
            room.run(WARM_UP_SECONDS, window=16)
            rooms.append((server, room))
        history = rooms[0][0]
        for rep in bench.repetitions():
            ordered = rooms if rep % 2 else rooms[::-1]
            for window in WINDOWS:
                for server, room in ordered:
                    result = room.run(RUN_SECONDS, window)
                    bench.figures.add(
                        scenario(window), server.kind.name, "per_second", result["per_second"]
                    )
                    _wait_until_quiet(history)
            for server, room in ordered:
                record_latency(
                    bench, "history-paced", server.kind.name, room.pace(PACE_SECONDS, RATE)
                )
            for server, room in ordered:
                with _write_lock(server) if server is history else nullcontext():
                    locked = room.pace(LOCK_SECONDS, RATE)
                record_latency(bench, "history-locked", server.kind.name, locked)
                _wait_until_quiet(history)


def _wait_until_quiet(server: Server) -> None:
    """Wait until the writer has stored everything: both servers share a core."""
    deadline = time.monotonic() + 60
    used = cpu_seconds(server.process.pid)
    while True:
        time.sleep(QUIET_SECONDS)
        before, used = used, cpu_seconds(server.process.pid)
        if used - before < QUIET_CPU:
            return
        if time.monotonic() > deadline:
            raise BenchmarkError(f"the writer of the history does not end: {server.log_tail()}")


@contextmanager
def _write_lock(server: Server) -> Iterator[None]:
    """Hold the write lock of the history file, as a backup or another program may do."""
    with closing(sqlite3.connect(server.folder / HISTORY_FILE, isolation_level=None)) as database:
        database.execute("PRAGMA busy_timeout = 5000")
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def _measure_storm(bench: Bench) -> None:
    with bench.start(HISTORY) as server, bench.load(server, ROOM) as room:
        room.set_up()
        command = [sys.executable, "-m", "benchmarks.page_storm"]
        arguments = map(str, (server.port, ASKERS, FIRST_ASKER))
        with subprocess.Popen(
            [*command, *arguments],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        ) as askers:
            try:
                pin(askers.pid, LOAD_CORE)
                assert askers.stdin is not None
                assert askers.stdout is not None
                if not askers.stdout.readline():
                    raise SetUpError(f"the clients that ask ended: {server.log_tail()}")
                for _ in bench.repetitions():
                    baseline = room.pace(STORM_SECONDS, RATE)
                    record_latency(bench, "page-storm-baseline", LOBBY.name, baseline)
                    room.begin(f"pace seconds={STORM_SECONDS} rate={RATE}")
                    time.sleep(ASK_AFTER)
                    askers.stdin.write("ask\n")
                    record_latency(bench, "page-storm-loaded", LOBBY.name, room.result())
                    result = json.loads(askers.stdout.readline() or "{}")
                    if not result or result["least"] < PAGE or result["most"] > PAGE:
                        raise DeliveryError(f"a page is not complete: {result}")
                    bench.figures.add("page-storm", LOBBY.name, "seconds", result["seconds"])
            finally:
                askers.kill()


PART: Final = Part("history", "History compared with none", _measure, 3, 19)
STORM: Final = Part("page-storm", "1,000 clients ask for a page at once", _measure_storm, 4, 4)

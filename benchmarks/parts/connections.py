"""Ten thousand connections: memory per connection, and the effect on a room's latency."""

from __future__ import annotations

from typing import Final

from benchmarks.bench import SPARE_FILES, Bench, Part
from benchmarks.load import Clients, Load
from benchmarks.machine import resident_bytes
from benchmarks.parts.latency import record_latency
from benchmarks.servers import LOBBY, Server

ROOM: Final = Clients(publishers=1, receivers=100)
CONNECTIONS: Final = 10_000
FIRST: Final = 1_000
RATE: Final = 100
SECONDS: Final = 2.0


def _measure(bench: Bench) -> None:
    in_room = ROOM.publishers + ROOM.receivers
    size = min(CONNECTIONS - in_room, bench.max_clients - in_room - SPARE_FILES)
    if size + in_room < CONNECTIONS:
        bench.warn(
            f"the limit on open files allows only {size + in_room:,} of {CONNECTIONS:,} connections"
        )
    # Not pinned: so many threads would not share one core in real use.
    with (
        bench.start(LOBBY, pinned=False) as baseline,
        bench.start(LOBBY, pinned=False) as loaded,
        bench.load(baseline, ROOM, pinned=False) as baseline_room,
        bench.load(loaded, ROOM, pinned=False) as loaded_room,
    ):
        baseline_room.set_up()
        loaded_room.set_up()
        bench.progress.step(f"connecting {size:,} clients")
        with _connect(bench, loaded, size):
            bench.figures.add("connections", LOBBY.name, "connections", size + in_room)
            for _ in bench.repetitions():
                record_latency(
                    bench, "connections-baseline", LOBBY.name, baseline_room.pace(SECONDS, RATE)
                )
                record_latency(
                    bench, "connections-loaded", LOBBY.name, loaded_room.pace(SECONDS, RATE)
                )


def _connect(bench: Bench, server: Server, size: int) -> Load:
    before = resident_bytes(server.process.pid)
    idle = bench.load(server, Clients(idle=size, first=FIRST), pinned=False)
    seconds = idle.set_up()
    grown = resident_bytes(server.process.pid) - before
    bench.figures.add("connections", LOBBY.name, "kilobytes_each", grown / size / 1000)
    bench.figures.add("connections", LOBBY.name, "per_second", size / seconds)
    return idle


PART: Final = Part("connections", "10,000 connections", _measure, 20, 4.2)

"""Ten thousand connections: what each costs in memory, and what they cost a room beside them."""

from __future__ import annotations

from typing import Final

from benchmarks.bench import SPARE_FILES, Bench, Part
from benchmarks.load import Clients, Load
from benchmarks.machine import resident_bytes
from benchmarks.parts.latency import note_latency
from benchmarks.servers import LOBBY, Server

ROOM: Final = Clients(publishers=1, receivers=100)
CROWD: Final = 10_000
FIRST: Final = 1_000
RATE: Final = 100
SECONDS: Final = 2.0


def _measure(bench: Bench) -> None:
    in_room = ROOM.publishers + ROOM.receivers
    size = min(CROWD - in_room, bench.most_clients - in_room - SPARE_FILES)
    if size + in_room < CROWD:
        bench.warn(f"the limit on open files leaves room for {size + in_room:,} connections only")
    # Not pinned: so many threads are not meant to share one core.
    with (
        bench.start(LOBBY, pinned=False) as quiet,
        bench.start(LOBBY, pinned=False) as crowded,
        bench.load(quiet, ROOM, pinned=False) as quiet_room,
        bench.load(crowded, ROOM, pinned=False) as crowded_room,
    ):
        quiet_room.set_up()
        crowded_room.set_up()
        bench.progress.step(f"connecting {size:,} clients")
        crowd = _connect(bench, crowded, size)
        with crowd:
            bench.figures.add("crowd", LOBBY.name, "connections", size + in_room)
            for _ in bench.repetitions():
                note_latency(bench, "crowd-without", LOBBY.name, quiet_room.pace(SECONDS, RATE))
                note_latency(bench, "crowd-beside", LOBBY.name, crowded_room.pace(SECONDS, RATE))


def _connect(bench: Bench, server: Server, size: int) -> Load:
    before = resident_bytes(server.process.pid)
    crowd = bench.load(server, Clients(idle=size, first=FIRST), pinned=False)
    seconds = crowd.set_up()
    grown = resident_bytes(server.process.pid) - before
    bench.figures.add("crowd", LOBBY.name, "kilobytes_each", grown / size / 1000)
    bench.figures.add("crowd", LOBBY.name, "per_second", size / seconds)
    return crowd


PART: Final = Part("crowd", "10,000 connections", _measure, 20, 4.2)

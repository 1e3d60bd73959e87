"""Sixteen logins at once at bcrypt cost 12, beside a room that talks."""

from __future__ import annotations

from typing import Final

from benchmarks.accounts import SLOW_FROM
from benchmarks.bench import Bench, Part
from benchmarks.load import Clients, Load
from benchmarks.parts.latency import note_latency
from benchmarks.servers import LOBBY, Server

ROOM: Final = Clients(publishers=1, receivers=100)
LOGINS: Final = Clients(idle=16, first=SLOW_FROM)
RATE: Final = 100
SECONDS: Final = 2.5
"""On two cores, sixteen hashes of cost 12 take a little longer."""


def _measure(bench: Bench) -> None:
    # Not pinned: hashing in the background is meant to use whatever core is free.
    with (
        bench.start(LOBBY, pinned=False, slow_hashes=True) as server,
        bench.load(server, ROOM, pinned=False) as room,
    ):
        room.set_up()
        for _ in bench.repetitions():
            note_latency(bench, "logins-without", LOBBY.name, room.pace(SECONDS, RATE))
            _pace_beside_logins(bench, server, room)


def _pace_beside_logins(bench: Bench, server: Server, room: Load) -> None:
    room.begin(f"pace seconds={SECONDS} rate={RATE}")
    with bench.load(server, LOGINS, pinned=False) as logins:
        seconds = logins.set_up()
        note_latency(bench, "logins-beside", LOBBY.name, room.result())
    bench.figures.add("logins-beside", LOBBY.name, "per_second", LOGINS.idle / seconds)


PART: Final = Part("logins", "16 logins at cost 12 beside a room", _measure, 2, 6)

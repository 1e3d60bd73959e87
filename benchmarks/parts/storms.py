"""A thousand clients who do the same thing at once: all change the room, or all go."""

from __future__ import annotations

import time
from typing import Final

from benchmarks.bench import Bench, Part
from benchmarks.load import Clients
from benchmarks.parts.latency import note_latency
from benchmarks.servers import LOBBY

CROWD: Final = 1_000
FIRST: Final = 2_000
ROOM: Final = Clients(publishers=1, receivers=100)
RATE: Final = 100
SECONDS: Final = 1.5
INTO_THE_RUN: Final = 0.4


def _measure_joins(bench: Bench) -> None:
    with (
        bench.start(LOBBY) as server,
        bench.load(server, Clients(idle=CROWD, first=FIRST)) as crowd,
    ):
        crowd.set_up()
        crowd.begin("presence")
        crowd.result()
        for rep in bench.repetitions():
            crowd.begin(f"join room=storm{rep}")
            note_latency(bench, "joins", LOBBY.name, crowd.result())


def _measure_departures(bench: Bench) -> None:
    with bench.start(LOBBY) as server, bench.load(server, ROOM) as room:
        room.set_up()
        for _ in bench.repetitions():
            note_latency(bench, "departures-without", LOBBY.name, room.pace(SECONDS, RATE))
            with bench.load(server, Clients(idle=CROWD, first=FIRST)) as crowd:
                crowd.set_up()
                room.begin(f"pace seconds={SECONDS} rate={RATE}")
                time.sleep(INTO_THE_RUN)
            note_latency(bench, "departures-beside", LOBBY.name, room.result())


JOINS: Final = Part("joins", "1,000 clients change the room at once", _measure_joins, 4, 2)
DEPARTURES: Final = Part("departures", "1,000 clients go at once", _measure_departures, 1, 5)

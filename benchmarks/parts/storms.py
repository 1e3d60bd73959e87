"""A thousand clients that act at once: all change the room, or all disconnect."""

from __future__ import annotations

import time
from typing import Final

from benchmarks.bench import Bench, Part
from benchmarks.load import Clients
from benchmarks.parts.latency import record_latency
from benchmarks.servers import LOBBY

CROWD: Final = 1_000
FIRST: Final = 2_000
ROOM: Final = Clients(publishers=1, receivers=100)
RATE: Final = 100
SECONDS: Final = 1.5
DISCONNECT_AFTER: Final = 0.4
"""Seconds from the beginning of a run to the disconnects."""


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
            record_latency(bench, "joins", LOBBY.name, crowd.result())


def _measure_disconnects(bench: Bench) -> None:
    with bench.start(LOBBY) as server, bench.load(server, ROOM) as room:
        room.set_up()
        for _ in bench.repetitions():
            record_latency(bench, "disconnects-baseline", LOBBY.name, room.pace(SECONDS, RATE))
            with bench.load(server, Clients(idle=CROWD, first=FIRST)) as crowd:
                crowd.set_up()
                room.begin(f"pace seconds={SECONDS} rate={RATE}")
                time.sleep(DISCONNECT_AFTER)
            record_latency(bench, "disconnects-loaded", LOBBY.name, room.result())


JOINS: Final = Part("joins", "1,000 clients change the room at once", _measure_joins, 4, 2)
DISCONNECTS: Final = Part(
    "disconnects", "1,000 clients disconnect at once", _measure_disconnects, 1, 5
)

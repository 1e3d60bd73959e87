"""Sixteen simultaneous logins at bcrypt cost 12 while a room is busy."""

from __future__ import annotations

from typing import Final

from benchmarks.accounts import SLOW_FROM
from benchmarks.bench import Bench, Part
from benchmarks.load import Clients, Load
from benchmarks.parts.latency import record_latency
from benchmarks.servers import LOBBY, Server

ROOM: Final = Clients(publishers=1, receivers=100)
LOGINS: Final = 16
RATE: Final = 100
SECONDS: Final = 2.5
"""On two cores, sixteen hashes of cost 12 take a little longer."""


def _measure(bench: Bench) -> None:
    # Not pinned: the hash threads may use any free core.
    with (
        bench.start(LOBBY, pinned=False, slow_hashes=True) as server,
        bench.load(server, ROOM, pinned=False) as room,
    ):
        room.set_up()
        for rep in bench.repetitions():
            record_latency(bench, "logins-baseline", LOBBY.name, room.pace(SECONDS, RATE))
            # Other users each time: the server remembers a password that was right.
            users = Clients(idle=LOGINS, first=SLOW_FROM + rep * LOGINS)
            _pace_during_logins(bench, server, room, users)


def _pace_during_logins(bench: Bench, server: Server, room: Load, users: Clients) -> None:
    room.begin(f"pace seconds={SECONDS} rate={RATE}")
    with bench.load(server, users, pinned=False) as logins:
        seconds = logins.set_up()
        record_latency(bench, "logins-loaded", LOBBY.name, room.result())
    bench.figures.add("logins-loaded", LOBBY.name, "per_second", LOGINS / seconds)


PART: Final = Part("logins", "16 logins at cost 12 during a busy room", _measure, 2, 6)

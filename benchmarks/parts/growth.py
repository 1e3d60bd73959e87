"""Time per message by number of subscribers, rooms, users in the room and idle connections."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final, NamedTuple

from benchmarks.bench import Bench, Part
from benchmarks.load import Clients, Load
from benchmarks.servers import LOBBY

SIZES: Final = (10, 30, 100, 300, 1000)
SUBSCRIBERS: Final = 100
"""Constant while another dimension grows."""

RUN_SECONDS: Final = 0.25
WARM_UP_SECONDS: Final = 0.05
FIRST: Final = 2_000


class Dimension(NamedTuple):
    """A number that grows."""

    name: str
    title: str
    idle_room: str | None
    """Room that the added clients join; None: they subscribe instead."""


DIMENSIONS: Final = (
    Dimension("subscribers", "subscribers", None),
    Dimension("rooms", "rooms, each with one user", "r%d"),
    Dimension("users", "users in the room without a subscription", "bench"),
    Dimension("idle", "idle connections", ""),
)


def _measure(bench: Bench) -> None:
    # Each size of each dimension has its own server, so that all can be interleaved.
    with ExitStack() as stack:
        rooms: list[tuple[Dimension, int, Load]] = []
        for size in SIZES:
            bench.progress.step(f"setting up {size:,} of each")
            for dimension in DIMENSIONS:
                rooms.append((dimension, size, _connect(bench, stack, dimension, size)))
        for _ in bench.repetitions():
            for dimension, size, room in rooms:
                subscribers = _subscribers(dimension, size)
                result = room.run(RUN_SECONDS, window=1)
                seconds = subscribers / result["per_second"]
                scenario = f"growth-{dimension.name}"
                bench.figures.add(scenario, LOBBY.name, str(size), seconds * 1e6)


def _connect(bench: Bench, stack: ExitStack, dimension: Dimension, size: int) -> Load:
    server = stack.enter_context(bench.start(LOBBY))
    clients = Clients(publishers=1, receivers=_subscribers(dimension, size))
    room = stack.enter_context(bench.load(server, clients))
    room.set_up()
    if dimension.idle_room is not None:
        added = Clients(idle=size, first=FIRST, idle_room=dimension.idle_room)
        stack.enter_context(bench.load(server, added)).set_up()
    room.run(WARM_UP_SECONDS, window=1)
    return room


def _subscribers(dimension: Dimension, size: int) -> int:
    return size if dimension.idle_room is None else SUBSCRIBERS


PART: Final = Part("growth", "Time per message", _measure, 17, 5.8)

"""What a message costs, by subscribers, rooms, users in the room and idle connections."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final, NamedTuple

from benchmarks.bench import Bench, Part
from benchmarks.load import Clients, Load
from benchmarks.servers import LOBBY, Server

SIZES: Final = (10, 30, 100, 300, 1000)
SUBSCRIBERS: Final = 100
"""Fixed, while something else grows."""

RUN_SECONDS: Final = 0.25
FIRST: Final = 2_000


class Dimension(NamedTuple):
    """Something of which there may be more and more."""

    name: str
    title: str
    idle_room: str | None
    """Where those go who are added; None: they subscribe."""


DIMENSIONS: Final = (
    Dimension("subscribers", "subscribers", None),
    Dimension("rooms", "rooms, each with one person", "r%d"),
    Dimension("users", "people in the room who do not subscribe", "bench"),
    Dimension("idle", "idle connections", ""),
)


class _Growing:
    """A server of its own for each dimension, that gets more and more clients."""

    def __init__(self, bench: Bench, stack: ExitStack, dimension: Dimension) -> None:
        self.dimension = dimension
        self._bench = bench
        self._stack = stack
        self._server: Server = stack.enter_context(bench.start(LOBBY))
        self._added = 0
        if dimension.idle_room is not None:
            self.room = self._connect(Clients(publishers=1, receivers=SUBSCRIBERS))

    def grow(self, size: int) -> None:
        """Bring it to `size` of what it has more and more of."""
        if self.dimension.idle_room is None:
            if self._added:
                self.room.close()
            self.room = self._connect(Clients(publishers=1, receivers=size))
        else:
            more = size - self._added
            first = FIRST + self._added
            self._connect(Clients(idle=more, first=first, idle_room=self.dimension.idle_room))
        self._added = size

    def _connect(self, clients: Clients) -> Load:
        load = self._stack.enter_context(self._bench.load(self._server, clients))
        load.set_up()
        return load


def _measure(bench: Bench) -> None:
    with ExitStack() as stack:
        all_growing = [_Growing(bench, stack, dimension) for dimension in DIMENSIONS]
        for size in SIZES:
            bench.progress.step(f"growing to {size:,}")
            for growing in all_growing:
                growing.grow(size)
                growing.room.run(RUN_SECONDS / 4, window=1)
            for _ in bench.repetitions():
                for growing in all_growing:
                    name = growing.dimension.name
                    subscribers = size if growing.dimension.idle_room is None else SUBSCRIBERS
                    result = growing.room.run(RUN_SECONDS, window=1)
                    seconds = subscribers / result["per_second"]
                    bench.figures.add(f"growth-{name}", LOBBY.name, str(size), seconds * 1e6)


PART: Final = Part("growth", "What a message costs", _measure, 12, 5.5)

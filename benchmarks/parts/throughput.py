"""Deliveries a second: one to many and many to many, by how much is under way at a time."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final, NamedTuple

from benchmarks.bench import Bench, Part
from benchmarks.load import Clients, Load
from benchmarks.servers import CEILING, CHAT_SERVERS, EVERYONE, Kind

RUN_SECONDS: Final = 0.4
WARM_UP_SECONDS: Final = 0.1


class Shape(NamedTuple):
    """Who speaks to whom, and which windows are measured."""

    name: str
    title: str
    clients: Clients
    windows: tuple[int, ...]
    servers: tuple[Kind, ...]


SHAPES: Final = (
    Shape("one-to-100", "one to 100", Clients(publishers=1, receivers=100), (1, 50, 0), EVERYONE),
    Shape(
        "one-to-1000", "one to 1,000", Clients(publishers=1, receivers=1000), (1, 50, 0), EVERYONE
    ),
    # One thread that only writes has no publishers to hear: there is no ceiling of this shape.
    Shape("all-to-all", "50 all-to-all", Clients(publishers=50, mesh=1), (1, 16, 0), CHAT_SERVERS),
)


def scenario(shape: str, window: int) -> str:
    """The name under which a shape with a window is noted."""
    return f"{shape}/{window or 'pipelined'}"


def window_title(window: int) -> str:
    """How a window is called on the page."""
    return {0: "pipelined", 1: "one in flight"}.get(window, f"window {window}")


def _measure(bench: Bench) -> None:
    with ExitStack() as stack:
        loads: dict[tuple[str, str], Load] = {}
        for shape in SHAPES:
            for server in bench.start_installed(shape.servers):
                stack.enter_context(server)
                load = stack.enter_context(bench.load(server, shape.clients))
                loads[shape.name, server.kind.name] = load
                load.set_up()
                load.run(WARM_UP_SECONDS, window=1 if server.kind is CEILING else 16)
        for rep in bench.repetitions():
            for shape in SHAPES:
                for window in shape.windows:
                    # Nobody comes always first, or always after the same neighbour.
                    turn = rep % len(shape.servers)
                    for kind in shape.servers[turn:] + shape.servers[:turn]:
                        if (shape.name, kind.name) in loads:
                            result = loads[shape.name, kind.name].run(RUN_SECONDS, window)
                            name = scenario(shape.name, window)
                            bench.figures.add(name, kind.name, "per_second", result["per_second"])


PART: Final = Part("throughput", "Deliveries a second", _measure, 12, 32)

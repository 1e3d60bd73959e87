"""Deliveries per second: one to many and many to many, by number of messages in flight."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final, NamedTuple

from benchmarks.bench import Bench, Part
from benchmarks.load import Clients, Load
from benchmarks.servers import ALL_SERVERS, CEILING, CHAT_SERVERS, ServerKind

RUN_SECONDS: Final = 0.4
WARM_UP_SECONDS: Final = 0.1


class Shape(NamedTuple):
    """A number of publishers and receivers, and the windows to measure."""

    name: str
    title: str
    clients: Clients
    windows: tuple[int, ...]
    servers: tuple[ServerKind, ...]


SHAPES: Final = (
    Shape(
        "one-to-100", "one to 100", Clients(publishers=1, receivers=100), (1, 50, 0), ALL_SERVERS
    ),
    Shape(
        "one-to-1000",
        "one to 1,000",
        Clients(publishers=1, receivers=1000),
        (1, 50, 0),
        ALL_SERVERS,
    ),
    # The ceiling only writes and reads no publishers, so it cannot do this shape.
    Shape("all-to-all", "50 all-to-all", Clients(publishers=50, mesh=1), (1, 16, 0), CHAT_SERVERS),
)


def scenario(shape: str, window: int) -> str:
    """Return the scenario name of a shape with a window."""
    return f"{shape}/{window or 'pipelined'}"


def window_title(window: int) -> str:
    """Return the name of a window on the page."""
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
                    # Rotate the order: no server always runs first or after the same one.
                    turn = rep % len(shape.servers)
                    for kind in shape.servers[turn:] + shape.servers[:turn]:
                        if (shape.name, kind.name) in loads:
                            result = loads[shape.name, kind.name].run(RUN_SECONDS, window)
                            name = scenario(shape.name, window)
                            bench.figures.add(name, kind.name, "per_second", result["per_second"])


PART: Final = Part("throughput", "Deliveries per second", _measure, 12, 32)

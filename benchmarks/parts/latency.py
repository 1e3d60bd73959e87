"""Latency at a constant rate, alone and with thousands of idle connections."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from random import Random
from typing import Final

from benchmarks.bench import Bench, Part
from benchmarks.errors import SetUpError
from benchmarks.load import Clients, Load, Result
from benchmarks.servers import CHAT_SERVERS, Server

RECEIVERS: Final = 100
RATE: Final = 100
SECONDS: Final = 3.0
IDLE: Final = 5_000
IDLE_FROM: Final = 1_000
"""Number of the first idle user."""

MEASURES: Final = ("p50_ms", "p99_ms", "max_ms")


def record_latency(bench: Bench, scenario: str, server: str, result: Result) -> None:
    """Record the measures of a paced run."""
    for measure in MEASURES:
        bench.figures.add(scenario, server, measure, result[measure])


def _measure(bench: Bench) -> None:
    with ExitStack() as stack:
        rooms = [
            ("paced", server.kind.name, _connect_room(bench, stack, server))
            for server in bench.start_installed(CHAT_SERVERS)
        ]
        # Before the idle clients connect: some servers check each of their clients once a second,
        # and the other servers on the same core wait for that.
        _pace(bench, rooms)
    with ExitStack() as stack:
        rooms = []
        bench.progress.step(f"connecting {IDLE:,} idle clients to each server")
        for server in bench.start_installed(CHAT_SERVERS):
            room = _connect_room(bench, stack, server)
            idle = stack.enter_context(bench.load(server, Clients(idle=IDLE, first=IDLE_FROM)))
            try:
                idle.set_up()
            except SetUpError as error:
                bench.warn(f"no figure with {IDLE:,} idle connections: {error}")
                bench.figures.absent[f"paced-idle/{server.kind.name}"] = "did not accept them"
            else:
                rooms.append(("paced-idle", server.kind.name, room))
        _pace(bench, rooms)


def _pace(bench: Bench, rooms: Sequence[tuple[str, str, Load]]) -> None:
    """Measure each room once a repetition."""
    for rep in bench.repetitions():
        # A random order: no server always runs after the same one, which has filled the caches.
        for scenario, server, load in Random(rep).sample(rooms, len(rooms)):
            record_latency(bench, scenario, server, load.pace(SECONDS, RATE))


def _connect_room(bench: Bench, stack: ExitStack, server: Server) -> Load:
    stack.enter_context(server)
    load = stack.enter_context(bench.load(server, Clients(publishers=1, receivers=RECEIVERS)))
    load.set_up()
    return load


PART: Final = Part("latency", "Latency at 100 messages per second", _measure, 30, 27)

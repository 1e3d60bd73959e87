"""Two nodes compared with one server alone, and more nodes: latency, throughput and CPU time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final, NamedTuple, TypeVar

from benchmarks.bench import Bench, Part
from benchmarks.cluster import Cluster, needs_redis, start_cluster
from benchmarks.load import Clients, Load
from benchmarks.machine import cpu_seconds
from benchmarks.parts.latency import record_latency
from benchmarks.servers import LOBBY, Server

_Item = TypeVar("_Item")

ALONE: Final = "alone"
SAME_NODE: Final = "A-to-A"
OTHER_NODE: Final = "A-to-B"
TWO_NODES: Final = "two-nodes"
"""Recorded in the place of a server's name."""

RECEIVERS: Final = 20
RATE: Final = 100
PACE_SECONDS: Final = 3.0
FLOOD_SECONDS: Final = 0.5
WARM_UP_SECONDS: Final = 0.3

WINDOWS: Final = (1, 50)
CROWD: Final = 100
"""Receivers of each node, in the comparison of two nodes with one and in the picture."""

CORES: Final = 4
"""One for each of two nodes, Redis and the load generator."""

RUN_SECONDS: Final = 0.5
NODES: Final = (0, 1, 2, 3, 4)
"""Numbers of nodes in the picture. 0 is one server without Redis."""


class Room(NamedTuple):
    """A room with one publisher."""

    load: Load
    cpu_seconds: Callable[[], float]
    """Return the CPU time of all processes that serve the room."""


def two_scenario(window: int) -> str:
    """Return the scenario name of two nodes compared with one."""
    return f"cluster-two/{window}"


def nodes_scenario(nodes: int) -> str:
    """Return the scenario name of a number of nodes."""
    return f"cluster-nodes/{nodes}"


@needs_redis
def _measure_pair(bench: Bench) -> None:
    with ExitStack() as stack:
        cluster = stack.enter_context(start_cluster(bench, 2))
        alone = stack.enter_context(bench.start(LOBBY, pinned=False))
        first, second = cluster.nodes
        small = {
            ALONE: _room(bench, stack, alone, first=0),
            SAME_NODE: _room(bench, stack, first, first=0),
            OTHER_NODE: _room(bench, stack, first, first=100, receiver_nodes=[second]),
        }
        large = {
            ALONE: Room(
                _room(bench, stack, alone, first=300, receivers=CROWD),
                lambda: cpu_seconds(alone.process.pid),
            ),
            TWO_NODES: Room(
                _room(
                    bench,
                    stack,
                    first,
                    first=300,
                    receivers=2 * CROWD,
                    receiver_nodes=cluster.nodes,
                ),
                cluster.cpu_seconds,
            ),
        }
        has_cores = (os.cpu_count() or 1) >= CORES
        bench.figures.add("cluster-two", LOBBY.name, "has_four_cores", has_cores)
        for rep in bench.repetitions():
            rooms = _rotated(list(small.items()), rep)
            for variant, load in rooms:
                record_latency(bench, "cluster-paced", variant, load.pace(PACE_SECONDS, RATE))
            for variant, load in rooms:
                result = load.run(FLOOD_SECONDS, window=0)
                bench.figures.add(
                    "cluster-flood", variant, "per_second", result["per_second"] / RECEIVERS
                )
            for window in WINDOWS:
                for variant, room in _rotated(list(large.items()), rep):
                    _run(bench, two_scenario(window), variant, room, window)


@needs_redis
def _measure_nodes(bench: Bench) -> None:
    with ExitStack() as stack:
        rooms: list[tuple[int, Room]] = []
        for nodes in NODES:
            bench.progress.step(f"starting {nodes or 'no'} nodes")
            rooms.append((nodes, _crowd(bench, stack, nodes)))
        for rep in bench.repetitions():
            for nodes, room in _rotated(rooms, rep):
                _run(bench, nodes_scenario(nodes), LOBBY.name, room, window=50)
            for nodes, room in _rotated(rooms, rep):
                result = room.load.pace(PACE_SECONDS, RATE)
                record_latency(bench, nodes_scenario(nodes), LOBBY.name, result)


def _crowd(bench: Bench, stack: ExitStack, nodes: int) -> Room:
    """Return a room with receivers on each node, and its publisher on the first one."""
    if not nodes:
        alone = stack.enter_context(bench.start(LOBBY, pinned=False))
        load = _room(bench, stack, alone, receivers=CROWD)
        return Room(load, lambda: cpu_seconds(alone.process.pid))
    cluster: Cluster = stack.enter_context(start_cluster(bench, nodes))
    load = _room(
        bench, stack, cluster.nodes[0], receivers=CROWD * nodes, receiver_nodes=cluster.nodes
    )
    return Room(load, cluster.cpu_seconds)


def _room(
    bench: Bench,
    stack: ExitStack,
    server: Server,
    *,
    first: int = 0,
    receivers: int = RECEIVERS,
    receiver_nodes: Sequence[Server] = (),
) -> Load:
    """Connect a publisher to `server`, and receivers to it or to `receiver_nodes` in turn."""
    clients = Clients(
        publishers=1,
        receivers=receivers,
        first=first,
        receiver_ports=",".join(str(node.port) for node in receiver_nodes),
    )
    load = stack.enter_context(bench.load(server, clients, pinned=False))
    load.set_up()
    load.run(WARM_UP_SECONDS, window=16)
    return load


def _run(bench: Bench, scenario: str, variant: str, room: Room, window: int) -> None:
    before = room.cpu_seconds()
    result = room.load.run(RUN_SECONDS, window)
    used = room.cpu_seconds() - before
    bench.figures.add(scenario, variant, "per_second", result["per_second"])
    bench.figures.add(scenario, variant, "cpu_us", used / result["delivered"] * 1e6)


def _rotated(items: Sequence[_Item], rep: int) -> list[_Item]:
    """Return the items in another order for each repetition."""
    turn = rep % len(items)
    return [*items[turn:], *items[:turn]]


PAIR_PART: Final = Part(
    "cluster", "Two servers over Redis, compared with one", _measure_pair, 5, 14
)
NODES_PART: Final = Part("cluster-nodes", "One to four servers over Redis", _measure_nodes, 15, 19)

"""A receiver that never reads: how long it delays the receivers that do."""

from __future__ import annotations

from typing import Final

from benchmarks.bench import Bench, Part
from benchmarks.load import Clients
from benchmarks.servers import CHAT_SERVERS, LOBBY, Server

CLIENTS: Final = Clients(publishers=1, receivers=20, stalled=1, size=400)
RATE: Final = 2_500
SECONDS: Final = 5.0
"""Over four megabytes: enough to fill the kernel's buffers of the stalled receiver."""

PEER_REPS: Final = 2
"""The peers never cut a receiver in that time. More repetitions would show nothing new."""

TIMEOUT: Final = 1.0
"""Seconds without a delivery after which deliveries count as stopped."""


def _measure(bench: Bench) -> None:
    for rep in bench.repetitions():
        kinds = CHAT_SERVERS if rep < PEER_REPS else (LOBBY,)
        for server in bench.start_installed(kinds):
            with server:
                _measure_server(bench, server)


def _measure_server(bench: Bench, server: Server) -> None:
    with bench.load(server, CLIENTS) as load:
        load.set_up()
        load.begin(f"pace seconds={SECONDS} rate={RATE} until_cut=1 timeout={TIMEOUT}")
        result = load.result(may_lose=True)
    # If deliveries stopped, there is no worst delay: the others would wait forever.
    stopped = result["missing"] > 0
    bench.figures.add("stalled", server.kind.name, "stopped", stopped)
    bench.figures.add("stalled", server.kind.name, "cut", result["cut"])
    if result["cut"]:
        bench.figures.add("stalled", server.kind.name, "cut_after", result["cut_after"])
    if not stopped:
        bench.figures.add("stalled", server.kind.name, "max_ms", result["max_ms"])
        bench.figures.add("stalled", server.kind.name, "late_episodes", result["late_episodes"])


PART: Final = Part("stalled", "A receiver that never reads", _measure, 1, 10)

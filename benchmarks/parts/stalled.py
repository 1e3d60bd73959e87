"""A receiver that never reads: how long it delays those who do."""

from __future__ import annotations

from typing import Final

from benchmarks.bench import Bench, Part
from benchmarks.load import Clients
from benchmarks.servers import CHAT_SERVERS, LOBBY, Server

CLIENTS: Final = Clients(publishers=1, receivers=20, stalled=1, size=400)
RATE: Final = 2_500
SECONDS: Final = 5.0
"""Four megabytes and more: what the kernel keeps for the one who never reads has to be full."""

PEER_REPS: Final = 2
"""They cut nobody in that time and take it all; more repetitions would tell nothing new."""

TIMEOUT: Final = 1.0
"""A room that was silent for so long has stopped."""


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
    # Whoever stops delivering has no worst delay: the others would wait for ever.
    stopped = result["missing"] > 0
    bench.figures.add("stalled", server.kind.name, "stopped", stopped)
    bench.figures.add("stalled", server.kind.name, "cut", result["cut"])
    if result["cut"]:
        bench.figures.add("stalled", server.kind.name, "cut_after", result["cut_after"])
    if not stopped:
        bench.figures.add("stalled", server.kind.name, "max_ms", result["max_ms"])
        bench.figures.add("stalled", server.kind.name, "late_episodes", result["late_episodes"])


PART: Final = Part("stalled", "A receiver that never reads", _measure, 1, 10)

"""The server of this checkout compared with an older revision, both without Redis."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from benchmarks.bench import Bench, Part
from benchmarks.load import Load
from benchmarks.machine import cpu_seconds
from benchmarks.parts.latency import RATE
from benchmarks.parts.throughput import SHAPES, WARM_UP_SECONDS
from benchmarks.revisions import check_out
from benchmarks.servers import LOBBY, Server, ServerKind

REVISION: Final = "47cf62b"
"""The last one before several servers could share a Redis."""

NOW: Final = "now"
BEFORE: Final = "before"
CONTROL: Final = "control"
"""Recorded in the place of a server's name. The control is a second server of the old revision: how
much it differs from the first one is the noise of the machine."""

VARIANTS: Final = (BEFORE, NOW, CONTROL)
ROUNDS: Final = 4
"""Rounds over all scenarios in a repetition. They are short, so that both servers of a pair meet
the same state of the machine."""

RUN_SECONDS: Final = 0.15
PACED: Final = "before-paced"
PACE_SECONDS: Final = 0.5

MEASURE: Final = "per_cpu_second"
"""Deliveries per second of the server's CPU time. Other programs disturb it less than the time."""

SCENARIOS: Final = (
    *(f"before-{shape.name}/{window}" for shape in SHAPES for window in shape.windows),
    PACED,
)


def _measure(bench: Bench) -> None:
    kinds = _kinds(bench)
    if kinds is None:
        return
    with ExitStack() as stack:
        rooms: dict[tuple[str, str], tuple[Server, Load]] = {}
        for shape in SHAPES:
            for variant, kind in kinds.items():
                server = stack.enter_context(bench.start(kind))
                load = stack.enter_context(bench.load(server, shape.clients))
                load.set_up()
                load.run(WARM_UP_SECONDS, window=16)
                rooms[shape.name, variant] = (server, load)
        for rep in bench.repetitions():
            for turn in range(rep * ROUNDS, (rep + 1) * ROUNDS):
                start = turn % len(VARIANTS)
                order = VARIANTS[start:] + VARIANTS[:start]
                for shape in SHAPES:
                    for window in shape.windows:
                        name = f"before-{shape.name}/{window}"
                        for variant in order:
                            server, load = rooms[shape.name, variant]
                            record_run(bench, name, variant, server, load, RUN_SECONDS, window)
                for variant in order:
                    server, load = rooms[SHAPES[0].name, variant]
                    _pace(bench, variant, server, load)


def _kinds(bench: Bench) -> dict[str, ServerKind] | None:
    """Return the servers to compare. None if the revision is not there."""
    checkout = check_out(bench, REVISION)
    if checkout is None:
        bench.figures.absent[BEFORE] = "git does not have that revision"
        return None
    before = LOBBY._replace(title="Lobby before", checkout=checkout)
    return {BEFORE: before, NOW: LOBBY, CONTROL: before}


def record_run(
    bench: Bench,
    scenario: str,
    variant: str,
    server: Server,
    load: Load,
    seconds: float,
    window: int,
    *,
    is_mean: bool = False,
) -> None:
    """Run a load, and record deliveries per second and per second of the server's CPU time."""
    before = cpu_seconds(server.process.pid)
    result = load.run(seconds, window, is_mean=is_mean)
    used = cpu_seconds(server.process.pid) - before
    bench.figures.add(scenario, variant, "per_second", result["per_second"])
    bench.figures.add(scenario, variant, MEASURE, result["delivered"] / used)


def _pace(bench: Bench, variant: str, server: Server, load: Load) -> None:
    before = cpu_seconds(server.process.pid)
    result = load.pace(PACE_SECONDS, RATE)
    used = cpu_seconds(server.process.pid) - before
    bench.figures.add(PACED, variant, "per_second", 1000 / result["p50_ms"])
    bench.figures.add(PACED, variant, MEASURE, result["delivered"] / used)


PART: Final = Part("release-before", "Compared with the release before", _measure, 10, 30)

"""What history loses: messages of sessions that break off, and of a server that is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from benchmarks.bench import Bench, Part
from benchmarks.errors import DeliveryError
from benchmarks.servers import LOBBY, PROJECT

SESSIONS: Final = 500
KILLS: Final = 15
TIMEOUT: Final = 300.0


def _measure_sessions(bench: Bench) -> None:
    bench.progress.step(f"breaking {SESSIONS} sessions off")
    outcome = _run("tests.abuse.broken_sessions", f"--sessions={SESSIONS}")
    for fault in ("disordered", "not_rising", "foreign", "faults"):
        if outcome[fault]:
            raise DeliveryError(f"clients that caught up: {fault} {outcome[fault]}")
    for measure in ("missing", "twice"):
        bench.figures.add("broken-sessions", LOBBY.name, measure, outcome[measure])


def _measure_kills(bench: Bench) -> None:
    bench.progress.step(f"killing a server {KILLS} times")
    outcome = _run("tests.abuse.kill_rounds", f"--rounds={KILLS}")
    if outcome["faults"]:
        raise DeliveryError(f"a killed server: {outcome['faults'][0]}")
    for loss in outcome["losses_ms"]:
        bench.figures.add("history-kills", LOBBY.name, "loss_ms", loss)


def _run(module: str, *options: str) -> dict[str, Any]:
    """Run a program that prints its outcome as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    lines = done.stdout.splitlines()
    if not lines:
        raise DeliveryError(f"{module} ended without an outcome")
    outcome: dict[str, Any] = json.loads(lines[-1])
    return outcome


SESSIONS_PART: Final = Part(
    "broken-sessions", "500 sessions that break off under load", _measure_sessions, 25, 0
)
KILLS_PART: Final = Part("kills", "A server that is killed under load", _measure_kills, 35, 0)

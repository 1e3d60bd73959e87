"""The cost of TLS: the same room in plain text and with TLS, on one server in one run."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from benchmarks.bench import Bench, Part
from benchmarks.load import Load, PythonClients
from benchmarks.machine import cpu_seconds, resident_bytes
from benchmarks.servers import LOBBY, Server

PLAIN: Final = "plain"
TLS: Final = "tls"
VARIANTS: Final = (PLAIN, TLS)
"""Recorded in the place of a server's name."""

WINDOWS: Final = (1, 50)
RECEIVERS: Final = 100
VERIFIED: Final = 2
"""Receivers that decrypt and check every line. If all did, the load generator would be slower than
the server."""

RUN_SECONDS: Final = 0.6
WARM_UP_SECONDS: Final = 0.1
RECONNECT_SECONDS: Final = 0.4

IDLE: Final = 1_000
FIRST_IDLE: Final = 50
"""Clients that connect before memory is measured. The first clients pay for shared memory."""

CONCURRENCY: Final = 32
"""Idle clients that are set up at the same time."""

_FIRST_USER: Final = {PLAIN: 0, TLS: 1_000}


def scenario(window: int) -> str:
    """Return the scenario name of a window."""
    return f"tls-one-to-100/{window}"


def _measure(bench: Bench) -> None:
    for variant in VARIANTS:
        _measure_memory(bench, variant)
    with bench.start(LOBBY, tls=True) as server, ExitStack() as stack:
        rooms = {
            variant: stack.enter_context(_room(bench, server, variant)) for variant in VARIANTS
        }
        for room in rooms.values():
            room.set_up()
            room.run(WARM_UP_SECONDS, window=16)
        for rep in bench.repetitions():
            variants = VARIANTS if rep % 2 else VARIANTS[::-1]
            for window in WINDOWS:
                for variant in variants:
                    _run(bench, server, variant, rooms[variant], window)
            for variant in variants:
                _reconnect(bench, server, variant, rooms[variant])


def _room(bench: Bench, server: Server, variant: str) -> Load:
    clients = PythonClients(
        encrypted=int(variant == TLS),
        publishers=1,
        receivers=RECEIVERS,
        verified=VERIFIED,
        first=_FIRST_USER[variant],
    )
    return bench.python_load(server, clients)


def _run(bench: Bench, server: Server, variant: str, room: Load, window: int) -> None:
    before = cpu_seconds(server.process.pid)
    result = room.run(RUN_SECONDS, window)
    used = cpu_seconds(server.process.pid) - before
    each = used / result["delivered"]
    bench.figures.add(scenario(window), variant, "cpu_us", each * 1e6)
    bench.figures.add(scenario(window), variant, "per_second", result["per_second"])


def _reconnect(bench: Bench, server: Server, variant: str, room: Load) -> None:
    before = cpu_seconds(server.process.pid)
    result = room.reconnect(RECONNECT_SECONDS)
    used = cpu_seconds(server.process.pid) - before
    bench.figures.add("tls-connections", variant, "per_second", result["per_second"])
    bench.figures.add("tls-connections", variant, "cpu_ms", used / result["connections"] * 1000)


def _measure_memory(bench: Bench, variant: str) -> None:
    encrypted = int(variant == TLS)
    first = PythonClients(encrypted=encrypted, idle=FIRST_IDLE, concurrency=CONCURRENCY)
    rest = PythonClients(encrypted=encrypted, idle=IDLE, first=FIRST_IDLE, concurrency=CONCURRENCY)
    with bench.start(LOBBY, tls=True) as server, bench.python_load(server, first) as before:
        before.set_up()
        resident = resident_bytes(server.process.pid)
        with bench.python_load(server, rest) as idle:
            idle.set_up()
            grown = resident_bytes(server.process.pid) - resident
    bench.figures.add("tls-memory", variant, "kilobytes_each", grown / IDLE / 1000)


PART: Final = Part("tls", "TLS compared with plain text", _measure, 8, 4)

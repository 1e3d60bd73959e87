"""What TLS costs: the same room in plain text and inside TLS, on one server in one run."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from benchmarks.bench import Bench, Part
from benchmarks.load import Load, PythonClients
from benchmarks.machine import processor_seconds, resident_bytes
from benchmarks.servers import LOBBY, Server

PLAIN: Final = "plain"
TLS: Final = "tls"
WAYS: Final = (PLAIN, TLS)
"""Under these names the two are noted, where elsewhere stands a server."""

WINDOWS: Final = (1, 50)
RECEIVERS: Final = 100
VERIFIED: Final = 2
"""Of them: to decrypt and read every line of all of them would take longer than it takes the
server to write it."""

RUN_SECONDS: Final = 0.6
WARM_UP_SECONDS: Final = 0.1
VISIT_SECONDS: Final = 0.4

IDLE: Final = 1_000
FIRST_IDLE: Final = 50
"""Connected before memory is looked at: the first of all pay for what is shared."""

CONCURRENCY: Final = 32
"""Of these, so many are being set up at a time."""

_FIRST_USER: Final = {PLAIN: 0, TLS: 1_000}


def scenario(window: int) -> str:
    """The name under which a window is noted."""
    return f"tls-one-to-100/{window}"


def _measure(bench: Bench) -> None:
    for way in WAYS:
        _measure_memory(bench, way)
    with bench.start(LOBBY, tls=True) as server, ExitStack() as stack:
        rooms = {way: stack.enter_context(_room(bench, server, way)) for way in WAYS}
        for room in rooms.values():
            room.set_up()
            room.run(WARM_UP_SECONDS, window=16)
        for rep in bench.repetitions():
            ways = WAYS if rep % 2 else WAYS[::-1]
            for window in WINDOWS:
                for way in ways:
                    _run(bench, server, way, rooms[way], window)
            for way in ways:
                _let_visit(bench, server, way, rooms[way])


def _room(bench: Bench, server: Server, way: str) -> Load:
    clients = PythonClients(
        encrypted=int(way == TLS),
        publishers=1,
        receivers=RECEIVERS,
        verified=VERIFIED,
        first=_FIRST_USER[way],
    )
    return bench.python_load(server, clients)


def _run(bench: Bench, server: Server, way: str, room: Load, window: int) -> None:
    before = processor_seconds(server.process.pid)
    result = room.run(RUN_SECONDS, window)
    used = processor_seconds(server.process.pid) - before
    each = used / result["delivered"]
    bench.figures.add(scenario(window), way, "processor_us", each * 1e6)
    bench.figures.add(scenario(window), way, "per_second", result["per_second"])


def _let_visit(bench: Bench, server: Server, way: str, room: Load) -> None:
    before = processor_seconds(server.process.pid)
    result = room.visit(VISIT_SECONDS)
    used = processor_seconds(server.process.pid) - before
    bench.figures.add("tls-visits", way, "per_second", result["per_second"])
    bench.figures.add("tls-visits", way, "processor_ms", used / result["visits"] * 1000)


def _measure_memory(bench: Bench, way: str) -> None:
    encrypted = int(way == TLS)
    first = PythonClients(encrypted=encrypted, idle=FIRST_IDLE, concurrency=CONCURRENCY)
    rest = PythonClients(encrypted=encrypted, idle=IDLE, first=FIRST_IDLE, concurrency=CONCURRENCY)
    with bench.start(LOBBY, tls=True) as server, bench.python_load(server, first) as before:
        before.set_up()
        resident = resident_bytes(server.process.pid)
        with bench.python_load(server, rest) as crowd:
            crowd.set_up()
            grown = resident_bytes(server.process.pid) - resident
    bench.figures.add("tls-memory", way, "kilobytes_each", grown / IDLE / 1000)


PART: Final = Part("tls", "TLS beside plain text", _measure, 8, 4)

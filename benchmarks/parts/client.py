"""The full-screen client: its start, a sign-in, and the time from a key to its letter."""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Final

from benchmarks.accounts import PASSWORD, user_name
from benchmarks.bench import Bench, Part
from benchmarks.client.publisher import Publisher
from benchmarks.client.terminal import Terminal
from benchmarks.errors import DeliveryError
from benchmarks.machine import cpu_seconds, resident_bytes
from benchmarks.servers import LOBBY, PROJECT, Server

EMPTY: Final = "empty app"
"""The app to compare with: Textual with one word on the screen."""

RATES: Final = (0, 1_000, 5_000)
"""Messages per second while a user types."""

FULL_LOG: Final = 10_000
"""Entries that a log keeps. The log is full when the measurement starts."""

STARTS: Final = 3
"""Starts of each program in a repetition."""

KEYS: Final = 60
"""Keys at each rate in a repetition."""

IDLE_SECONDS: Final = 4.0

SETTLE_SECONDS: Final = 2.0
"""Seconds after a sign-in that still count as the sign-in."""

_LETTERS: Final = "бгджзилпфцчшщэюя"
"""Letters that appear neither in messages nor in the client's own texts."""


def _measure(bench: Bench) -> None:
    for _ in bench.repetitions():
        for _ in range(STARTS):
            _measure_start(bench, EMPTY, _empty_app(), b"ready")
            _measure_start(bench, LOBBY.name, _client("127.0.0.1:1", "-m", "chat_tui"), b"Sign in")
        with Terminal(_empty_app(), _home(bench), PROJECT) as terminal:
            terminal.wait_for(b"ready")
            _measure_idle(bench, EMPTY, terminal)
            _measure_keys(bench, EMPTY, 0, terminal)
        with bench.start(LOBBY, pinned=False) as server:
            _measure_client(bench, server)


def _empty_app() -> list[str]:
    return [sys.executable, "-m", "benchmarks.client.empty_app"]


def _client(address: str, *program: str) -> list[str]:
    return [sys.executable, *program, address, "--user", user_name(0)]


def _home(bench: Bench) -> Path:
    return Path(tempfile.mkdtemp(prefix="home-", dir=bench.folder))


def _measure_start(bench: Bench, app: str, command: list[str], ready: bytes) -> None:
    with Terminal(command, _home(bench), PROJECT) as terminal:
        shown = terminal.wait_for(ready)
        bench.figures.add("client-start", app, "ms", (shown - terminal.started) * 1000)


def _measure_client(bench: Bench, server: Server) -> None:
    home = _home(bench)
    count_file = home / "count.json"
    command = _client(
        f"127.0.0.1:{server.port}", "-m", "benchmarks.client.counting_client", str(count_file)
    )
    password = PASSWORD.decode()
    with (
        Terminal(command, home, PROJECT) as terminal,
        Publisher(server.port, user_name(1), password) as publisher,
    ):
        _measure_sign_in(bench, terminal)
        _measure_idle(bench, LOBBY.name, terminal)
        while publisher.sent < FULL_LOG:
            publisher.publish(1_000)
            terminal.wait_for(b"%d" % (publisher.sent - 1))
        filled = resident_bytes(terminal.process)
        for rate in RATES:
            if rate:
                publisher.start(rate)
            _measure_keys(bench, LOBBY.name, rate, terminal)
            publisher.stop()
            _let_draw(terminal)
        grown = resident_bytes(terminal.process)
        bench.figures.add("client-memory", LOBBY.name, "full_mb", filled / 1e6)
        bench.figures.add("client-memory", LOBBY.name, "later_mb", grown / 1e6)
        publisher.publish(1)
        terminal.wait_for(b"%d" % (publisher.sent - 1))
        terminal.send_keys(b"\x11")  # Ctrl+Q
        terminal.wait_for_exit()
    arrived = json.loads(count_file.read_text())
    if arrived != {"messages": publisher.sent, "faults": 0}:
        raise DeliveryError(f"the client got {arrived} of {publisher.sent:,} messages")


def _measure_sign_in(bench: Bench, terminal: Terminal) -> None:
    """Sign in as soon as the form is there, and record what it takes until the room is complete.

    The CPU time includes what the client loads after its first frame, and what it does in the
    seconds after the room appeared.
    """
    terminal.wait_for(b"Sign in")
    before = cpu_seconds(terminal.process)
    terminal.send_keys(PASSWORD + b"\r")
    pressed = time.perf_counter()
    shown = terminal.wait_for(b"connected")
    terminal.read_for(SETTLE_SECONDS)  # the client asks for rooms and users
    used = cpu_seconds(terminal.process) - before
    bench.figures.add("client-sign-in", LOBBY.name, "ms", (shown - pressed) * 1000)
    bench.figures.add("client-sign-in", LOBBY.name, "cpu_ms", used * 1000)


def _measure_keys(bench: Bench, app: str, rate: int, terminal: Terminal) -> None:
    """Type letters at random moments, and record how long each takes to appear."""
    terminal.read_for(0.5)
    times = []
    for key in range(KEYS):
        letter = _LETTERS[key % len(_LETTERS)].encode()
        terminal.send_keys(letter)
        pressed = time.perf_counter()
        times.append((terminal.wait_for(letter) - pressed) * 1000)
        # Backspace: otherwise the same letter would already be there the next time.
        terminal.send_keys(b"\x7f")
        terminal.read_for(random.uniform(0.02, 0.06))
    cuts = quantiles(times, n=20, method="inclusive")
    for measure, value in (("p50_ms", cuts[9]), ("p95_ms", cuts[18]), ("max_ms", max(times))):
        bench.figures.add(f"client-keys/{rate}", app, measure, value)


def _measure_idle(bench: Bench, app: str, terminal: Terminal) -> None:
    """Record the share of a core that an app takes when it is idle."""
    before = cpu_seconds(terminal.process)
    terminal.read_for(IDLE_SECONDS)
    used = cpu_seconds(terminal.process) - before
    bench.figures.add("client-idle", app, "percent", used / IDLE_SECONDS * 100)


def _let_draw(terminal: Terminal) -> None:
    """Give the client time to draw everything that has arrived."""
    terminal.read_for(0.5)


PART: Final = Part("client", "The full-screen client", _measure, 1, 38)

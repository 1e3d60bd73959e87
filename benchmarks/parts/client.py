"""The full-screen client: how soon it is there, and how soon a key is a letter on the screen."""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Final

from benchmarks.accounts import PASSWORD, name
from benchmarks.bench import Bench, Part
from benchmarks.client.talker import Talker
from benchmarks.client.terminal import Terminal
from benchmarks.errors import DeliveryError
from benchmarks.machine import processor_seconds, resident_bytes
from benchmarks.servers import LOBBY, PROJECT, Server

EMPTY: Final = "empty app"
"""What stands beside ours: Textual with a word on the screen."""

RATES: Final = (0, 1_000, 5_000)
"""Messages a second while somebody types."""

FULL_LOG: Final = 10_000
"""Entries that a log keeps: it is full from the beginning."""

STARTS: Final = 3
"""Starts of each program in a repetition."""

KEYS: Final = 60
"""Keys at each rate in a repetition."""

IDLE_SECONDS: Final = 4.0

_LETTERS: Final = "бгджзилпфцчшщэюя"
"""Drawn for nothing else: neither messages nor the client's own words hold one."""


def _measure(bench: Bench) -> None:
    for _ in bench.repetitions():
        for _ in range(STARTS):
            _start(bench, EMPTY, _empty(), b"ready")
            _start(bench, LOBBY.name, _client("127.0.0.1:1", "-m", "chat_tui"), b"Sign in")
        with Terminal(_empty(), _home(bench), PROJECT) as terminal:
            terminal.until(b"ready")
            _idle(bench, EMPTY, terminal)
            _type(bench, EMPTY, 0, terminal)
        with bench.start(LOBBY, pinned=False) as server:
            _at_the_client(bench, server)


def _empty() -> list[str]:
    return [sys.executable, "-m", "benchmarks.client.empty_app"]


def _client(address: str, *program: str) -> list[str]:
    return [sys.executable, *program, address, "--user", name(0)]


def _home(bench: Bench) -> Path:
    return Path(tempfile.mkdtemp(prefix="home-", dir=bench.folder))


def _start(bench: Bench, who: str, command: list[str], ready: bytes) -> None:
    with Terminal(command, _home(bench), PROJECT) as terminal:
        shown = terminal.until(ready)
        bench.figures.add("client-start", who, "ms", (shown - terminal.started) * 1000)


def _at_the_client(bench: Bench, server: Server) -> None:
    home = _home(bench)
    count = home / "count.json"
    command = _client(
        f"127.0.0.1:{server.port}", "-m", "benchmarks.client.counted_client", str(count)
    )
    password = PASSWORD.decode()
    with (
        Terminal(command, home, PROJECT) as terminal,
        Talker(server.port, name(1), password) as talker,
    ):
        terminal.until(b"Sign in")
        terminal.press(PASSWORD + b"\r")
        terminal.until(b"connected")
        terminal.watch(1.0)  # it looks around
        _idle(bench, LOBBY.name, terminal)
        while talker.said < FULL_LOG:
            talker.say(1_000)
            terminal.until(b"%d" % (talker.said - 1))
        filled = resident_bytes(terminal.process)
        for rate in RATES:
            if rate:
                talker.talk(rate)
            _type(bench, LOBBY.name, rate, terminal)
            talker.stop()
            _until_quiet(terminal)
        grown = resident_bytes(terminal.process)
        bench.figures.add("client-memory", LOBBY.name, "full_mb", filled / 1e6)
        bench.figures.add("client-memory", LOBBY.name, "later_mb", grown / 1e6)
        talker.say(1)
        terminal.until(b"%d" % (talker.said - 1))
        terminal.press(b"\x11")  # Ctrl+Q
        terminal.wait()
    arrived = json.loads(count.read_text())
    if arrived != {"messages": talker.said, "faults": 0}:
        raise DeliveryError(f"of {talker.said:,} messages the client shows {arrived}")


def _type(bench: Bench, who: str, rate: int, terminal: Terminal) -> None:
    """Type letters, at odd moments, and note how long each was under way."""
    terminal.watch(0.5)
    times = []
    for key in range(KEYS):
        letter = _LETTERS[key % len(_LETTERS)].encode()
        terminal.press(letter)
        pressed = time.perf_counter()
        times.append((terminal.until(letter) - pressed) * 1000)
        terminal.press(b"\x7f")  # and away with it: the next one like it is another one
        terminal.watch(random.uniform(0.02, 0.06))
    cuts = quantiles(times, n=20, method="inclusive")
    for measure, value in (("p50_ms", cuts[9]), ("p95_ms", cuts[18]), ("max_ms", max(times))):
        bench.figures.add(f"client-keys/{rate}", who, measure, value)


def _idle(bench: Bench, who: str, terminal: Terminal) -> None:
    """Note the share of a core that it takes while nothing happens."""
    before = processor_seconds(terminal.process)
    terminal.watch(IDLE_SECONDS)
    used = processor_seconds(terminal.process) - before
    bench.figures.add("client-idle", who, "percent", used / IDLE_SECONDS * 100)


def _until_quiet(terminal: Terminal) -> None:
    """Let it draw all that has come."""
    terminal.watch(0.5)


PART: Final = Part("client", "The full-screen client", _measure, 1, 38)

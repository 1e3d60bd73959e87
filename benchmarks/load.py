"""Drives the load generators: a process for each group of clients, set up once and used often."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Final, Protocol

from benchmarks.errors import DeliveryError, SetUpError
from benchmarks.machine import LOAD_CORE, pin
from benchmarks.servers import PROJECT, Kind

Result = dict[str, float]

PYTHON_LOAD: Final = (sys.executable, "-m", "benchmarks.python_load")
"""The generator that speaks TLS; the other one is in C, see `native.py`."""

FAULTS = ("missing", "duplicates", "gaps", "malformed", "closed")


class Listening(Protocol):
    """A server to connect to."""

    kind: Kind
    port: int

    def last_words(self) -> str:
        """Give what it wrote last, for the case that it admits nobody."""


@dataclass(frozen=True, kw_only=True)
class Clients:
    """Who connects. The names of the fields are the load generator's."""

    publishers: int = 0
    receivers: int = 0
    mesh: int = 0
    """1: the publishers hear each other, and there are no other receivers."""
    stalled: int = 0
    """Receivers that never read."""
    idle: int = 0
    idle_room: str = ""
    """Where the idle ones go; empty: nowhere; %d stands for each one's number."""
    first: int = 0
    """Number of the first user."""
    size: int = 100
    """Bytes of a message's text."""


@dataclass(frozen=True, kw_only=True)
class PythonClients:
    """Who connects by the generator in Python. The names of the fields are its own."""

    encrypted: int
    """1: inside TLS."""
    publishers: int = 0
    """At most one."""
    receivers: int = 0
    verified: int = 0
    """So many of the receivers read every line; the others count."""
    idle: int = 0
    first: int = 0
    """Number of the first user."""
    concurrency: int = 8
    """Connections that are being set up at a time."""


class Load:
    """Clients of one server. Every result is checked; `DeliveryError` says what went wrong."""

    def __init__(
        self,
        program: Sequence[str],
        server: Listening,
        clients: Clients | PythonClients,
        *,
        pinned: bool,
        port: int | None = None,
    ) -> None:
        """Start connecting; `set_up` waits until everybody is ready.

        `port`: where to connect, if not at the server's port for plain text.
        """
        self._server = server
        self._clients = clients
        self._doing = "connecting"
        words = {
            "port": server.port if port is None else port,
            "protocol": server.kind.protocol,
            "concurrency": server.kind.concurrency,
            **asdict(clients),
        }
        command = [*program, *(f"{name}={value}" for name, value in words.items())]
        self._process = subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        if pinned:
            pin(self._process.pid, LOAD_CORE)

    def __enter__(self) -> Load:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def set_up(self) -> float:
        """Wait until everybody is ready; returns the seconds that it took."""
        ready = self._read()
        if "error" in ready:
            self.close()
            raise SetUpError(
                f"{self._server.kind.title}: {ready['error']} {self._server.last_words()}".strip()
            )
        return ready["seconds"]

    def run(self, seconds: float, window: int) -> Result:
        """Publish without a pause; `window` 0: pipelined."""
        self.begin(f"run seconds={seconds} window={window}")
        return self.result()

    def pace(self, seconds: float, rate: float) -> Result:
        """Publish at a rate, and measure latency from the intended time of each message."""
        self.begin(f"pace seconds={seconds} rate={rate}")
        return self.result()

    def visit(self, seconds: float) -> Result:
        """Let strangers come, read the first line and go; the generator in Python alone."""
        self.begin(f"visit seconds={seconds}")
        return self.result()

    def begin(self, command: str) -> None:
        """Give a command without waiting for its result."""
        assert self._process.stdin is not None
        self._doing = f"{command}; {self._clients}"
        self._process.stdin.write(f"{command}\n")

    def result(self, *, may_lose: bool = False) -> Result:
        """Wait for the result of the last command.

        `may_lose`: what is under test is whether all came; twice or in disorder is still an error.
        """
        result = self._read()
        checked = FAULTS[1:] if may_lose else FAULTS
        faults = {name: result.get(name, 0) for name in checked if result.get(name, 0)}
        if faults or "error" in result:
            told = ", ".join(f"{name} {count:.0f}" for name, count in faults.items())
            raise DeliveryError(f"{self._about()}: {result.get('error', told)}")
        return result

    def close(self) -> None:
        """Drop every connection at once."""
        self._process.kill()
        self._process.communicate()

    def _about(self) -> str:
        return f"{self._server.kind.title} ({self._doing}): {self._server.last_words()}"

    def _read(self) -> Result:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise DeliveryError(f"{self._about()}: the load generator ended")
        answer: Result = json.loads(line)
        return answer

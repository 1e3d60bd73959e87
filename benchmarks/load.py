"""Control of the load generators: one process for each group of clients, set up once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Protocol

from benchmarks.errors import DeliveryError, SetUpError
from benchmarks.machine import LOAD_CORE, pin
from benchmarks.servers import PROJECT, ServerKind

Result = dict[str, float]

PYTHON_LOAD: Final = (sys.executable, "-m", "benchmarks.python_load")
"""The generator that speaks TLS. The other one is written in C, see `native.py`."""

FAULTS: Final = ("missing", "duplicates", "gaps", "malformed", "closed")


class Target(Protocol):
    """A server to connect to."""

    kind: ServerKind
    port: int

    def log_tail(self) -> str:
        """Return the end of the server's output, for an error message."""


@dataclass(frozen=True, kw_only=True)
class Clients:
    """How many clients of each role connect. The fields are the load generator's options."""

    publishers: int = 0
    receivers: int = 0
    mesh: int = 0
    """1: the publishers subscribe to each other, and there are no other receivers."""
    rooms: int = 1
    """Rooms of a mesh. The publishers take them in turn, and follow those of their own room."""
    stalled: int = 0
    """Receivers that never read."""
    idle: int = 0
    idle_room: str = ""
    """Room that the idle clients join; empty: none. %d is replaced by the client's number."""
    first: int = 0
    """Number of the first user."""
    size: int = 100
    """Bytes of a message's text."""
    receiver_ports: str = ""
    """Ports that all clients but the publishers take in turn, with commas. Empty: the server's."""


@dataclass(frozen=True, kw_only=True)
class PythonClients:
    """How many clients of the generator in Python connect. The fields are its options."""

    encrypted: int
    """1: with TLS."""
    publishers: int = 0
    """At most 1."""
    receivers: int = 0
    verified: int = 0
    """So many of the receivers check every line. The others only count."""
    idle: int = 0
    first: int = 0
    """Number of the first user."""
    concurrency: int = 8
    """Connections that are set up at the same time."""


class Load:
    """Clients of one server. Every result is checked; `DeliveryError` names the fault."""

    def __init__(
        self,
        program: Sequence[str],
        server: Target,
        clients: Clients | PythonClients,
        *,
        pinned: bool,
        port: int | None = None,
    ) -> None:
        """Start to connect; `set_up` waits until all clients are ready.

        `port`: connect to this port instead of the server's port for plain text.
        """
        self._server = server
        self._clients = clients
        self._activity = "connecting"
        options = {
            "port": server.port if port is None else port,
            "protocol": server.kind.protocol,
            "concurrency": server.kind.concurrency,
            **asdict(clients),
        }
        command = [*program, *(f"{name}={value}" for name, value in options.items())]
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

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_up(self) -> float:
        """Wait until all clients are ready. Return the seconds that it took."""
        ready = self._read()
        if "error" in ready:
            self.close()
            raise SetUpError(
                f"{self._server.kind.title}: {ready['error']} {self._server.log_tail()}".strip()
            )
        return ready["seconds"]

    def run(self, seconds: float, window: int, *, is_mean: bool = False) -> Result:
        """Publish without a pause. With a `window` of 0, publish pipelined.

        `is_mean`: the window counts copies for all receivers together, see native/publish.c.
        """
        self.begin(f"run seconds={seconds} window={window} mean={is_mean:d}")
        return self.result()

    def pace(self, seconds: float, rate: float) -> Result:
        """Publish at a rate, and measure latency from the intended time of each message."""
        self.begin(f"pace seconds={seconds} rate={rate}")
        return self.result()

    def reconnect(self, seconds: float) -> Result:
        """Connect, read the first line and disconnect, again and again. Python generator only."""
        self.begin(f"reconnect seconds={seconds}")
        return self.result()

    def begin(self, command: str) -> None:
        """Send a command without waiting for its result."""
        assert self._process.stdin is not None
        self._activity = f"{command}; {self._clients}"
        self._process.stdin.write(f"{command}\n")

    def result(self, *, may_lose: bool = False) -> Result:
        """Wait for the result of the last command.

        `may_lose`: lost messages are a result and not an error. Duplicates and a wrong order stay
        errors.
        """
        result = self._read()
        checked = FAULTS[1:] if may_lose else FAULTS
        faults = {name: result.get(name, 0) for name in checked if result.get(name, 0)}
        if faults or "error" in result:
            counts = ", ".join(f"{name} {count:.0f}" for name, count in faults.items())
            raise DeliveryError(f"{self._context()}: {result.get('error', counts)}")
        return result

    def close(self) -> None:
        """Drop every connection at once."""
        self._process.kill()
        self._process.communicate()

    def _context(self) -> str:
        return f"{self._server.kind.title} ({self._activity}): {self._server.log_tail()}"

    def _read(self) -> Result:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise DeliveryError(f"{self._context()}: the load generator ended")
        answer: Result = json.loads(line)
        return answer

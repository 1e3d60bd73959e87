"""A real server, as a program of its own, that can die and come back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_server.demo_accounts import DEMO_NAMES, DEMO_PASSWORD
from tests.server.accounts import cheap_hash


class ServerProgram:
    """`chat-server` with the demo accounts, on a free port; after `kill` it may `start` again."""

    def __init__(self, folder: Path) -> None:
        self.users = folder / "demo-users.json"
        self.users.write_text(json.dumps(dict.fromkeys(DEMO_NAMES, cheap_hash(DEMO_PASSWORD))))
        self._log = folder / "server.log"
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Start it, on the port that it had before."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "chat_server"),
                    *("--port", str(self.port), "--users", str(self.users)),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        with self._process.stdout as said:
            ready = re.fullmatch(r"\[\*\] Chat server running on port (\d+)\n", said.readline())
        assert ready is not None
        self.port = int(ready[1])

    def kill(self) -> None:
        """End it without a word to anyone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end, as an operator would."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
            assert self._process.wait(10) == 0

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text()


@pytest.fixture
def server_program(tmp_path: Path) -> Iterator[ServerProgram]:
    program = ServerProgram(tmp_path)
    yield program
    program.stop()

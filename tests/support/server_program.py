"""A real server, as a program of its own, that can die and come back."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.wait_until import WAIT_TIMEOUT
from tests.support.wire_client import WireClient


class ServerProgram:
    """`chat-server` on a free port; after `kill` it may `start` again, on the same one."""

    def __init__(
        self,
        users: Path,
        *options: str,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`users`: the accounts, `PEOPLE` where there is no such file. `log`: for its stderr.

        `environment`: variables that it has besides ours.
        """
        self.users = users if users.exists() else write_accounts_file(users, PEOPLE)
        self._options = options
        self._log = log or users.with_name("server.log")
        self._environment = {**os.environ, **(environment or {})}
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Start it, on the port that it had before."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "chat_server", "--bcrypt-cost", "4", *self._options),
                    *("--port", str(self.port), "--users", str(self.users)),
                ],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        with self._process.stdout as said:
            ready = re.fullmatch(r"\[\*\] Chat server running on port (\d+)\n", said.readline())
        assert ready is not None, self.log
        self.port = int(ready[1])

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process that was started last."""
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """End it without a word to anyone."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """Ask it to end, as an operator would; it may have ended already."""
        self.process.terminate()

    def stop(self) -> None:
        """Ask it to end, and see that it does so in order."""
        if self.process.poll() is None:
            self.terminate()
            try:
                status = self.process.wait(WAIT_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            assert status == 0

    def log_in(self, user: str) -> WireClient:
        """A logged-in client whose greeting has been read."""
        client = WireClient("127.0.0.1", self.port)
        client.send(f"LOGIN {user} pw-of-{user}")
        client.expect("[SERVER] Login using: LOGIN <username> <password>")
        client.expect("[SERVER] Login successful")
        client.expect_match(r"\[SERVER\] Available commands: .*")
        return client

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text("utf-8", "backslashreplace")

    def __enter__(self) -> ServerProgram:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

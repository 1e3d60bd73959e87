"""A real server in its own process, which a test can kill and restart."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.wait_until import WAIT_TIMEOUT
from tests.support.wire_client import WireClient


class ServerProgram:
    """`chat-server` on a free port. After `kill`, `start` uses the same port again."""

    def __init__(
        self,
        users: Path,
        *options: str,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = ("-m", "chat_server"),
    ) -> None:
        """`users`: the users file, created with `PEOPLE` if missing. `log`: the file for stderr.

        `environment`: variables in addition to those of this process. `command`: what Python runs,
        if not the server itself: a module that changes it.
        """
        self.users = users if users.exists() else write_accounts_file(users, PEOPLE)
        self._command = (*command, "--bcrypt-cost", "4", *options)
        self._log = log or users.with_name("server.log")
        self._environment = {**os.environ, **(environment or {})}
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Start the server, on its former port if it had one."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, *self._command),
                    *("--port", str(self.port), "--users", str(self.users)),
                ],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        with self._process.stdout as output:
            ready = re.fullmatch(r"\[\*\] Chat server running on port (\d+)\n", output.readline())
        assert ready is not None, self.log
        self.port = int(ready[1])

    @property
    def process(self) -> subprocess.Popen[str]:
        """The most recently started process."""
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """Kill the server."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """Send SIGTERM, as an operator does. The server may have ended already."""
        self.process.terminate()

    def stop(self) -> None:
        """Stop the server and check that its exit status is 0."""
        if self.process.poll() is None:
            self.terminate()
            try:
                status = self.process.wait(WAIT_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            assert status == 0

    def log_in(self, user: str) -> WireClient:
        """Return a logged-in client whose greeting has been read."""
        client = WireClient("127.0.0.1", self.port)
        client.send(f"LOGIN {user} pw-of-{user}")
        client.expect("[SERVER] Login using: LOGIN <username> <password>")
        client.expect("[SERVER] Login successful")
        client.expect_match(r"\[SERVER\] Available commands: .*")
        return client

    @property
    def log(self) -> str:
        """The log so far."""
        return self._log.read_text("utf-8", "backslashreplace")

    def __enter__(self) -> ServerProgram:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

"""ShellHarness: the headless client in a shell, as a script runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from chat_server.accounts.demo import DEMO_PASSWORD
from tests.support.wait_until import WAIT_TIMEOUT


class ShellHarness:
    """Runs the client as a script does, with its own home folder."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port
        self._environment = {
            **os.environ,
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "LOBBY_PASSWORD": DEMO_PASSWORD,
        }

    def run(
        self,
        user: str,
        *arguments: str,
        stdin: str = "",
        prefix: Sequence[str] = (),
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run the client until it exits. `prefix`: arguments before its command line."""
        return subprocess.run(
            [*prefix, *self._command(user, *arguments)],
            env={**self._environment, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=WAIT_TIMEOUT,
        )

    @contextmanager
    def running(self, user: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run the client in the background, and kill it at the end."""
        with subprocess.Popen(
            self._command(user, *arguments),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def _command(self, user: str, *arguments: str) -> list[str]:
        """`user`: empty if the arguments name the server and the user."""
        account = ["--server", f"127.0.0.1:{self.port}", "--user", user] if user else []
        return [sys.executable, "-m", "chat_tui", *account, *arguments]


def line_of(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def read_untimed(stream: IO[str] | None) -> str:
    """Read a line and return it without its time."""
    return line_of(stream).partition("] ")[2].rstrip("\n")

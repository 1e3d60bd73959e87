"""A pseudo-terminal that runs a full-screen program and records when output appears."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.errors import BenchmarkError
from benchmarks.machine import SERVER_CORE, pin

ROWS: Final = 40
COLUMNS: Final = 140
_TIMEOUT: Final = 30.0
"""Seconds."""

_KEPT: Final = 1 << 16
"""Bytes of the output that are kept. Only they are searched."""


class Terminal:
    """A terminal that runs `command` with `folder` as its home, pinned to the servers' core."""

    def __init__(self, command: Sequence[str], folder: Path, project: Path) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        home = {"HOME": str(folder), "XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        # An installed program has its bytecode. Otherwise each start would compile the client.
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            cwd=project,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**inherited, **home, "TERM": "xterm-256color", "PYTHONPATH": str(project)},
            start_new_session=True,
        )
        os.close(slave)
        pin(self._process.pid, SERVER_CORE)
        self._drawn = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    @property
    def process(self) -> int:
        """The process id."""
        return self._process.pid

    def send_keys(self, keys: bytes) -> None:
        """Send keys, and forget the output before them."""
        self._drawn = b""
        os.write(self._master, keys)

    def wait_for(self, text: bytes) -> float:
        """Wait until a text is drawn. Return the time. Raise `BenchmarkError` at a timeout."""
        deadline = time.perf_counter() + _TIMEOUT
        while text not in self._drawn:
            left = deadline - time.perf_counter()
            if left <= 0 or not self._read(left):
                raise BenchmarkError(f"the client never drew {text!r}: {self._drawn[-300:]!r}")
        return time.perf_counter()

    def read_for(self, seconds: float) -> None:
        """Read the output for some seconds, so that the program can draw."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self._read(left)

    def wait_for_exit(self) -> None:
        """Wait until the program has ended."""
        while self._read(_TIMEOUT):
            pass
        self._process.wait(_TIMEOUT)

    def _read(self, timeout: float) -> bool:
        """Read output if there is any. Return False at the end of the output."""
        if not select.select([self._master], [], [], timeout)[0]:
            return True
        try:
            drawn = os.read(self._master, 1 << 16)
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: the program has closed the terminal
                raise
            return False
        self._drawn = (self._drawn + drawn)[-_KEPT:]
        return True

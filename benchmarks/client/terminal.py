"""A pseudo-terminal with a full-screen program in it: keys in, bytes out, and when they came."""

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
from types import TracebackType
from typing import Final

from benchmarks.errors import BenchmarkError
from benchmarks.machine import SERVER_CORE, pin

ROWS: Final = 40
COLUMNS: Final = 140
_PATIENCE: Final = 30.0
_KEPT: Final = 1 << 16
"""Bytes of the output that are kept: words are looked for in what came last."""


class Terminal:
    """Runs `command` with `folder` as its home, on the core that servers are held on."""

    def __init__(self, command: Sequence[str], folder: Path, project: Path) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        home = {"HOME": str(folder), "XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            cwd=project,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, **home, "TERM": "xterm-256color", "PYTHONPATH": str(project)},
            start_new_session=True,
        )
        os.close(theirs)
        pin(self._process.pid, SERVER_CORE)
        self._drawn = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._ours)

    @property
    def process(self) -> int:
        """Its number."""
        return self._process.pid

    def press(self, keys: bytes) -> None:
        """Type; what was drawn before is forgotten."""
        self._drawn = b""
        os.write(self._ours, keys)

    def until(self, words: bytes) -> float:
        """Wait until these words were drawn; when they were. Raises `BenchmarkError` if never."""
        patience = time.perf_counter() + _PATIENCE
        while words not in self._drawn:
            left = patience - time.perf_counter()
            if left <= 0 or not self._read(left):
                raise BenchmarkError(f"the client never drew {words!r}: {self._drawn[-300:]!r}")
        return time.perf_counter()

    def watch(self, seconds: float) -> None:
        """Let it draw for so long."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self._read(left)

    def wait(self) -> None:
        """Wait until it has ended."""
        while self._read(_PATIENCE):
            pass
        self._process.wait(_PATIENCE)

    def _read(self, patience: float) -> bool:
        """Take what was drawn; False where there will be nothing more."""
        if not select.select([self._ours], [], [], patience)[0]:
            return True
        try:
            drawn = os.read(self._ours, 1 << 16)
        except OSError as error:
            if error.errno != errno.EIO:  # nobody is at the other end any more
                raise
            return False
        self._drawn = (self._drawn + drawn)[-_KEPT:]
        return True

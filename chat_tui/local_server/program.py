"""`python -m chat_server` as a program of its own, run by the client. Blocking; no Textual.

The client imports nothing of the server: what it needs to know, the program prints.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from chat_server.wire import protocol
from chat_tui.sanitize import safe_text

START_TIMEOUT: Final = 15.0
"""Seconds within which a program has done its work, on a slow machine that just woke up, too."""

_MAX_LOG_BYTES: Final = 1 << 20
"""Bytes of log above which a new file is begun; the one before is kept beside it."""

_READY: Final = re.compile(rb"\[\*\] Chat server running on port (\d+)")
_COMPLAINT: Final = "chat-server: "

# The folder that holds the program. Being the working folder of a `python -m` it decides what is
# imported: no stray click.py of the folder that the person happens to be in.
_PROGRAM_FOLDER: Final = Path(protocol.__file__).resolve().parents[2]


class ServerProcessError(Exception):
    """The program could not do its work; the text is one line that says why."""


class ServerProcess:
    """A running server that stops when the pipe to its standard input closes.

    The only other end of that pipe is here, so the kernel closes it however this process ends, and
    the server never outlives it. Its own session keeps a Ctrl+C meant for the client from it.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        """`start` makes it."""
        self._process = process
        self.port = port
        """Where it listens."""

    @property
    def process_id(self) -> int:
        """The number of its process."""
        return self._process.pid

    @classmethod
    def start(cls, host: str, port: int, users: Path, log_path: Path) -> ServerProcess:
        """Start a server and wait until it is ready, at most `START_TIMEOUT` seconds.

        `port` may be 0 for any free one. Raises `ServerProcessError`, and `OSError` where the log
        can't
        be written.
        """
        with suppress(FileNotFoundError):
            if log_path.stat().st_size > _MAX_LOG_BYTES:
                log_path.replace(log_path.with_suffix(".old.log"))
        with open(log_path, "ab", opener=_open_private) as log:
            told_before = os.fstat(log.fileno()).st_size
            options = ["--host", host, "--port", str(port), "--users", str(users)]
            process = subprocess.Popen(
                _command(*options, "--stop-on-stdin-eof"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=_PROGRAM_FOLDER,
                start_new_session=True,
            )
        try:
            match = _READY.match(_first_line(process))
        except BaseException:
            _terminate(process, 0)
            raise
        if match is not None:
            return cls(process, int(match[1]))
        _terminate(process, START_TIMEOUT)
        with open(log_path, "rb") as output:
            output.seek(told_before)
            raise ServerProcessError(
                _failure_reason(output.read(_MAX_LOG_BYTES), process.returncode)
            )

    def stop(self, timeout: float) -> None:
        """Tell the server to stop and wait until it has; kill it after `timeout` seconds.

        May be called twice.
        """
        _terminate(self._process, timeout)


class DemoAccountsProcess:
    """Makes a users file with the demo accounts where there is none, and finds out which it has.

    Runs by itself from the start; to be closed by whoever made it.
    """

    def __init__(self, users: Path) -> None:
        self._process = subprocess.Popen(
            _command("users", "demo", "--users", str(users)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=_PROGRAM_FOLDER,
            start_new_session=True,
        )
        self._names: tuple[str, ...] | None = None

    def names(self, timeout: float = START_TIMEOUT) -> tuple[str, ...]:
        """Wait for its end: whose password is the demo password.

        Raises `ServerProcessError` where the file can't be used or made, or the time is over.
        """
        if self._names is None:
            try:
                printed, output = self._process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                raise ServerProcessError("the demo accounts took too long") from None
            if self._process.returncode != 0:
                raise ServerProcessError(_failure_reason(output, self._process.returncode))
            self._names = tuple(printed.decode().split())
        return self._names

    def close(self) -> None:
        """End it if it is not done."""
        _terminate(self._process, 0)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "chat_server", *arguments]


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    """What the program prints first; incomplete where it ended before. Raises"
    " `ServerProcessError`."""
    assert process.stdout is not None
    deadline = time.monotonic() + START_TIMEOUT
    printed = b""
    while b"\n" not in printed:
        left = max(0.0, deadline - time.monotonic())
        if not select.select([process.stdout], [], [], left)[0]:
            raise ServerProcessError(f"the server was not ready within {START_TIMEOUT:.0f} s")
        data = os.read(process.stdout.fileno(), 4096)
        if not data:
            break
        printed += data
    return printed


def _terminate(process: subprocess.Popen[bytes], timeout: float) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _failure_reason(output: bytes, status: int) -> str:
    """The program's one line of complaint, among others that the log may hold."""
    lines = [line for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    if not lines:
        return f"the server ended with status {status}"
    complaints = [line for line in lines if line.startswith(_COMPLAINT)]
    return safe_text((complaints or lines)[-1].removeprefix(_COMPLAINT))

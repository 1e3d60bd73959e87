"""`python -m chat_server` as a child process of the client. Blocking, without Textual.

The client imports nothing from the server except the wire. It reads what it needs from the output
of the process.
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
from chat_tui.storage import open_regular

START_TIMEOUT: Final = 15.0
"""Seconds that a process may take, which is enough for a slow machine that has just woken up."""

_MAX_LOG_BYTES: Final = 1 << 20
"""Bytes above which the log is rotated. One old log is kept."""

_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT

_READY: Final = re.compile(rb"\[\*\] Chat server running on port (\d+)")
_ERROR_PREFIX: Final = "chat-server: "
_HISTORY_IN_USE: Final = re.compile(r"^history file .*: another server uses it\.")

# The folder that contains the package `chat_server`. It is the working folder of `python -m`, so
# Python imports from it and not, for example, a stray click.py in the user's working folder.
_PACKAGE_FOLDER: Final = Path(protocol.__file__).resolve().parents[2]


class ServerProcessError(Exception):
    """The process failed. The text is the reason, on one line."""


class ServerProcess:
    """A running server that stops when the pipe to its standard input closes.

    Only the client holds the other end of that pipe. The kernel closes it however the client ends,
    so the server never outlives the client. The server has its own session, so that Ctrl+C in the
    client's terminal does not reach it.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        """Use `ServerProcess.start`."""
        self._process = process
        self.port = port
        """The port that the server listens on."""

    @property
    def process_id(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """True until the process has ended."""
        return self._process.poll() is None

    @classmethod
    def start(cls, host: str, port: int, users: Path, log_path: Path) -> ServerProcess:
        """Start a server and wait until it is ready, at most `START_TIMEOUT` seconds.

        `port` may be 0 for any free port. If another server with these users runs on another port,
        that one keeps the messages and this one none. Raises `ServerProcessError`, and `OSError` if
        the log can't be written.
        """
        try:
            return cls._start(host, port, users, log_path)
        except ServerProcessError as error:
            if not _HISTORY_IN_USE.search(str(error)):
                raise
            return cls._start(host, port, users, log_path, "--history", "off")

    @classmethod
    def _start(cls, host: str, port: int, users: Path, log_path: Path, *more: str) -> ServerProcess:
        with suppress(FileNotFoundError):
            if log_path.stat().st_size > _MAX_LOG_BYTES:
                log_path.replace(log_path.with_suffix(".old.log"))
        with open(open_regular(log_path, _APPEND), "ab") as log:
            log_start = os.fstat(log.fileno()).st_size
            options = ["--host", host, "--port", str(port), "--users", str(users), *more]
            process = subprocess.Popen(
                _command(*options, "--stop-on-stdin-eof"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=_PACKAGE_FOLDER,
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
            output.seek(log_start)
            raise ServerProcessError(
                _failure_reason(output.read(_MAX_LOG_BYTES), process.returncode)
            )

    def stop(self, timeout: float) -> None:
        """Ask the server to stop and wait for its end. Kill it after `timeout` seconds.

        May be called twice.
        """
        _terminate(self._process, timeout)


class DemoAccountsProcess:
    """A process that lists the demo accounts of a users file.

    It creates the file if it is missing. It starts at once. The caller must call `close`.
    """

    def __init__(self, users: Path) -> None:
        self._process = subprocess.Popen(
            _command("users", "demo", "--users", str(users)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=_PACKAGE_FOLDER,
            start_new_session=True,
        )
        self._names: tuple[str, ...] | None = None

    def names(self, timeout: float = START_TIMEOUT) -> tuple[str, ...]:
        """Wait for the process and return the accounts that have the demo password.

        Raises `ServerProcessError` if the file can't be used or created, and after `timeout`
        seconds.
        """
        if self._names is None:
            try:
                printed, output = self._process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                raise ServerProcessError(
                    f"the demo accounts were not ready within {timeout:.0f} s"
                ) from None
            if self._process.returncode != 0:
                raise ServerProcessError(_failure_reason(output, self._process.returncode))
            self._names = tuple(printed.decode().split())
        return self._names

    def kill(self) -> None:
        """Kill the process. A thread that waits for its output gets an error. Does not block."""
        self._process.kill()

    def close(self) -> None:
        """Kill the process if it still runs. No other thread may wait for its output."""
        _terminate(self._process, 0)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "chat_server", *arguments]


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    """Return the first line of output, incomplete if the process has ended.

    Raises `ServerProcessError` after `START_TIMEOUT` seconds.
    """
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
    """Return the error line of the process. `output` may hold other lines of its log."""
    lines = [line for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    if not lines:
        return f"the server ended with status {status}"
    errors = [line for line in lines if line.startswith(_ERROR_PREFIX)]
    return safe_text((errors or lines)[-1].removeprefix(_ERROR_PREFIX))

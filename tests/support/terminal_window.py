"""Terminal windows that run the client, and their end when the window is closed.

A window has a pseudo-terminal that is the controlling terminal of its client, so that the kernel
sends SIGHUP as it does for a real window. A process that has imported the client once forks the
clients: a test can open many of them.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.wait_until import WAIT_TIMEOUT, until

_SIZE = struct.pack("HHHH", 24, 80, 0, 0)


class TerminalWindow:
    """A window with a client. Close it as a user closes a terminal window."""

    def __init__(
        self, forker: ClientForker, arguments: Sequence[str], folder: Path, **environment: str
    ) -> None:
        # The other end stays open here, too: the client opens it a moment later.
        self._our_fd, self._client_fd = os.openpty()
        fcntl.ioctl(self._client_fd, termios.TIOCSWINSZ, _SIZE)
        environment |= {"HOME": str(folder), "XDG_STATE_HOME": str(folder)}
        tty = os.ttyname(self._client_fd)
        self.process_id = forker.start(arguments, environment, tty)
        self._written = b""
        self.drawn = b""
        """All that the client has written."""

    def until(self, *texts: str) -> None:
        """Read what the client draws until it contains the texts, in this order."""
        pattern = re.compile(b".*".join(re.escape(text.encode()) for text in texts), re.DOTALL)
        self.until_true(lambda: pattern.search(self._written), f"{texts!r} is drawn")
        self._written = b""

    def until_true(self, condition: Callable[[], object], description: str) -> None:
        """Read what the client draws until the condition is true."""
        until(condition, description, lambda: self._written[-1500:], work=self._read)

    def press(self, keys: str) -> None:
        """Send keys."""
        os.write(self._our_fd, keys.encode())

    def close(self) -> None:
        """Close the window. The client gets SIGHUP, and its terminal is gone."""
        if self._our_fd >= 0:
            os.close(self._our_fd)
            os.close(self._client_fd)
            self._our_fd = -1

    def _read(self) -> None:
        if select.select([self._our_fd], [], [], 0.05)[0]:
            data = os.read(self._our_fd, 65536)
            self._written += data
            self.drawn += data


class ClientForker:
    """A process that forks clients. Use it as a context manager."""

    def __enter__(self) -> ClientForker:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.terminal_window"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        with self._process as process:
            process.terminate()

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], tty: str) -> int:
        """Start a client at the terminal `tty`. Return its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"arguments": arguments, "environment": environment, "tty": tty}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


def until_all_ended(process_ids: Sequence[int], timeout: float = WAIT_TIMEOUT) -> None:
    """Wait until none of the processes is left."""
    until(
        lambda: not any(Path(f"/proc/{number}").exists() for number in process_ids),
        "no client is left",
        lambda: [_describe(number) for number in process_ids],
        timeout=timeout,
    )


def _describe(process_id: int) -> str:
    try:
        tasks = sorted(Path(f"/proc/{process_id}/task").iterdir())
        return " ".join((task / "wchan").read_text() for task in tasks)
    except OSError:
        return "ended"


def _fork_clients() -> list[str]:
    """Serve requests in the parent. Return the client's arguments in each child."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the clients
    requests = os.fdopen(os.dup(0))  # the clients get an unused `sys.stdin`
    for line in requests:
        request = json.loads(line)
        process_id = os.fork()
        if process_id == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            tty = os.open(request["tty"], os.O_RDWR)
            fcntl.ioctl(tty, termios.TIOCSCTTY, 0)
            for fileno in (0, 1, 2):
                os.dup2(tty, fileno)
            os.close(tty)
            os.environ |= request["environment"]
            sys.stdin = sys.__stdin__ = os.fdopen(0, closefd=False)  # type: ignore[misc]
            sys.stdout = sys.__stdout__ = os.fdopen(1, "w", 1, closefd=False)  # type: ignore[misc]
            sys.stderr = sys.__stderr__ = os.fdopen(2, "w", 1, closefd=False)  # type: ignore[misc]
            return list(request["arguments"])
        print(process_id, flush=True)
    sys.exit()


if __name__ == "__main__":
    from chat_tui.__main__ import main

    main(_fork_clients())

"""A program that a test starts, whose output is read until it is ready and kept afterwards."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Sequence

from tests.support.wait_until import WAIT_TIMEOUT


class WatchedProcess:
    """A running program. One thread reads its output, so that the program never blocks on it."""

    def __init__(self, command: Sequence[str], ready: str, *, pass_fds: Sequence[int] = ()) -> None:
        """Start it and wait for a line that contains `ready`.

        `pass_fds`: files that it inherits. Raises `OSError` if it ends before it is ready.
        """
        self._ready = ready
        self._lines: list[str] = []
        self._is_known = threading.Event()  # ready, or its output has ended
        self._is_ready = False
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            pass_fds=pass_fds,
        )
        self._reader = threading.Thread(target=self._read, name=f"output of {command[0]}")
        self._reader.start()
        if not self._is_known.wait(WAIT_TIMEOUT) or not self._is_ready:
            self.kill()
            raise OSError(f"{command[0]} is not ready:\n{self.output}")

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def output(self) -> str:
        """What the program has printed so far."""
        return "".join(self._lines)

    @property
    def is_running(self) -> bool:
        """False once it has ended."""
        return self._process.poll() is None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal. Nothing happens if it has ended."""
        self._process.send_signal(number)

    def terminate(self) -> int:
        """Let it end by SIGTERM, also while it is stopped. Return its status."""
        self.send_signal(signal.SIGTERM)
        self.send_signal(signal.SIGCONT)
        status = self._process.wait(WAIT_TIMEOUT)
        self._reader.join()
        return status

    def kill(self) -> None:
        """End it by SIGKILL. Nothing happens if it has ended."""
        self._process.kill()
        self._process.wait(WAIT_TIMEOUT)
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._lines.append(line)
                if self._ready in line:
                    self._is_ready = True
                    self._is_known.set()
        self._is_known.set()

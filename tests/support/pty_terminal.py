"""A pseudo-terminal in which a test runs the client."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path

from tests.support.wait_until import WAIT_TIMEOUT, until

TERM = "xterm-256color"
"""The terminal that the client sees."""

RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?2004l")
"""Leave the alternate screen, show the cursor, stop mouse reports, stop bracketed pastes."""


class PtyTerminal:
    """A pseudo-terminal in which the client runs."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.our_fd, self._client_fd = os.openpty()
        fcntl.ioctl(self._client_fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self._client_fd)
        environment = {
            **os.environ,
            "TERM": TERM,
            "XDG_STATE_HOME": str(folder),
            "HOME": str(folder),
        }
        self.process = subprocess.Popen(
            command,
            stdin=self._client_fd,
            stdout=self._client_fd,
            stderr=self._client_fd,
            env=environment,
            start_new_session=True,
        )
        self.written = b""

    def until(self, text: bytes, timeout: float = WAIT_TIMEOUT) -> None:
        """Read what the client draws until it contains `text`."""
        self.until_true(lambda: text in self.written, f"{text!r} is drawn", timeout)

    def until_true(
        self, condition: Callable[[], object], description: str, timeout: float = WAIT_TIMEOUT
    ) -> None:
        """Read what the client draws until the condition is true."""
        until(
            condition,
            description,
            lambda: self.written[-2000:],
            timeout=timeout,
            work=lambda: self.read(0.05),
        )

    def press(self, keys: bytes) -> None:
        """Send the bytes of keys."""
        os.write(self.our_fd, keys)

    def wait(self, timeout: float = WAIT_TIMEOUT) -> int:
        """Read until the client ends. Return its exit status."""
        self.until_true(lambda: self.process.poll() is not None, "the client ends", timeout)
        self.read(0.05)
        return self.process.returncode

    def hang_up(self) -> None:
        """Close the terminal, as when its window is closed."""
        os.close(self._client_fd)
        os.close(self.our_fd)
        self._client_fd = self.our_fd = -1

    def is_restored(self) -> bool:
        """Return whether the terminal has its modes back and left the alternate screen."""
        modes = termios.tcgetattr(self._client_fd)[:4] == self.before[:4]
        return modes and all(sequence in self.written for sequence in RESTORED)

    def close(self) -> None:
        """Kill the client if it still runs, and close the terminal."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.our_fd >= 0:
            self.hang_up()

    def read(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for output, and read it."""
        if select.select([self.our_fd], [], [], timeout)[0]:
            try:
                self.written += os.read(self.our_fd, 65536)
            except OSError as error:
                if error.errno != errno.EIO:  # the client has closed the other end
                    raise

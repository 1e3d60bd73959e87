"""The client in a pseudo-terminal: however it ends, the terminal is restored."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CLIENT = [sys.executable, "-m", "chat_tui", "127.0.0.1:1", "--user", "alice"]

BROKEN = """
import sys
from chat_tui.ui.screens.chat import ChatScreen
from chat_tui.ui.screens.login import LoginScreen

def fail(self, *_):
    raise ZeroDivisionError("a deliberate mistake")

LoginScreen.action_cancel = fail
LoginScreen.check_action = lambda *_: True
from chat_tui.__main__ import main
main(["127.0.0.1:1", "--user", "alice"])
"""

BUSY = """
from chat_tui.ui.app import ChatApp
from chat_tui.ui.screens.login import LoginScreen
LoginScreen.on_screen_resume = lambda self: self.set_interval(1 / 200, self.refresh)
from chat_tui.__main__ import main
main(["127.0.0.1:1", "--user", "alice"])
"""

RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?2004l")
"""Leave the alternate screen, show the cursor, stop mouse reports, stop bracketed pastes."""


class Terminal:
    """A pseudo-terminal in which the client runs."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.our_fd, self._client_fd = os.openpty()
        fcntl.ioctl(self._client_fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self._client_fd)
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
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

    def until(self, text: bytes, timeout: float = 20.0) -> None:
        """Read what the client draws until it contains `text`."""
        deadline = time.monotonic() + timeout
        while text not in self.written:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} never came: {self.written[-2000:]!r}"
            self.read(left)

    def press(self, keys: bytes) -> None:
        os.write(self.our_fd, keys)

    def wait(self, timeout: float = 10.0) -> int:
        """Read until the client ends. Return its exit status."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "the client does not end"
            self.read(0.05)
        self.read(0.05)
        return self.process.returncode

    def hang_up(self) -> None:
        """Close the terminal, as when its window is closed."""
        os.close(self._client_fd)
        os.close(self.our_fd)
        self._client_fd = self.our_fd = -1

    def is_restored(self) -> bool:
        modes = termios.tcgetattr(self._client_fd)[:4] == self.before[:4]
        return modes and all(sequence in self.written for sequence in RESTORED)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.our_fd >= 0:
            self.hang_up()

    def read(self, timeout: float) -> None:
        if select.select([self.our_fd], [], [], timeout)[0]:
            try:
                self.written += os.read(self.our_fd, 65536)
            except OSError as error:
                if error.errno != errno.EIO:  # the client has closed the other end
                    raise


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(CLIENT, tmp_path)
    opened.until(b"Password")
    yield opened
    opened.close()


def test_quit_key_restores_terminal(terminal: Terminal) -> None:
    terminal.press(b"\x11")
    assert terminal.wait() == 0
    assert terminal.is_restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_exit_restores_terminal(terminal: Terminal, number: signal.Signals) -> None:
    terminal.process.send_signal(number)
    assert terminal.wait() == 0
    assert terminal.is_restored()


def test_quit_during_host_lookup_restores_terminal(terminal: Terminal) -> None:
    terminal.press(b"secret\r")
    terminal.until(b"Nothing listens at")
    started = time.monotonic()
    terminal.press(b"\r\x11")
    assert terminal.wait() == 0
    assert time.monotonic() - started < 5
    assert terminal.is_restored()


def test_unterminated_paste_does_not_block_keyboard(terminal: Terminal) -> None:
    text = b"secret \x1b and\rmore text, longer than any key could be"
    terminal.press(b"\x1b[200~" + text)  # its end never comes
    terminal.until("•".encode())
    assert b"Nothing listens at" not in terminal.written, "the paste pressed Enter"
    terminal.press(b"\x11")
    assert terminal.wait() == 0


@pytest.mark.parametrize("with_signal", [True, False])
def test_terminal_hangup_ends_client(terminal: Terminal, with_signal: bool) -> None:
    terminal.hang_up()
    if with_signal:
        terminal.process.send_signal(signal.SIGHUP)
    terminal.process.wait(timeout=10)


def test_terminal_hangup_during_heavy_output_ends_client(tmp_path: Path) -> None:
    terminal = Terminal([sys.executable, "-c", BUSY], tmp_path)
    try:
        terminal.until(b"Password")
        terminal.hang_up()
        terminal.process.wait(timeout=10)
    finally:
        terminal.close()


def test_exception_restores_terminal_and_prints_traceback(tmp_path: Path) -> None:
    terminal = Terminal([sys.executable, "-c", BROKEN], tmp_path)
    try:
        terminal.until(b"Password")
        terminal.press(b"\x1b")
        terminal.until(b"a deliberate mistake")
        assert terminal.wait() == 1
        assert terminal.is_restored()
        assert terminal.written.rindex(b"\x1b[?1049l") < terminal.written.rindex(b"a deliberate")
    finally:
        terminal.close()


def test_dumb_terminal_is_rejected(tmp_path: Path) -> None:
    terminal = Terminal(["env", "TERM=dumb", *CLIENT], tmp_path)
    try:
        terminal.until(b"nc 127.0.0.1 1")
        assert terminal.wait() == 2
    finally:
        terminal.close()

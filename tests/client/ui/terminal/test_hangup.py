"""The client in a pseudo-terminal: however it ends, the terminal is restored."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pty_terminal import PtyTerminal

pytestmark = pytest.mark.slow

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


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[PtyTerminal]:
    opened = PtyTerminal(CLIENT, tmp_path)
    opened.until(b"Password")
    yield opened
    opened.close()


def test_quit_key_restores_terminal(terminal: PtyTerminal) -> None:
    terminal.press(b"\x11")
    assert terminal.wait() == 0
    assert terminal.is_restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_exit_restores_terminal(terminal: PtyTerminal, number: signal.Signals) -> None:
    terminal.process.send_signal(number)
    assert terminal.wait() == 0
    assert terminal.is_restored()


def test_quit_during_host_lookup_restores_terminal(terminal: PtyTerminal) -> None:
    terminal.press(b"secret\r")
    terminal.until(b"Nothing listens at")
    started = time.monotonic()
    terminal.press(b"\r\x11")
    assert terminal.wait() == 0
    assert time.monotonic() - started < 5
    assert terminal.is_restored()


def test_unterminated_paste_does_not_block_keyboard(terminal: PtyTerminal) -> None:
    text = b"secret \x1b and\rmore text, longer than any key could be"
    terminal.press(b"\x1b[200~" + text)  # the end of the paste never arrives
    terminal.until("•".encode())
    assert b"Nothing listens at" not in terminal.written, "the paste pressed Enter"
    terminal.press(b"\x11")
    assert terminal.wait() == 0


@pytest.mark.parametrize("with_signal", [True, False])
def test_terminal_hangup_ends_client(terminal: PtyTerminal, with_signal: bool) -> None:
    terminal.hang_up()
    if with_signal:
        terminal.process.send_signal(signal.SIGHUP)
    terminal.process.wait(timeout=10)


def test_terminal_hangup_during_heavy_output_ends_client(tmp_path: Path) -> None:
    terminal = PtyTerminal([sys.executable, "-c", BUSY], tmp_path)
    try:
        terminal.until(b"Password")
        terminal.hang_up()
        terminal.process.wait(timeout=10)
    finally:
        terminal.close()


def test_exception_restores_terminal_and_prints_traceback(tmp_path: Path) -> None:
    terminal = PtyTerminal([sys.executable, "-c", BROKEN], tmp_path)
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
    terminal = PtyTerminal(["env", "TERM=dumb", *CLIENT], tmp_path)
    try:
        terminal.until(b"nc 127.0.0.1 1")
        assert terminal.wait() == 2
    finally:
        terminal.close()

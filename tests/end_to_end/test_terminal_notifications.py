"""At a real terminal: the title and the bell reach it, and the title is what it was at the end."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_PASSWORD
from tests.client.ui.terminal.test_hangup import Terminal
from tests.support.server_program import ServerProgram
from tests.support.wire_client import WireClient

BLURRED, FOCUSED = b"\x1b[O", b"\x1b[I"
QUIT = b"\x11"


def bells(written: bytes) -> int:
    """How often it rang: what ends a sequence is no bell."""
    return re.sub(rb"\x1b\][^\x07]*\x07", b"", written).count(b"\x07")


@pytest.mark.parametrize("killed", [False, True])
def test_terminal_receives_title_and_bell_and_title_is_restored(
    tmp_path: Path, server_program: ServerProgram, killed: bool
) -> None:
    server = f"127.0.0.1:{server_program.port}"
    client = [sys.executable, "-m", "chat_tui", server, "--user", "alice"]
    terminal = Terminal(client, tmp_path)
    try:
        terminal.until(b"Password")
        terminal.press(DEMO_PASSWORD.encode() + b"\r")
        terminal.until(b"\x1b[22;2t\x1b]2;lobby\x07")
        terminal.until(b"connected")  # and hearing everyone
        with WireClient("127.0.0.1", server_program.port) as bob:
            bob.send(f"LOGIN bob {DEMO_PASSWORD}", "alice, once")
            terminal.until(b"once")
            assert bells(terminal.written) == 0
            terminal.press(BLURRED)
            for number in range(20):  # until that has come through
                bob.send(f"alice, call {number}!")
                terminal.until(f"call {number}!".encode())
                if bells(terminal.written):
                    break
            terminal.until(b"\x1b]2;(1) lobby\x07")
            assert bells(terminal.written) == 1
            terminal.written = b""
            terminal.press(FOCUSED)
            terminal.until(b"\x1b]2;lobby\x07")
        if killed:
            terminal.process.terminate()
        else:
            terminal.press(QUIT)
        assert terminal.wait() == 0
        assert terminal.written.rindex(b"\x1b[23;2t") > terminal.written.rindex(b"\x1b]2;lobby")
        assert terminal.is_restored()
    finally:
        terminal.close()

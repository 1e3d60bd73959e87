"""The client in a pseudo-terminal: the title and the bell reach it, and the title is restored."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_PASSWORD
from tests.support.pty_terminal import PtyTerminal
from tests.support.server_program import ServerProgram
from tests.support.wire_client import WireClient

BLURRED, FOCUSED = b"\x1b[O", b"\x1b[I"
QUIT = b"\x11"


def bells(written: bytes) -> int:
    """Return the number of bells. A BEL that ends a sequence does not ring."""
    return re.sub(rb"\x1b\][^\x07]*\x07", b"", written).count(b"\x07")


@pytest.mark.parametrize("killed", [False, True])
def test_terminal_receives_title_and_bell_and_title_is_restored(
    tmp_path: Path, server_program: ServerProgram, killed: bool
) -> None:
    server = f"127.0.0.1:{server_program.port}"
    client = [sys.executable, "-m", "chat_tui", server, "--user", "alice"]
    terminal = PtyTerminal(client, tmp_path)
    try:
        terminal.until(b"Password")
        terminal.press(DEMO_PASSWORD.encode() + b"\r")
        terminal.until(b"\x1b[22;2t\x1b]2;lobby\x07")
        terminal.until(b"connected")  # and follows everyone
        with WireClient("127.0.0.1", server_program.port) as bob:
            bob.send(f"LOGIN bob {DEMO_PASSWORD}", "alice, the first call")
            terminal.until(b"the first call")
            assert bells(terminal.written) == 0
            terminal.press(BLURRED)
            for number in range(20):  # the client may read a call before the loss of the focus
                bob.send(f"alice, call {number}!")
                terminal.until(f"call {number}!".encode())
                with suppress(AssertionError):
                    terminal.until_true(lambda: bells(terminal.written), "the bell", timeout=1.0)
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

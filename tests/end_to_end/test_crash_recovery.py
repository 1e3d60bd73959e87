"""Typed text survives a crash of the server or the client, and is sent only on request."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_PASSWORD
from tests.support.pty_terminal import PtyTerminal
from tests.support.server_program import ServerProgram
from tests.support.wire_client import WireClient

OpenTerminal = Callable[[], PtyTerminal]


@pytest.fixture
def sign_in(server_program: ServerProgram, tmp_path: Path) -> Iterator[OpenTerminal]:
    opened: list[PtyTerminal] = []

    def start() -> PtyTerminal:
        address = f"127.0.0.1:{server_program.port}"
        command = [sys.executable, "-m", "chat_tui", address, "--user", "alice"]
        terminal = PtyTerminal(command, tmp_path)
        opened.append(terminal)
        terminal.until(b"Follow everyone here")
        terminal.press(DEMO_PASSWORD.encode() + b"\r")
        terminal.until("● connected".encode())
        return terminal

    yield start
    for terminal in opened:
        terminal.close()


def stored_in(folder: Path) -> str:
    """Return what the client has stored for the lobby."""
    return "".join(path.read_text() for path in folder.rglob("lobby-*.json"))


def test_killed_client_keeps_draft(sign_in: OpenTerminal, tmp_path: Path) -> None:
    terminal = sign_in()
    terminal.press(b"half a line")
    terminal.until_true(lambda: "half a line" in stored_in(tmp_path), "the draft is stored")
    terminal.press(b", and more")
    terminal.process.kill()
    terminal.close()
    second = sign_in()
    second.until(b"half a line")
    second.press(b" in the last moment\x11")  # Ctrl+Q at once
    assert second.wait() == 0
    third = sign_in()
    third.until(b"half a line in the last moment")


@pytest.mark.parametrize("server_program", [("--history", "off")], indirect=True)
def test_message_to_killed_server_is_resent_only_by_key(
    server_program: ServerProgram, sign_in: OpenTerminal, tmp_path: Path
) -> None:
    """Without history the client cannot find out whether it has arrived."""
    terminal = sign_in()
    server_program.process.send_signal(signal.SIGSTOP)
    terminal.press(b"maybe\r")
    terminal.until("sending…".encode())
    server_program.kill()
    terminal.until(b"next try in")
    terminal.press(b"typed while away\r")
    terminal.until(b"your text stays here")
    terminal.until(b"not confirmed")
    terminal.until_true(
        lambda: "maybe" in (stored := stored_in(tmp_path)) and "while away" in stored,
        "both lines are stored",
    )
    terminal.process.kill()
    terminal.close()
    server_program.start()

    second = sign_in()
    second.until(b"typed while away")
    second.until(b"may have arrived")
    with WireClient("127.0.0.1", server_program.port) as bob:
        bob.send(f"LOGIN bob {DEMO_PASSWORD}", "/subscribe *", "/rooms")
        received: list[str] = []

        def read_until(text: str) -> None:
            while text not in (received or [""])[-1]:
                line = bob.read_line()
                assert line is not None
                received.append(line)

        read_until("Active rooms")
        second.press(b"\x07")  # Ctrl+G
        reading = threading.Thread(target=read_until, args=("alice: maybe",))
        reading.start()
        second.until_true(lambda: not reading.is_alive(), "bob has received the line")
        second.press(b"\r")
        read_until("alice: typed while away")
    assert sum("alice: " in line for line in received) == 2

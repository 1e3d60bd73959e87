"""Server and client crashes: typed text is kept, and is sent again only by key."""

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


def kept_in(folder: Path) -> str:
    """Return what the client has stored for the lobby."""
    return "".join(path.read_text() for path in folder.rglob("lobby-*.json"))


def test_killed_client_keeps_draft(sign_in: OpenTerminal, tmp_path: Path) -> None:
    terminal = sign_in()
    terminal.press(b"half a line")
    terminal.until_true(lambda: "half a line" in kept_in(tmp_path), "the draft is stored")
    terminal.press(b", and more")
    terminal.process.kill()
    terminal.close()
    again = sign_in()
    again.until(b"half a line")
    again.press(b" in the last moment\x11")  # leaving at once
    assert again.wait() == 0
    once_more = sign_in()
    once_more.until(b"half a line in the last moment")


def test_message_to_killed_server_is_resent_only_by_key(
    server_program: ServerProgram, sign_in: OpenTerminal, tmp_path: Path
) -> None:
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
        lambda: "maybe" in (kept := kept_in(tmp_path)) and "while away" in kept,
        "both lines are stored",
    )
    terminal.process.kill()
    terminal.close()
    server_program.start()

    again = sign_in()
    again.until(b"typed while away")
    again.until(b"may have arrived")
    with WireClient("127.0.0.1", server_program.port) as bob:
        bob.send(f"LOGIN bob {DEMO_PASSWORD}", "/subscribe *", "/rooms")
        heard: list[str] = []

        def read_until(words: str) -> None:
            while words not in (heard or [""])[-1]:
                line = bob.read_line()
                assert line is not None
                heard.append(line)

        read_until("Active rooms")
        again.press(b"\x07")  # Ctrl+G
        reading = threading.Thread(target=read_until, args=("alice: maybe",))
        reading.start()
        again.until_true(lambda: not reading.is_alive(), "bob has received the line")
        again.press(b"\r")
        read_until("alice: typed while away")
    assert sum("alice: " in line for line in heard) == 2

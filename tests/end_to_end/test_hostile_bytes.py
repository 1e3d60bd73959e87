"""No control sequence from a peer or a server reaches the terminal. Every byte is checked."""

from __future__ import annotations

import fcntl
import re
import struct
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_PASSWORD
from chat_server.wire import replies
from tests.support.pty_terminal import PtyTerminal
from tests.support.scripted_server import ScriptedClient, ScriptedServer
from tests.support.server_program import ServerProgram
from tests.support.wire_client import WireClient

CONTROL_SEQUENCES = (
    "\x1b]0;owned\x07 \x1b[2J \x1b[31m \x1b]52;c;b3duZWQ=\x07 \x9b2J \x9d0;owned\x9c \x07\x08\x0e"
)
"""Control sequences for title, screen, colour, clipboard and bell, with ESC and with C1."""

HIDDEN = "\u202eabc\u202c \u2066abc\u2069" + "\u200b\u200d\u2060" * 300
"""Characters that reverse text or are invisible."""

MARKED = "a" + "\u0301\u0316" * 100

HOSTILE = f"[/] [red]x[/red] [@click=app.quit]press[/] {CONTROL_SEQUENCES} {HIDDEN} {MARKED}"

WORD = "w" * 4_000

NAME = f"[/][@click=app.quit]{CONTROL_SEQUENCES[:10]}\u202e{MARKED[:30]}".replace(" ", "")

# All that the client itself sends to a terminal: cursor, colours, modes, and three kinds of OSC.
_OWN_SEQUENCES = re.compile(
    rb"\x1b\[[0-9;:?<>=$]*[a-zA-Z~]"  # CSI
    rb"|\x1b[78=>]"
    rb"|\x1b\][^\x07\x1b\x9c]*(?:\x07|\x1b\\)"  # OSC: checked below
    rb"|\x1bP\+q[0-9a-fA-F;]*\x1b\\"
    rb"|\x1b\(B|\r|\n"
)
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def assert_only_own_sequences(written: bytes) -> None:
    """Check that all control sequences are the client's and no invisible character is left."""
    for sequence in re.findall(rb"\x1b\][^\x07\x1b]*", written):
        assert sequence.startswith((b"\x1b]0;", b"\x1b]2;", b"\x1b]22;")), sequence
        assert b"owned" not in sequence.replace(b"\xe2\x90\x9b]0;owned", b""), sequence
        assert _CONTROLS.search(sequence[2:].decode()) is None, sequence
    assert b"\x1b[2J" not in written
    shown = _OWN_SEQUENCES.sub(b"", written).decode()
    found = _CONTROLS.search(shown)
    assert found is None, (found, shown[max(0, found.start() - 60) : found.end() + 60])
    assert re.search("[\u0300-\u036f]{4}", shown) is None


OpenTerminal = Callable[[int], PtyTerminal]


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[OpenTerminal]:
    opened: list[PtyTerminal] = []

    def start(port: int) -> PtyTerminal:
        command = [sys.executable, "-m", "chat_tui", f"127.0.0.1:{port}", "--user", "alice"]
        opened.append(PtyTerminal(command, tmp_path))
        opened[-1].until(b"Follow everyone here")
        size = struct.pack("HHHH", 60, 140, 0, 0)
        fcntl.ioctl(opened[-1].our_fd, termios.TIOCSWINSZ, size)
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def click_everywhere(terminal: PtyTerminal) -> None:
    for row in range(2, 55):
        terminal.press(b"\x1b[<0;%d;%dM\x1b[<0;%d;%dm" % ((30 + row, row) * 2))


def test_hostile_peer_cannot_control_terminal(
    server_program: ServerProgram, open_terminal: OpenTerminal
) -> None:
    terminal = open_terminal(server_program.port)
    terminal.press(DEMO_PASSWORD.encode() + b"\r")
    terminal.until("● connected".encode())
    start_of_session = len(terminal.written)
    with WireClient("127.0.0.1", server_program.port) as bob:
        lines = WORD, HOSTILE, f"/join {NAME}"
        bob.send(f"LOGIN bob {DEMO_PASSWORD}", *lines, "end of the hostile lines")
        terminal.until(b"end of the hostile lines")
        click_everywhere(terminal)
        bob.send("still here")
        terminal.until(b"still here")
    terminal.press(b"\x11")
    assert terminal.wait() == 0
    assert terminal.is_restored()
    assert_only_own_sequences(terminal.written[start_of_session:])


def test_hostile_server_cannot_control_terminal(open_terminal: OpenTerminal) -> None:
    server = ScriptedServer()
    terminal = open_terminal(server.port)
    try:
        start_of_session = len(terminal.written)
        terminal.press(b"secret\r")
        rejecting = server.accept()
        rejecting.send(f"[SERVER] {HOSTILE}", f"[SERVER] {replies.LOGIN_PROMPT}")
        rejecting.read_line()
        rejecting.send(f"[ERROR] {HOSTILE}")
        rejecting.close()
        terminal.until(b"[@click=app.quit]press")
        terminal.press(b"secret\r")
        client = server.accept()
        client.send(f"[SERVER] {replies.LOGIN_PROMPT}")
        client.read_line()
        client.send(
            f"[SERVER] {replies.LOGIN_SUCCESSFUL}",
            "[SERVER] Available commands: /join, /subscribe, /unsubscribe, /subs, /rooms, /who, "
            f"/help, /{NAME}, /quit",
        )
        replier = threading.Thread(target=reply_to_requests, args=(client,))
        replier.start()
        terminal.until("● connected".encode())
        client.send(
            f"[21:03:00] {NAME}: {WORD}",
            *(
                f"[21:03:00] {NAME}{separator} {HOSTILE}"
                for separator in (":", " -> alice:", " -> bob:")
            ),
            f"[21:03:00] * {NAME} {HOSTILE}",
            f"[99:99:99] {NAME}: {HOSTILE}",
            f"[SERVER] {NAME} joined room '{NAME}'",
            f"[SERVER] {NAME} left room 'lobby'",
            f"[SERVER] Room '{NAME}' opened",
            f"[SERVER] {HOSTILE}",
            f"[ERROR] {HOSTILE}",
            f"[SERVER] Joined room '{NAME}'",
            HOSTILE,
            "[21:03:00] bob: end of the hostile lines",
        )
        terminal.until(b"end of the hostile lines")
        click_everywhere(terminal)
        terminal.press(b"\x1bOR\x1bOR\x1bOQ\x1bOQ")  # F3 and F2, twice each: open and close
        client.send("[21:03:00] bob: still here")
        terminal.until(b"still here")
        client.send(f"[SERVER] Logged out {HOSTILE}")
        replier.join(10)
        terminal.until(b"Sign in")
        terminal.press(b"\x11")
        assert terminal.wait() == 0
        assert terminal.is_restored()
        assert_only_own_sequences(terminal.written[start_of_session:])
    finally:
        server.close()


def reply_to_requests(client: ScriptedClient) -> None:
    """Reply to every request of a client, with names that a real server rejects."""
    while line := client.read_line():
        match line.split(" "):
            case ["/subscribe", name]:
                client.send(f"[SERVER] Subscribed to {name}")
            case ["/subs"]:
                client.send(f"[SERVER] Subscriptions: {NAME}, {NAME}2, bob")
            case ["/rooms"]:
                client.send(f"[SERVER] Active rooms: lobby (2), {NAME} (1)")
            case ["/who", *_]:
                client.send(f"[SERVER] In room 'lobby': alice, {NAME}, bob")
            case ["/quit"]:
                client.send(f"[SERVER] {replies.GOODBYE}")

"""Hostile peers and servers: the terminal receives only control sequences of the client."""

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

ORDERS = (
    "\x1b]0;owned\x07 \x1b[2J \x1b[31m \x1b]52;c;b3duZWQ=\x07 \x9b2J \x9d0;owned\x9c \x07\x08\x0e"
)
"""Sequences that a terminal obeys: title, screen, colour, clipboard, bell, with ESC and C1."""

HIDDEN = "\u202eabc\u202c \u2066abc\u2069" + "\u200b\u200d\u2060" * 300
"""Characters that reverse text or are invisible."""

MARKED = "a" + "\u0301\u0316" * 100

HOSTILE = f"[/] [red]x[/red] [@click=app.quit]press[/] {ORDERS} {HIDDEN} {MARKED}"

WORD = "w" * 4_000

NAME = f"[/][@click=app.quit]{ORDERS[:10]}\u202e{MARKED[:30]}".replace(" ", "")

# All sequences of the client itself: cursor, colours, modes, and three kinds of OSC.
_OURS = re.compile(
    rb"\x1b\[[0-9;:?<>=$]*[a-zA-Z~]"  # CSI
    rb"|\x1b[78=>]"
    rb"|\x1b\][^\x07\x1b\x9c]*(?:\x07|\x1b\\)"  # OSC: checked below
    rb"|\x1bP\+q[0-9a-fA-F;]*\x1b\\"
    rb"|\x1b\(B|\r|\n"
)
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def check_output(written: bytes) -> None:
    """Check that the output has no foreign control sequence and no invisible character."""
    for order in re.findall(rb"\x1b\][^\x07\x1b]*", written):
        assert order.startswith((b"\x1b]0;", b"\x1b]2;", b"\x1b]22;")), order
        assert b"owned" not in order.replace(b"\xe2\x90\x9b]0;owned", b""), order
        assert _CONTROLS.search(order[2:].decode()) is None, order
    assert b"\x1b[2J" not in written
    shown = _OURS.sub(b"", written).decode()
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
    begun = len(terminal.written)
    with WireClient("127.0.0.1", server_program.port) as bob:
        lines = WORD, HOSTILE, f"/join {NAME}"
        bob.send(f"LOGIN bob {DEMO_PASSWORD}", *lines, "this was the last of it")
        terminal.until(b"this was the last of it")
        click_everywhere(terminal)
        bob.send("still here")
        terminal.until(b"still here")
    terminal.press(b"\x11")
    assert terminal.wait() == 0
    assert terminal.is_restored()
    check_output(terminal.written[begun:])


def test_hostile_server_cannot_control_terminal(open_terminal: OpenTerminal) -> None:
    server = ScriptedServer()
    terminal = open_terminal(server.port)
    try:
        begun = len(terminal.written)
        terminal.press(b"secret\r")
        refusing = server.accept()
        refusing.send(f"[SERVER] {HOSTILE}", f"[SERVER] {replies.LOGIN_PROMPT}")
        refusing.read_line()
        refusing.send(f"[ERROR] {HOSTILE}")
        refusing.close()
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
        answering = threading.Thread(target=play_hostile_server, args=(client,))
        answering.start()
        terminal.until("● connected".encode())
        client.send(
            f"[21:03:00] {NAME}: {WORD}",
            *(f"[21:03:00] {NAME}{way} {HOSTILE}" for way in (":", " -> alice:", " -> bob:")),
            f"[21:03:00] * {NAME} {HOSTILE}",
            f"[99:99:99] {NAME}: {HOSTILE}",
            f"[SERVER] {NAME} joined room '{NAME}'",
            f"[SERVER] {NAME} left room 'lobby'",
            f"[SERVER] Room '{NAME}' opened",
            f"[SERVER] {HOSTILE}",
            f"[ERROR] {HOSTILE}",
            f"[SERVER] Joined room '{NAME}'",
            HOSTILE,
            "[21:03:00] bob: this was the last of it",
        )
        terminal.until(b"this was the last of it")
        click_everywhere(terminal)
        terminal.press(b"\x1bOR\x1bOR\x1bOQ\x1bOQ")  # F3 and F2, there and back
        client.send("[21:03:00] bob: still here")
        terminal.until(b"still here")
        client.send(f"[SERVER] Logged out {HOSTILE}")
        answering.join(10)
        terminal.until(b"Sign in")
        terminal.press(b"\x11")
        assert terminal.wait() == 0
        assert terminal.is_restored()
        check_output(terminal.written[begun:])
    finally:
        server.close()


def play_hostile_server(client: ScriptedClient) -> None:
    """Reply to all commands, with names that no honest server allows."""
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

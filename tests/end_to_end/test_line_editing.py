"""`--plain` at a terminal: the line that the user types is edited and never broken."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_PASSWORD
from tests.support.pty_terminal import PtyTerminal
from tests.support.server_program import ServerProgram
from tests.support.wait_until import WAIT_TIMEOUT, until
from tests.support.wire_client import WireClient

pytestmark = pytest.mark.slow

LEFT, UP, BACKSPACE = b"\x1b[D", b"\x1b[A", b"\x7f"
CTRL_C, CTRL_D, CTRL_U = b"\x03", b"\x04", b"\x15"
PROMPT_START, PROMPT_END = b"\x1b[?2004h", b"\x1b[?2004l"

OpenPlain = Callable[[], PtyTerminal]


@pytest.fixture
def open_plain(
    server_program: ServerProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenPlain]:
    """Start `--plain` at a terminal and wait until it is in the lobby."""
    monkeypatch.setenv("LOBBY_PASSWORD", DEMO_PASSWORD)
    opened: list[PtyTerminal] = []
    server = f"127.0.0.1:{server_program.port}"

    def start() -> PtyTerminal:
        command = [sys.executable, "-m", "chat_tui", "--plain", "--server", server]
        opened.append(PtyTerminal([*command, "--user", "alice"], tmp_path))
        opened[-1].until(b"in lobby, unencrypted")
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


@pytest.fixture
def bob(server_program: ServerProgram) -> Iterator[WireClient]:
    with log_in(server_program.port, "bob") as client:
        yield client


def log_in(port: int, user: str) -> WireClient:
    client = WireClient("127.0.0.1", port)
    client.send(f"LOGIN {user} {DEMO_PASSWORD}")
    while client.read_line() != "[SERVER] Login successful":
        pass
    return client


def is_editing(terminal: PtyTerminal) -> bool:
    """Return True once the editor has the terminal: it echoes nothing by itself then."""
    return not termios.tcgetattr(terminal.our_fd)[3] & termios.ICANON


def ready(terminal: PtyTerminal) -> PtyTerminal:
    terminal.until_true(lambda: is_editing(terminal), "the line can be edited")
    return terminal


def await_prompt(terminal: PtyTerminal) -> None:
    """Wait until the next line can be typed: a key that comes before it finds no history yet."""
    # Between two prompts the kernel would draw the key, and the next prompt would not get it.
    terminal.until_true(
        lambda: terminal.written.rfind(PROMPT_START) > terminal.written.rfind(PROMPT_END),
        "the prompt is open",
    )
    before = len(terminal.written)
    terminal.press(b"~")
    terminal.until_true(lambda: b"~" in terminal.written[before:], "the key is drawn")
    terminal.press(BACKSPACE)


def test_arrow_keys_edit_the_line(open_plain: OpenPlain) -> None:
    terminal = ready(open_plain())
    terminal.press(b"helo" + LEFT + b"l\r")
    terminal.until(b"alice (you): hello")
    family = "👨‍👩‍👧".encode()
    terminal.press(b"x" + family + b"y" + LEFT + BACKSPACE + b"\r")
    terminal.until(b"alice (you): xy")


def test_incoming_line_does_not_break_the_line_being_typed(
    open_plain: OpenPlain, bob: WireClient
) -> None:
    terminal = ready(open_plain())
    terminal.press(b"half")
    terminal.until(b"half")
    bob.send("hi from bob")
    terminal.until(b"bob: hi from bob")
    after = terminal.written.index(b"bob: hi from bob")
    terminal.until_true(lambda: b"half" in terminal.written[after:], "the line is drawn again")
    terminal.press(b" line\r")
    terminal.until(b"alice (you): half line")


def test_up_finds_neither_private_text_nor_passwords(open_plain: OpenPlain) -> None:
    terminal = ready(open_plain())
    for line in (b"public", b"/msg bob secret", b"/passwd old-one new-one-new"):
        terminal.press(line + b"\r")
    terminal.until(b"Wrong password")
    await_prompt(terminal)
    terminal.press(UP + b"!\r")
    terminal.until(b"alice (you): public!")
    terminal.press(b"/join dev\r")
    terminal.until(b"Joined room 'dev'")
    await_prompt(terminal)
    terminal.press(b"x" + CTRL_U + UP + b"here\r")
    terminal.until(b"alice (you): here")


def test_text_typed_during_a_change_of_room_is_kept(open_plain: OpenPlain) -> None:
    terminal = ready(open_plain())
    terminal.press(b"/join dev\rtyped ahead")
    terminal.until(b"Joined room 'dev'")
    terminal.press(b" and on\r")
    terminal.until(b"alice (you): typed ahead and on")


@pytest.mark.parametrize(("key", "status"), [(CTRL_D, 0), (CTRL_C, 128 + signal.SIGINT)])
def test_end_restores_the_terminal(open_plain: OpenPlain, key: bytes, status: int) -> None:
    terminal = ready(open_plain())
    terminal.press(key)
    assert terminal.wait() == status
    assert termios.tcgetattr(terminal.our_fd)[:4] == terminal.before[:4]
    assert b"\x1b[?2004l" in terminal.written, "bracketed paste is off"


def test_end_of_the_session_and_signals_restore_the_terminal(
    open_plain: OpenPlain, server_program: ServerProgram
) -> None:
    terminal = ready(open_plain())
    terminal.press(b"half")
    terminal.until(b"half")
    with log_in(server_program.port, "alice"):
        assert terminal.wait() == 3
    assert termios.tcgetattr(terminal.our_fd)[:4] == terminal.before[:4]
    terminal = ready(open_plain())
    terminal.process.terminate()
    assert terminal.wait() == 128 + signal.SIGTERM
    assert termios.tcgetattr(terminal.our_fd)[:4] == terminal.before[:4]


def test_closed_terminal_ends_the_client(open_plain: OpenPlain) -> None:
    terminal = ready(open_plain())
    terminal.hang_up()
    until(lambda: terminal.process.poll() is not None, timeout=WAIT_TIMEOUT)


def test_pasted_lines_are_one_text_and_run_no_command(
    open_plain: OpenPlain, bob: WireClient
) -> None:
    terminal = ready(open_plain())
    terminal.press(b"\x1b[200~one\rtwo\x1b[201~\r")
    for text in (b"one", b"two"):
        terminal.until(b"alice (you): " + text)
    terminal.press(b"\x1b[200~three\r/quit\x1b[201~\r")
    terminal.until(b"Not sent: line 2 looks like a command")
    await_prompt(terminal)
    terminal.press(UP + BACKSPACE * 6 + b"\r")
    terminal.until(b"alice (you): three")


def test_dumb_terminal_gets_no_control_sequences(
    open_plain: OpenPlain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.pty_terminal.TERM", "dumb")
    terminal = open_plain()
    terminal.press(b"hello\n")
    terminal.until(b"alice (you): hello")
    assert b"\x1b" not in terminal.written
    assert os.isatty(terminal.our_fd)

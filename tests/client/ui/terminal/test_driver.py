"""The client in a pseudo-terminal: its input thread and its output survive what terminals do."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.pty_terminal import PtyTerminal

pytestmark = pytest.mark.slow

ARGUMENTS = ["127.0.0.1:1", "--user", "alice"]
CLIENT = [sys.executable, "-m", "chat_tui", *ARGUMENTS]

BROKEN_KEY = """
import chat_tui.ui.terminal.input as terminal_input
key_events = terminal_input.key_events
def broken(sequence):
    if sequence == "x":
        raise ZeroDivisionError("a deliberate mistake")
    return key_events(sequence)
terminal_input.key_events = broken
from chat_tui.__main__ import main
main({arguments})
"""

BROKEN_DRIVER = """
from chat_tui.ui.terminal import TerminalDriver
def broken(self, selector, parser):
    raise ZeroDivisionError("a deliberate mistake")
TerminalDriver._read = broken
from chat_tui.__main__ import main
main({arguments})
"""

Open = Callable[[list[str]], PtyTerminal]


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Open]:
    opened: list[PtyTerminal] = []

    def start(command: list[str]) -> PtyTerminal:
        opened.append(PtyTerminal(command, tmp_path))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text.format(arguments=ARGUMENTS)]


def test_bug_in_key_parser_costs_one_key(open_terminal: Open) -> None:
    terminal = open_terminal(script(BROKEN_KEY))
    terminal.until(b"Password")
    terminal.press(b"axb")
    terminal.until(b"A key was not read")
    terminal.press(b"c")
    terminal.until("•••".encode())
    terminal.press(b"\x11")
    assert terminal.wait() == 0


def test_crash_of_input_thread_has_exit_code_one(open_terminal: Open) -> None:
    terminal = open_terminal(script(BROKEN_DRIVER))
    terminal.until(b"Password")
    terminal.press(b"x")
    terminal.until(b"a deliberate mistake")
    assert terminal.wait() == 1
    assert terminal.is_restored()


def test_odd_key_sequences_and_answers_do_not_end_client_or_type(open_terminal: Open) -> None:
    terminal = open_terminal(CLIENT)
    terminal.until(b"Password")
    terminal.press(b"\x1b[97;1:3u\x1b[9999999999999u\x1b[1;1;1;1;1u\x1b[;;;u\x1b[?62;4c")
    terminal.press(b"\x1b]11;rgb:1a1a/1b1b/2626\x07\x1bP>|xterm\x1b\\\x9d11;x\x9c")
    terminal.press(b"\x15a\xff\xc3")
    time.sleep(0.2)
    terminal.press(b"\xa9b")  # the rest of a letter in another read
    terminal.until("••••".encode())
    terminal.press(b"\r")
    terminal.until(b"Nothing listens at")
    assert "•••••".encode() not in terminal.written
    terminal.press(b"\x11")
    assert terminal.wait() == 0


def test_sigcont_of_another_program_starts_no_second_reader(open_terminal: Open) -> None:
    terminal = open_terminal(CLIENT)
    terminal.until(b"Password")
    tasks = Path(f"/proc/{terminal.process.pid}/task")

    def threads() -> list[str]:
        return sorted((task / "comm").read_text().strip() for task in tasks.iterdir())

    terminal.press(b"a")
    terminal.until("•".encode())
    before = threads()
    terminal.process.send_signal(signal.SIGCONT)
    terminal.press(b"b")
    terminal.until("••".encode())
    # A thread that imports modules may have started meanwhile. It ends by itself.
    terminal.until_true(lambda: len(threads()) <= len(before), "no thread is left")
    terminal.press(b"\x11")
    assert terminal.wait() == 0


def test_terminal_is_asked_for_the_keys_of_the_us_layout(open_terminal: Open) -> None:
    terminal = open_terminal(CLIENT)
    terminal.until(b"\x1b[=4;2u")
    terminal.until(b"Password")
    terminal.press(b"\x1b[1081::113;5u")  # Ctrl and the key of Q, on a Russian layout
    assert terminal.wait() == 0
    assert b"\x1b[<u" in terminal.written


def test_sequence_in_two_reads_is_one_key(open_terminal: Open) -> None:
    terminal = open_terminal(CLIENT)
    terminal.until(b"Password")
    terminal.press(b"\x1b")
    time.sleep(0.4)
    terminal.press(b"[200~first\rsecond\x1b[201~")
    terminal.until("•••••".encode())
    terminal.press(b"\x11")
    assert terminal.wait() == 0
    assert b"Nothing listens at" not in terminal.written, "the paste pressed Enter"


def test_text_after_end_marker_in_a_paste_is_not_typed(open_terminal: Open) -> None:
    terminal = open_terminal(CLIENT)
    terminal.until(b"Password")
    # More than the kernel returns at once, so that the marker inside ends a read.
    inside = b"x" * (4095 - 12) + b"\x1b[201~" + b"\r" * 20
    terminal.press(b"\x1b[200~" + inside + b"\x1b[201~")
    terminal.until("•••••".encode())
    terminal.press(b"\x11")
    assert terminal.wait() == 0
    assert b"Nothing listens at" not in terminal.written, "the paste pressed Enter"


def test_terminal_that_became_non_blocking_loses_nothing(open_terminal: Open) -> None:
    terminal = open_terminal(CLIENT)
    terminal.until(b"Password")
    # Another program that shares the terminal sets this for all.
    os.set_blocking(terminal._client_fd, False)
    terminal.written = b""
    for _ in range(30):  # nothing is read meanwhile, so the terminal is full soon
        terminal.press(b"\x0c")
        time.sleep(0.03)
    time.sleep(0.3)
    terminal.written = b""
    terminal.press(b"\x1bOP")
    terminal.until(b"WRITING")
    terminal.press(b"\x11")
    assert terminal.wait() == 0
    assert terminal.is_restored()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_screen_is_readable_in_other_encodings(open_terminal: Open, encoding: str) -> None:
    terminal = open_terminal(["env", f"PYTHONIOENCODING={encoding}", *CLIENT])
    terminal.until(b"Password")
    terminal.press(b"\x1bOP")
    terminal.until(b"WRITING")
    border = "│" if encoding in ("utf-8", "cp437") else "|"
    terminal.until(border.encode(encoding))
    terminal.press(b"\x11")
    assert terminal.wait() == 0
    terminal.written.decode(encoding)
    assert rb"\u" not in terminal.written

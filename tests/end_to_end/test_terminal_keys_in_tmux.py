"""Keys, cursor and bell of the client in a real terminal."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

from chat_server.accounts.demo import DEMO_PASSWORD
from tests.support.server_program import ServerProgram
from tests.support.tmux_terminal import OpenTerminal, TmuxTerminal
from tests.support.wait_until import until
from tests.support.wire_client import WireClient


def sign_in(open_terminal: OpenTerminal, server: ServerProgram) -> TmuxTerminal:
    terminal = open_terminal(f"127.0.0.1:{server.port}", "--user", "alice")
    terminal.until("Follow everyone here")
    terminal.keys(DEMO_PASSWORD, "Enter")
    terminal.until(r"Message lobby(.|\n)*● connected")
    return terminal


def cursor_is_before(terminal: TmuxTerminal, text: str) -> None:
    """Wait until the cursor is at the first cell of `text`."""

    def is_there() -> bool:
        rows = terminal.screen().splitlines()
        column, row = terminal.cursor()
        return row < len(rows) and rows[row].find(text) == column

    until(is_there, f"the cursor is at {text!r}", lambda: (terminal.cursor(), terminal.screen()))


def test_terminal_cursor_is_in_focused_field_from_first_frame(
    open_terminal: OpenTerminal, server_program: ServerProgram
) -> None:
    terminal = open_terminal(f"127.0.0.1:{server_program.port}", "--user", "alice")
    screen = terminal.until("Follow everyone here")
    (row,) = (n for n, text in enumerate(screen.splitlines()) if "Password" in text)
    (column,) = (text.index("alice") for text in screen.splitlines() if "User" in text)
    until(lambda: terminal.cursor() == (column, row), "the cursor is in the field", terminal.cursor)
    terminal.keys("日本")
    until(lambda: terminal.cursor() == (column + 2, row), "two dots are typed", terminal.cursor)
    terminal.keys("C-u", DEMO_PASSWORD, "Enter")
    terminal.until(r"● connected")
    cursor_is_before(terminal, "Message lobby")
    column, row = terminal.cursor()
    terminal.keys("日本")
    until(lambda: terminal.cursor() == (column + 4, row), "wide letters", terminal.cursor)
    terminal.keys("C-f")
    cursor_is_before(terminal, "text, or from:alice")


def test_alt_enter_of_terminal_begins_new_line(
    open_terminal: OpenTerminal, server_program: ServerProgram
) -> None:
    terminal = sign_in(open_terminal, server_program)
    terminal.keys("first", "M-Enter", "second")
    terminal.until(r"first.*\n.*second")
    shown = terminal.until("2 lines: Enter sends each as a message")
    assert not re.search("you +first", shown), "the first line was sent"


def test_ctrl_l_redraws_what_another_program_has_overwritten(
    open_terminal: OpenTerminal, server_program: ServerProgram
) -> None:
    terminal = sign_in(open_terminal, server_program)

    def screen() -> str:
        return re.sub(r"\d+ ms", "0 ms", terminal.screen())

    terminal.until(r"▸ lobby +◉ everyone(.|\n)+alice \(you\)(.|\n)+You are alone(.|\n)+ ms ")
    before = screen()
    with open(terminal.value("#{pane_tty}"), "w", encoding="ascii") as tty:
        tty.write("\x1b[5;1HSystem going down\r\nxxxxxxxxxx")
    terminal.until("System going down")
    terminal.keys("C-l")
    until(lambda: screen() == before, "the screen is as before", lambda: (before, screen()))


def test_ctrl_z_suspends_client_and_fg_resumes_it(
    open_terminal: OpenTerminal, server_program: ServerProgram
) -> None:
    terminal = open_terminal("--help", PS1="prompt> ")
    terminal.until("exit status 0")
    client = f"{sys.executable} -m chat_tui 127.0.0.1:{server_program.port} --user alice"
    # A program in between, such as make or uv, must stop as well.
    terminal.run("respawn-pane", "-k", "-c", os.getcwd(), "/bin/sh", "-i")
    terminal.until("prompt>")
    terminal.keys(f'sh -c "{client}; echo ended with \\$?"', "Enter")
    terminal.until("Follow everyone here")
    terminal.keys(DEMO_PASSWORD)
    terminal.until("•{11}")
    for _ in range(2):
        terminal.keys("C-z")
        terminal.until("Stopped|Suspended")
        terminal.keys("echo back in the s''hell", "Enter")
        terminal.until("back in the shell")
        terminal.keys("fg", "Enter")
        terminal.until("Password +•{11}")
    terminal.keys("Enter")
    terminal.until("● connected")
    terminal.keys("draft", "C-z")
    terminal.until("Stopped|Suspended")
    terminal.keys("fg", "Enter")
    terminal.until("draft(.|\n)*● connected")
    terminal.keys("C-_")
    terminal.until("Message lobby")
    terminal.keys("C-q")
    terminal.until("ended with 0")


def test_window_with_suspended_client_leaves_no_process(
    open_terminal: OpenTerminal, server_program: ServerProgram, tmp_path: Path
) -> None:
    terminal = open_terminal("--help", PS1="prompt> ")
    terminal.until("exit status 0")
    terminal.run("respawn-pane", "-k", "-c", os.getcwd(), "/bin/sh", "-i")
    terminal.until("prompt>")
    client = f"{sys.executable} -m chat_tui 127.0.0.1:{server_program.port} --user alice"
    terminal.keys(client, "Enter")
    terminal.until("Follow everyone here")
    terminal.keys("C-z")
    terminal.until("Stopped|Suspended")
    file = tmp_path / "process"
    terminal.keys(f"jobs -p > '{file}'", "Enter")
    until(lambda: file.exists() and file.read_text().strip(), "the shell names the process")
    process = Path("/proc", file.read_text().strip())
    assert process.exists()
    terminal.close()
    until(lambda: not process.exists(), "the client ends", lambda: "it is left")


def test_ctrl_z_without_shell_does_not_stop_client(
    open_terminal: OpenTerminal, server_program: ServerProgram
) -> None:
    terminal = sign_in(open_terminal, server_program)
    terminal.keys("C-z")
    terminal.until("Cannot suspend")
    terminal.keys("C-q")
    terminal.until("exit status 0")


def test_mention_rings_bell_of_tmux_with_default_settings(
    open_terminal: OpenTerminal, server_program: ServerProgram
) -> None:
    terminal = sign_in(open_terminal, server_program)
    terminal.run("new-window", "cat")
    with WireClient("127.0.0.1", server_program.port) as bob:
        bob.send(f"LOGIN bob {DEMO_PASSWORD}", "/subscribe *")

        def mention() -> bool:
            bob.send("alice, are you there?")
            time.sleep(0.5)
            return terminal.value("#{window_bell_flag}") == "1"

        until(mention, "tmux marks the window", terminal.screen)

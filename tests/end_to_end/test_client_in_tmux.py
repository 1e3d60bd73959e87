"""The client in a real terminal. tmux returns the screen as a user sees it."""

from __future__ import annotations

import pytest

from chat_server.accounts.demo import DEMO_PASSWORD
from tests.support.server_program import ServerProgram
from tests.support.tmux_terminal import OpenTerminal
from tests.support.wire_client import WireClient


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
def test_sign_in_chat_and_quit_leave_clean_terminal(
    server_program: ServerProgram, open_terminal: OpenTerminal, size: tuple[int, int]
) -> None:
    terminal = open_terminal(f"127.0.0.1:{server_program.port}", "--user", "alice", size=size)
    terminal.until("Follow everyone here")
    terminal.keys(DEMO_PASSWORD, "Enter")
    terminal.until(r"● connected")
    with WireClient("127.0.0.1", server_program.port) as bob:
        bob.send(f"LOGIN bob {DEMO_PASSWORD}", "/subscribe *", "did anyone see the build?")
        terminal.until(r"bob +did anyone see the build\?")
        terminal.keys("yes, it is red again", "Enter")
        while (line := bob.read_line()) is not None and "alice: yes, it is red again" not in line:
            pass
        terminal.until(r"you +yes, it is red again")
        terminal.keys("C-q")
        shown = terminal.until("exit status 0")
        assert "connected" not in shown
        assert DEMO_PASSWORD not in shown


def test_client_in_terminal_reconnects_after_server_restart(
    server_program: ServerProgram, open_terminal: OpenTerminal
) -> None:
    terminal = open_terminal(f"127.0.0.1:{server_program.port}", "--user", "alice")
    terminal.until("Follow everyone here")
    terminal.keys(DEMO_PASSWORD, "Enter")
    terminal.until(r"● connected")
    server_program.kill()
    terminal.until(r"next try in \d+ s")
    server_program.start()
    terminal.keys("C-r")
    terminal.until(r"● connected")
    terminal.keys("C-q")
    terminal.until("exit status 0")


def test_hostile_text_does_not_reach_the_terminal(
    server_program: ServerProgram, open_terminal: OpenTerminal
) -> None:
    terminal = open_terminal(f"127.0.0.1:{server_program.port}", "--user", "alice")
    terminal.until("Follow everyone here")
    terminal.keys(DEMO_PASSWORD, "Enter")
    terminal.until(r"● connected")
    with WireClient("127.0.0.1", server_program.port) as bob:
        bob.send(
            f"LOGIN bob {DEMO_PASSWORD}",
            "[@click=app.quit]click[/] [/] [red]red \x1b[2J\x1b]0;owned\x07 \x9b2J end",
            "still here",
        )
        shown = terminal.until("still here")
        assert "[@click=app.quit]click[/] [/] [red]red" in shown
        assert "● connected" in shown
        terminal.keys("C-q")
        terminal.until("exit status 0")

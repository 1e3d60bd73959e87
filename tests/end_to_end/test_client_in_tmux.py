"""The client in a real terminal. tmux returns the screen as a user sees it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_PASSWORD
from tests.support.server_program import ServerProgram
from tests.support.wait_until import until
from tests.support.wire_client import WireClient


class TmuxTerminal:
    """A separate tmux server with one window, in which a shell runs one command."""

    def __init__(
        self, tmux: list[str], folder: Path, command: list[str], size: tuple[int, int]
    ) -> None:
        self._tmux = tmux
        width, height = size
        environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state"), "TERM": "screen"}
        script = f"{shlex.join(command)}; echo exit status $?; cat"
        subprocess.run(
            [
                *(*self._tmux, "new-session", "-d", "-x", str(width), "-y", str(height)),
                *("/bin/sh", "-c", script),
            ],
            check=True,
            cwd=folder,
            env=environment,
        )

    def keys(self, *keys: str) -> None:
        """Press keys or type text, in the notation of `tmux send-keys`."""
        subprocess.run([*self._tmux, "send-keys", *keys], check=True)

    def screen(self) -> str:
        """Return the text on the screen."""
        shown = subprocess.run(
            [*self._tmux, "capture-pane", "-p"], check=True, capture_output=True, text=True
        )
        return shown.stdout

    def until(self, pattern: str) -> str:
        """Wait until the screen matches `pattern`. Return the screen."""
        screen = ""

        def is_shown() -> bool:
            nonlocal screen
            screen = self.screen()
            return re.search(pattern, screen) is not None

        until(is_shown, f"the screen matches {pattern!r}:", lambda: screen)
        return screen

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


OpenTerminal = Callable[..., TmuxTerminal]


@pytest.fixture
def open_terminal(
    tmp_path: Path, short_folder: Path, require_program: Callable[[str], Path]
) -> Iterator[OpenTerminal]:
    tmux = [str(require_program("tmux")), "-u", "-f", "/dev/null", "-S", str(short_folder / "tmux")]
    opened: list[TmuxTerminal] = []

    def start(*arguments: str, size: tuple[int, int] = (100, 30)) -> TmuxTerminal:
        command = [sys.executable, "-m", "chat_tui", *arguments]
        opened.append(TmuxTerminal(tmux, tmp_path, command, size))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


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

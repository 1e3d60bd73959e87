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

from tests.support.wait_until import until


class TmuxTerminal:
    """A separate tmux server with one window, in which a shell runs one command."""

    def __init__(
        self,
        tmux: list[str],
        folder: Path,
        command: list[str],
        size: tuple[int, int],
        environment: dict[str, str],
    ) -> None:
        self._tmux = tmux
        width, height = size
        environment = {
            **os.environ,
            "XDG_STATE_HOME": str(folder / "state"),
            "TERM": "screen",
            **environment,
        }
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

    def cursor(self) -> tuple[int, int]:
        """Return column and row of the terminal's cursor."""
        column, row = self.value("#{cursor_x} #{cursor_y}").split()
        return int(column), int(row)

    def value(self, template: str) -> str:
        """Return what tmux knows about the window, in the notation of its formats."""
        shown = self._tmux_command("display-message", "-p", "-t", ":0", template)
        return shown.strip()

    def run(self, *arguments: str) -> str:
        """Run a command of tmux. Return its output."""
        return self._tmux_command(*arguments)

    def _tmux_command(self, *arguments: str) -> str:
        ended = subprocess.run(
            [*self._tmux, *arguments], check=True, capture_output=True, text=True
        )
        return ended.stdout

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


OpenTerminal = Callable[..., TmuxTerminal]


@pytest.fixture
def open_terminal(
    tmp_path: Path, short_folder: Path, require_program: Callable[[str], Path]
) -> Iterator[OpenTerminal]:
    """Yield a function that starts the client in a terminal of its own."""
    tmux = [str(require_program("tmux")), "-u", "-f", "/dev/null", "-S", str(short_folder / "tmux")]
    opened: list[TmuxTerminal] = []

    def start(
        *arguments: str, size: tuple[int, int] = (100, 30), **environment: str
    ) -> TmuxTerminal:
        command = [sys.executable, "-m", "chat_tui", *arguments]
        opened.append(TmuxTerminal(tmux, tmp_path, command, size, environment))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()

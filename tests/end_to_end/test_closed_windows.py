"""Closed terminal windows leave no process, whatever the client is doing."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_PASSWORD
from tests.support.server_program import ServerProgram
from tests.support.terminal_window import ClientForker, TerminalWindow, until_all_ended

WINDOWS = int(os.environ.get("CLOSED_WINDOWS", "3"))
"""Windows that are closed in each state."""

ACCOUNTS = ("alice", "bob", "carol", "DPS")
AT_ONCE = len(ACCOUNTS)
"""Windows that are open at the same time."""

OpenWindow = Callable[..., TerminalWindow]


@pytest.fixture(scope="module")
def forker() -> Iterator[ClientForker]:
    with ClientForker() as opened:
        yield opened


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Yield a port at which nothing ever answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def close_windows(
    forker: ClientForker,
    folder: Path,
    arguments: tuple[str, ...],
    bring: Callable[[TerminalWindow], None],
    before_close: Callable[[list[TerminalWindow]], None] | None = None,
) -> None:
    """Open windows, bring each into a state, close them, and wait until none is left."""
    for first in range(0, WINDOWS, AT_ONCE):
        folders = [folder / str(number) for number in range(first, min(first + AT_ONCE, WINDOWS))]
        for own in folders:
            own.mkdir()
        windows = [
            TerminalWindow(forker, (*arguments, "--user", account), own)
            for own, account in zip(folders, ACCOUNTS, strict=False)
        ]
        try:
            for window in windows:
                bring(window)
            if before_close is not None:
                before_close(windows)
            for window in windows:
                window.close()
            until_all_ended([window.process_id for window in windows])
        finally:
            for window in windows:
                window.close()
                if Path(f"/proc/{window.process_id}").exists():
                    os.kill(window.process_id, signal.SIGKILL)


def form(window: TerminalWindow) -> None:
    window.until("Password")


def sign_in(window: TerminalWindow) -> None:
    form(window)
    window.press(f"{DEMO_PASSWORD}\r")
    window.until("connected")


def test_window_closed_on_the_form_leaves_no_process(forker: ClientForker, tmp_path: Path) -> None:
    close_windows(forker, tmp_path, ("127.0.0.1:1",), form)


def test_window_closed_before_the_first_frame_leaves_no_process(
    forker: ClientForker, tmp_path: Path
) -> None:
    close_windows(forker, tmp_path, ("127.0.0.1:1",), lambda _: None)


def test_window_closed_while_connecting_leaves_no_process(
    forker: ClientForker, tmp_path: Path, silent_port: int
) -> None:
    def connect(window: TerminalWindow) -> None:
        form(window)
        window.press("secret\r")
        window.until("Connecting to")

    close_windows(forker, tmp_path, (f"127.0.0.1:{silent_port}",), connect)


def test_window_closed_after_a_failed_sign_in_leaves_no_process(
    forker: ClientForker, tmp_path: Path
) -> None:
    def fail(window: TerminalWindow) -> None:
        form(window)
        window.press("secret\r")
        window.until("Nothing listens at")

    close_windows(forker, tmp_path, ("127.0.0.1:1",), fail)


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ("", ""),
        ("\x0b", "▸"),  # the palette of rooms and people
        ("\x1bOP", "Esc Close"),  # the help
    ],
    ids=["chat", "palette", "dialog"],
)
def test_window_closed_in_the_chat_leaves_no_process(
    forker: ClientForker, tmp_path: Path, server_program: ServerProgram, keys: str, shown: str
) -> None:
    def chat(window: TerminalWindow) -> None:
        sign_in(window)
        window.press(keys)
        if shown:
            window.until(shown)

    address = f"127.0.0.1:{server_program.port}"
    close_windows(forker, tmp_path, (address,), chat)


def test_window_closed_while_suspended_leaves_no_process(
    forker: ClientForker, tmp_path: Path, server_program: ServerProgram
) -> None:
    def suspend(windows: list[TerminalWindow]) -> None:
        for window in windows:
            os.kill(window.process_id, signal.SIGSTOP)
            status = Path(f"/proc/{window.process_id}/status")
            window.until_true(partial(_is_stopped, status), "the client stops")

    address = f"127.0.0.1:{server_program.port}"
    close_windows(forker, tmp_path, (address,), sign_in, suspend)


def test_client_without_shell_does_not_stop_at_sigtstp(
    forker: ClientForker, tmp_path: Path
) -> None:
    """Nothing would continue it, and a window that closes meanwhile would leave it for ever."""

    def suspend(windows: list[TerminalWindow]) -> None:
        for window in windows:
            os.kill(window.process_id, signal.SIGTSTP)
            # It has restored the terminal, takes it again and draws the form.
            window.until("\x1b[?1049h", "Password")
            window.press("secret")
            window.until("••••••")
            os.kill(window.process_id, signal.SIGTSTP)

    close_windows(forker, tmp_path, ("127.0.0.1:1",), form, suspend)


def _is_stopped(status: Path) -> bool:
    return "T (stopped)" in status.read_text()


def test_window_closed_while_reconnecting_leaves_no_process(
    forker: ClientForker, tmp_path: Path, server_program: ServerProgram
) -> None:
    def lose_server(windows: list[TerminalWindow]) -> None:
        server_program.kill()
        for window in windows:
            window.until("next try in")
        server_program.start()

    address = f"127.0.0.1:{server_program.port}"
    close_windows(forker, tmp_path, (address,), sign_in, lose_server)


@pytest.mark.parametrize("signed_in", [False, True])
def test_window_closed_in_line_mode_leaves_no_process(
    forker: ClientForker, tmp_path: Path, server_program: ServerProgram, signed_in: bool
) -> None:
    def chat(window: TerminalWindow) -> None:
        window.until("assword")
        if signed_in:
            window.press(f"{DEMO_PASSWORD}\r")
            window.until("lobby")

    server = f"127.0.0.1:{server_program.port}"
    close_windows(forker, tmp_path, ("--plain", "--server", server), chat)


def test_window_closed_while_a_local_server_starts_leaves_no_process(
    forker: ClientForker, tmp_path: Path
) -> None:
    close_windows(forker, tmp_path, ("--local",), form)

"""The whole app of `--local` with real local servers, which start slowly, fail and go away."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from chat_server.accounts.password_hash import hash_password
from chat_tui.launch import LaunchOptions
from chat_tui.local_server import LocalServer
from chat_tui.storage.state import ClientState
from chat_tui.ui.app import ChatApp
from chat_tui.ui.screens import wording
from chat_tui.ui.screens.local_server_task import LocalServerChecked
from tests.support.app_harness import press_keys, screen_rows, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
    return number


class LocalWindow:
    """A window of `--local`, as its user sees it."""

    def __init__(self, app: ChatApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    async def until(self, text: str) -> None:
        """Wait until the text is on the screen, wherever its lines break."""
        await wait_until(self.pilot, lambda: text in self.shown(), text)

    def shown(self) -> str:
        return " ".join(" ".join(screen_rows(self.app)).split())

    async def sign_in(self) -> None:
        self.app.login.query_one("#password").focus()
        await press_keys(self.pilot, *"password123", "enter")

    @property
    def server(self) -> LocalServer:
        assert self.app.local_server is not None
        return self.app.local_server


@asynccontextmanager
async def window(folder: Path, port: int, user: str) -> AsyncIterator[LocalWindow]:
    """Run a window of `--local`, and stop its server at the end, as the client does."""
    options = LaunchOptions(
        "127.0.0.1",
        port,
        user,
        start_local=lambda: LocalServer.start(folder, folder, port),
        plaintext=True,
    )
    app = ChatApp(options, ClientState(folder))
    try:
        async with app.run_test(size=(100, 24), notifications=True) as pilot:
            await pilot.pause()
            opened = LocalWindow(app, pilot)
            await opened.sign_in()
            yield opened
    finally:
        if app.local_server is not None:
            app.local_server.stop()


def write_users(folder: Path, cost: int = 4) -> None:
    hashed = hash_password("password123", cost=cost)
    (folder / "users.json").write_text(json.dumps(dict.fromkeys(("alice", "bob"), hashed)))


async def test_enter_at_the_first_frame_signs_in_to_a_slow_local_server(
    tmp_path: Path, port: int
) -> None:
    write_users(tmp_path, cost=12)
    async with window(tmp_path, port, "alice") as alice:
        await alice.until("● connected")


async def test_joined_window_goes_on_after_the_other_window_has_quit(
    tmp_path: Path, port: int
) -> None:
    write_users(tmp_path)
    other = LocalServer.start(tmp_path, tmp_path, port)
    async with window(tmp_path, port, "bob") as bob:
        await bob.until("● connected")
        assert bob.server.joined_existing
        other.stop()
        await bob.until("This window has started the local server again.")
        await bob.until("● connected")
        assert not bob.server.joined_existing


async def test_window_does_not_claim_a_server_that_another_window_started_again(
    tmp_path: Path, port: int
) -> None:
    write_users(tmp_path)
    other = LocalServer.start(tmp_path, tmp_path, port)
    try:
        async with window(tmp_path, port, "bob") as bob:
            await bob.until("● connected")
            joined = LocalServer.start(tmp_path, tmp_path, port)
            bob.app.post_message(LocalServerChecked(joined))
            await bob.until("Another window has started the local server again.")
    finally:
        other.stop()


async def test_sign_in_starts_a_gone_local_server_again(tmp_path: Path, port: int) -> None:
    write_users(tmp_path)
    other = LocalServer.start(tmp_path, tmp_path, port)
    async with window(tmp_path, port, "bob") as bob:
        await bob.until("● connected")
        bob.app.controller.sign_out()
        await bob.until(wording.SIGNED_OUT)
        other.stop()
        await bob.sign_in()
        await bob.until("● connected")

"""The real client with a real server: sign in, chat, reconnect and quit."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from chat_server.accounts.demo import DEMO_PASSWORD
from chat_tui.events import ConnectionState
from chat_tui.model.entries import EntryState
from chat_tui.storage.state import ClientState
from chat_tui.ui.app import ChatApp, LaunchOptions
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.side_list import SideList
from tests.support.server_program import ServerProgram
from tests.support.wait_until import WAIT_TIMEOUT, poll
from tests.support.wire_client import WireClient


class Alice:
    """The running client of alice, and its pilot."""

    def __init__(self, app: ChatApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.model = app.session.model

    async def until(self, condition: Callable[[], object], timeout: float = WAIT_TIMEOUT) -> None:
        """Run the client until the condition is true."""
        for _ in poll(condition, timeout=timeout):
            await self.pilot.pause(0.01)

    async def sign_in(self) -> None:
        """Type the password, press Enter, and wait for the chat."""
        await self.type(DEMO_PASSWORD)
        await self.pilot.press("enter")
        await self.until(lambda: self.app.current_mode == "chat" and self.is_online)
        await self.until(lambda: self.model.people.everyone)
        await self.until(lambda: isinstance(self.app.focused, Composer))

    async def type(self, text: str) -> None:
        await self.pilot.press(*text)

    async def submit(self, text: str) -> None:
        """Type a line and press Enter."""
        await self.type(text)
        await self.pilot.press("enter")

    @property
    def is_online(self) -> bool:
        return self.model.connection.state is ConnectionState.ONLINE

    @property
    def log(self) -> list[str]:
        """Return "author: text" of each message in the log of the current room."""
        return [f"{entry.author}: {entry.text}" for entry in self.model.log if entry.author]

    def log_contains(self, text: str) -> bool:
        """Return True if the log of the current room has an entry with this text."""
        return any(entry.text == text for entry in self.model.log)

    def states(self) -> list[EntryState]:
        return [entry.state for entry in self.model.log if entry.own]

    async def click_row(self, rows_id: str, key: str) -> None:
        """Click on a row of a sidebar."""
        rows = self.app.screen.query_one(rows_id, SideList)
        await self.until(lambda: any(row.key == key for row in rows._rows))
        await self.pilot.pause()
        await self.pilot.click(rows, offset=(4, rows.get_option_index(key)))


@asynccontextmanager
async def alice_at(port: int, folder: Path) -> AsyncIterator[Alice]:
    app = ChatApp(LaunchOptions("127.0.0.1", port, "alice"), ClientState(folder / "state"))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        yield Alice(app, pilot)


def plain_client(port: int, name: str) -> WireClient:
    """Return a plain-socket client that follows everyone."""
    client = WireClient("127.0.0.1", port)
    client.send(f"LOGIN {name} {DEMO_PASSWORD}", "/subscribe *")
    while client.read_line() != "[SERVER] Subscribed to *":
        pass
    return client


async def test_client_chats_with_netcat_user(
    server_program: ServerProgram, tmp_path: Path, require_program: Callable[[str], Path]
) -> None:
    netcat = require_program("nc")
    async with alice_at(server_program.port, tmp_path) as alice:
        await alice.sign_in()
        with subprocess.Popen(
            [netcat, "127.0.0.1", str(server_program.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        ) as bob:
            assert bob.stdin is not None
            assert bob.stdout is not None
            bob.stdin.write(f"LOGIN bob {DEMO_PASSWORD}\n/subscribe alice\nhello [red]alice[/]\n")
            await alice.until(lambda: alice.log == ["bob: hello [red]alice[/]"])
            await alice.submit("hello bob")
            await alice.until(lambda: alice.states() == [EntryState.SENT])
            lines: list[str] = []
            while "alice: hello bob" not in "".join(lines):
                lines.append(await asyncio.to_thread(bob.stdout.readline))
            bob.stdin.write("/quit\n")
            bob.stdin.close()
            assert "[SERVER] Goodbye\n" in await asyncio.to_thread(bob.stdout.readlines)
        await alice.until(lambda: any("bob left" in entry.text for entry in alice.model.log))


async def test_click_switches_room(server_program: ServerProgram, tmp_path: Path) -> None:
    with (
        plain_client(server_program.port, "bob") as bob,
        plain_client(server_program.port, "carol") as c,
    ):
        bob.send("/join dev")
        bob.expect("[SERVER] Joined room 'dev'")
        async with alice_at(server_program.port, tmp_path) as alice:
            await alice.sign_in()
            await alice.click_row("#room-rows", "dev")
            # Submitted before the server confirms the join. The message must still reach dev.
            await alice.submit("which room is this?")
            bob.expect_message("alice", "which room is this?")
            await alice.until(lambda: alice.model.room == "dev")
            await alice.until(lambda: alice.states() == [EntryState.SENT])
            bob.send("dev")
            await alice.until(lambda: alice.log[-1] == "bob: dev")
            c.expect_silence()
            await alice.click_row("#room-rows", "lobby")
            await alice.until(lambda: alice.model.room == "lobby")
            assert alice.log == []


async def test_click_toggles_follow(server_program: ServerProgram, tmp_path: Path) -> None:
    with plain_client(server_program.port, "bob") as bob:
        async with alice_at(server_program.port, tmp_path) as alice:
            await alice.sign_in()
            await alice.click_row("#people-rows", "*")
            await alice.until(lambda: not alice.model.people.everyone)
            bob.send("unheard")
            assert bob.request("/who") == "[SERVER] In room 'lobby': alice, bob"
            await alice.click_row("#people-rows", "bob")
            await alice.until(lambda: alice.model.people.follows("bob"))
            bob.send("heard")
            await alice.until(lambda: alice.log == ["bob: heard"])


async def test_client_reconnects_after_server_loss(
    server_program: ServerProgram, tmp_path: Path
) -> None:
    async with alice_at(server_program.port, tmp_path) as alice:
        await alice.sign_in()
        await alice.submit("/join dev")
        await alice.until(lambda: alice.model.room == "dev")
        await alice.submit("/subscribe bob")
        await alice.until(lambda: alice.log_contains("Subscribed to bob"))
        await alice.submit("before")
        await alice.until(lambda: alice.states() == [EntryState.SENT])
        server_program.kill()
        await alice.until(lambda: alice.model.connection.state is ConnectionState.WAITING)
        await alice.submit("typed while disconnected")
        assert alice.app.screen.query_one(Composer).text == "typed while disconnected"
        assert "alice: before" in alice.log
        server_program.start()
        await alice.pilot.press("ctrl+r")
        await alice.until(lambda: alice.is_online and alice.model.room == "dev")
        with plain_client(server_program.port, "bob") as bob:
            bob.send("/join dev")
            bob.expect("[SERVER] Joined room 'dev'")
            bob.send("welcome back")
            await alice.until(lambda: alice.log[-1] == "bob: welcome back")
            await alice.pilot.press("enter")
            bob.expect_message("alice", "typed while disconnected")
            await alice.until(lambda: alice.states()[-1] is EntryState.SENT)
            assert alice.app.screen.query_one(Composer).text == ""
            await alice.submit("/subs")
            await alice.until(lambda: alice.log_contains("Subscriptions: *, alice, bob"))


async def test_login_elsewhere_shows_form_without_reconnecting(
    server_program: ServerProgram, tmp_path: Path
) -> None:
    async with alice_at(server_program.port, tmp_path) as alice:
        await alice.sign_in()
        with plain_client(server_program.port, "alice") as other:
            await alice.until(lambda: alice.app.current_mode == "login")
            message = str(alice.app.login.query_one("#message", Static).content)
            assert "alice" in message
            assert other.request("/who") == "[SERVER] In room 'lobby': alice"
        await alice.sign_in()


async def test_wrong_password_keeps_form(server_program: ServerProgram, tmp_path: Path) -> None:
    async with alice_at(server_program.port, tmp_path) as alice:
        await alice.type("wrong-password")
        await alice.pilot.press("enter")
        message = alice.app.login.query_one("#message", Static)
        await alice.until(lambda: "Password or user name is wrong" in str(message.content))
        assert alice.app.login.query_one("#password").value == "wrong-password"  # type: ignore[attr-defined]
        assert alice.app.current_mode == "login"


@pytest.mark.parametrize("state", ["form", "chat", "lost"])
async def test_quit_ends_client_at_once_in_any_state(
    server_program: ServerProgram, tmp_path: Path, state: str
) -> None:
    async with alice_at(server_program.port, tmp_path) as alice:
        if state != "form":
            await alice.sign_in()
        if state == "lost":
            server_program.kill()
            await alice.until(lambda: alice.model.connection.state is ConnectionState.WAITING)
        await alice.pilot.press("ctrl+q")
        await alice.until(lambda: not alice.app.is_running, timeout=5)

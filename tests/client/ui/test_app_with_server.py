"""The whole app on a screen in memory, with the real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import RenderableType
from textual.events import Key
from textual.screen import Screen

from chat_tui.events import ConnectionState
from chat_tui.model.entries import EntryState
from chat_tui.ui.screens.chat import ChatScreen
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.message_log import MessageLog
from chat_tui.ui.widgets.room_list import RoomList
from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.app_harness import press_keys, screen_rows, wait_until
from tests.support.app_with_server import window
from tests.support.restartable_server import RestartableServer
from tests.support.wait_until import poll


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RestartableServer]:
    server = RestartableServer(write_accounts_file(tmp_path / "users.json", PEOPLE)).start()
    yield server
    server.close()


async def test_app_chats_with_netcat_user(server: RestartableServer, tmp_path: Path) -> None:
    async with window(server, tmp_path) as alice:
        bob = server.log_in("bob")
        await alice.until("bob joined", "lobby · 2 here", "◉ bob")
        bob.send("hello from netcat")
        await alice.until("bob  hello from netcat")
        await alice.type("hello from the screen")
        assert bob.read_line().endswith("alice: hello from the screen")  # type: ignore[union-attr]
        await wait_until(
            alice.pilot,
            lambda: [e.state for e in alice.app.session.model.log if e.own] == [EntryState.SENT],
        )
        await alice.type("/subs")
        await alice.until("·  Subscriptions: *")
        await alice.type("/who nowhere")
        await alice.until("!  No such room: nowhere")
        await alice.type("/subscrbe bob")
        await alice.until("/subscrbe is not a command. Tab: /subscribe bob")


async def test_text_typed_after_room_click_is_sent_to_room(
    server: RestartableServer, tmp_path: Path
) -> None:
    async with window(server, tmp_path) as alice:
        here, there = server.log_in("bob"), server.log_in("carol", "/join dev")
        await alice.until("dev")
        rooms = alice.app.chat.query_one(RoomList)
        row = next(n for n, text in enumerate(screen_rows(alice.app, rooms)) if "dev" in text)
        await alice.pilot.click(offset=(rooms.region.x + 5, rooms.region.y + row))
        await alice.type("said in dev")
        await alice.until("▸ dev", "dev · 2 here")
        assert there.read_line().endswith("alice: said in dev")  # type: ignore[union-attr]
        here.send("/subs")
        assert here.read_line() == "[SERVER] Subscriptions: *"


async def test_app_reconnects_after_server_restart(
    server: RestartableServer, tmp_path: Path
) -> None:
    async with window(server, tmp_path) as alice:
        await alice.type("/join dev")
        await alice.until("▸ dev")
        await alice.type("before")
        await alice.until("you  before")
        server.stop()
        await alice.until("✕ connection lost")
        assert "you  before" in alice.shown()
        await alice.type("kept")
        await alice.until("kept", on=alice.app.chat.query_one("#composer"))
        server.start()
        await press_keys(alice.pilot, "ctrl+r")
        await alice.until("● connected", "▸ dev", "◉ everyone")
        await press_keys(alice.pilot, "enter")
        await alice.until("you  kept")
        assert "no connection from" in alice.shown()


async def test_login_elsewhere_shows_form_and_allows_sign_in(
    server: RestartableServer, tmp_path: Path
) -> None:
    async with window(server, tmp_path) as alice:
        server.log_in("alice")
        await alice.until("alice signed in somewhere else", "Sign in")
        await alice.type("pw-of-alice")
        await alice.until("● connected")


async def test_wrong_password_then_correct_password_signs_in(
    server: RestartableServer, tmp_path: Path
) -> None:
    async with window(server, tmp_path, sign_in=False) as alice:
        await alice.type("wrong")
        await alice.until("Password or user name is wrong.")
        await alice.type("pw-of-alice")
        await alice.until("● connected")


async def test_sign_in_to_stopped_server_shows_error(
    server: RestartableServer, tmp_path: Path
) -> None:
    server.stop()
    async with window(server, tmp_path, sign_in=False) as alice:
        await alice.type("pw-of-alice")
        await alice.until("Nothing listens at 127.0.0.1")


@pytest.mark.slow
async def test_app_stays_responsive_during_message_flood(
    server: RestartableServer, tmp_path: Path
) -> None:
    lines = 5_000
    async with window(server, tmp_path) as alice:
        bob = server.log_in("bob")
        await alice.until("bob joined")
        bob.send_raw(
            "".join(f"line {number} {'words ' * 15}\n" for number in range(lines)).encode()
        )
        model = alice.app.session.model
        log = alice.app.chat.query_one(MessageLog)
        composer = alice.app.chat.query_one(Composer)
        taken = [model.log.end]  # lines in the model, each time that a key was handled
        while f"line {lines - 1} " not in alice.shown(log):
            typed = len(composer.text)
            alice.app.post_message(Key("x", "x"))
            for _ in poll(lambda n=typed: len(composer.text) > n, "the key is handled"):  # type: ignore[misc]
                await asyncio.sleep(0)
            taken.append(model.log.end)
        # While the flood is taken in, no key waits for more than five pumps of 500 lines.
        assert max(later - earlier for earlier, later in pairwise(taken)) <= 2500
        numbers = [entry.text.split()[1] for entry in model.log if entry.author == "bob"]
        assert numbers == [str(number) for number in range(lines)]
        assert model.connection.state is ConnectionState.ONLINE


async def test_quit_ends_every_thread(server: RestartableServer, tmp_path: Path) -> None:
    async with window(server, tmp_path) as alice:
        bob = server.log_in("bob")
        await alice.until("bob joined")
        bob.send("/presence on")
        bob.expect("[SERVER] Presence on")
        await press_keys(alice.pilot, "ctrl+q")
    assert alice.app.return_code == 0
    bob.expect(
        "[SERVER] alice left room 'lobby'"
    )  # the `nothing_left_behind` fixture checks the threads


async def test_first_frame_of_the_chat_holds_rooms_and_people(
    server: RestartableServer, tmp_path: Path
) -> None:
    server.log_in("bob")
    server.log_in("carol", "/join dev")
    async with window(server, tmp_path, sign_in=False) as alice:
        frames: list[str] = []
        display = alice.app._display

        def record(screen: Screen[object], renderable: RenderableType | None) -> None:
            display(screen, renderable)
            if isinstance(screen, ChatScreen) and screen is alice.app.screen:
                frames.append(alice.shown())

        alice.app._display = record  # type: ignore[method-assign]
        await alice.type("pw-of-alice")
        await alice.until("● connected")
        for text in ("▸ lobby", "  dev", "◉ bob", "· alice (you)", "lobby · 2 here"):
            assert text in frames[0]

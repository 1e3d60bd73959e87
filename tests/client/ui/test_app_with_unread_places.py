"""Unread places, kept messages and the search on a server, with the whole app and a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_tui.ui.screens.found import FoundScreen
from chat_tui.ui.widgets.message_log import MessageLog
from chat_tui.ui.widgets.room_list import RoomList
from chat_tui.ui.widgets.search_bar import SearchBar
from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.app_harness import press_keys, wait_until
from tests.support.app_with_server import AppWithServerHarness, window
from tests.support.restartable_server import RestartableServer, texts_until
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

SUBSCRIPTIONS = "[SERVER] Subscriptions: "


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RestartableServer]:
    server = RestartableServer(write_accounts_file(tmp_path / "users.json", PEOPLE))
    server.start(history=tmp_path / "history.db")
    yield server
    server.close()


def rooms(app: AppWithServerHarness) -> list[str]:
    """Return the rows of the list of rooms that hold text."""
    rows = app.shown(app.app.chat.query_one(RoomList)).split("\n")[2:-1]
    return [" ".join(row.strip(" ▌").split()) for row in rows if row.strip(" ▌")]


async def until_rooms(app: AppWithServerHarness, *expected: str) -> None:
    await wait_until(app.pilot, lambda: rooms(app) == list(expected), f"rooms {expected}")


def until_alone(user: WireClient) -> None:
    """Wait until the server has noticed that the others in the room have left."""

    def is_alone() -> bool:
        user.send("/who")
        while "In room" not in (line := user.read_line() or ""):
            assert line, "the server has closed the connection"
        return "," not in line

    until(is_alone, "the others are still in the room")


async def test_nothing_is_missed_elsewhere_and_over_a_restart_of_the_client(
    server: RestartableServer, tmp_path: Path
) -> None:
    bob = server.log_in("bob", "/join dev")
    async with window(server, tmp_path, sign_in=False) as alice:
        await alice.sign_in("◉ everyone")
        await alice.type("/join dev")
        await alice.until("dev · 2 here")
        await alice.type("/leave")
        await alice.until("lobby · 1 here")
        bob.send("one", "alice, look", "three")
        await until_rooms(alice, "▸ lobby", "dev 3 @1")
        await alice.until("3 unread elsewhere", "Alt+A Next unread")

        await press_keys(alice.pilot, "alt+a")
        await alice.until("dev · 2 here", "alice, look", "new since", "three")
        await until_rooms(alice, "lobby", "▸ dev")
        bob.send("/leave")
        await alice.type("/leave")
        await alice.until("lobby · 2 here")
        await until_rooms(alice, "▸ lobby", "dev")

    until_alone(bob)
    bob.send("/join dev", "while you were away, alice", "/msg alice psst", "/leave", "/subs")
    assert "[SERVER] Kept for alice" in texts_until(bob, SUBSCRIPTIONS)
    async with window(server, tmp_path, sign_in=False) as alice:
        await alice.sign_in("◉ everyone")
        await until_rooms(alice, "▸ lobby", "dev 1 @1", "PRIVATE", "bob 1")
        await press_keys(alice.pilot, "alt+a")
        await alice.until("dev · 1 here", "while you were away, alice")
        await press_keys(alice.pilot, "alt+a")
        await alice.until("bob · private", "psst")
        await until_rooms(alice, "lobby", "• dev", "PRIVATE", "▸ bob")


async def test_private_message_to_a_user_who_is_away_is_kept(
    server: RestartableServer, tmp_path: Path
) -> None:
    server.log_in("bob").close()  # bob follows everyone from now on
    async with window(server, tmp_path) as alice:
        alice.app.chat.navigator.open_conversation("bob")
        await alice.until("bob · private")
        await alice.type("lunch?")
        await alice.until("kept until bob is back")
        bob = server.log_in("bob")
        bob.send("/history with alice", "/msg alice yes", "/subs")
        assert "lunch?" in texts_until(bob, SUBSCRIPTIONS)
        await alice.until("yes")
        await wait_until(alice.pilot, lambda: "kept until" not in alice.shown())


async def test_search_finds_what_the_log_does_not_have_any_more(
    server: RestartableServer, tmp_path: Path
) -> None:
    bob = server.log_in("bob")
    bob.send("the needle is here", *(f"line {number}" for number in range(120)), "/subs")
    texts_until(bob, SUBSCRIPTIONS)
    async with window(server, tmp_path, sign_in=False) as alice:
        await alice.sign_in("◉ everyone", "line 119")
        await press_keys(alice.pilot, "ctrl+f", *"needle")
        await alice.until("Enter: search on the server", on=alice.app.chat.query_one(SearchBar))
        await press_keys(alice.pilot, "enter")
        await alice.until("1 message with: needle", "the needle is here")
        await press_keys(alice.pilot, "enter")
        await wait_until(alice.pilot, lambda: not isinstance(alice.app.screen, FoundScreen))
        log = alice.app.chat.query_one(MessageLog)
        await alice.until("the needle is here", "line 1 ", on=log)
        await press_keys(alice.pilot, "escape", "ctrl+end")
        await alice.until("line 119", on=log)

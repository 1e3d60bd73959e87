"""The search that goes on in the server's history: the list of hits, their surroundings, errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_server.wire import history_replies
from chat_server.wire.protocol import Action, Message
from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    HistoryPage,
    HistoryRequestFailed,
    Joined,
    NotKept,
    PageKind,
)
from chat_tui.ui.screens.found import FoundScreen
from chat_tui.ui.widgets.message_log import MessageLog
from chat_tui.ui.widgets.search_bar import SearchBar
from tests.support.app_harness import HOSTILE, AppHarness, chat
from tests.support.fake_session import COMMANDS

WITH_HISTORY = (*COMMANDS, "/msg", "/me", "/history", "/search", "/unread", "/stamps")


def stamp(minute: int, day: int = 21) -> str:
    return f"2026-11-{day}T14:{minute:02}:00.000000+00:00"


def message(minute: int, text: str, author: str = "bob") -> Message:
    return Message(stamp(minute), author, text, past=True)


def found(*messages: Message | Action | NotKept) -> HistoryPage:
    return HistoryPage("lobby", PageKind.FOUND, messages)


def hits(harness: AppHarness) -> list[str]:
    """Return the rows of the list of hits."""
    rows = harness.rows(harness.app.screen.query_one("#found-rows"))
    return [row.strip() for row in rows if row.strip()]


def is_list_shown(harness: AppHarness) -> bool:
    return isinstance(harness.app.screen, FoundScreen)


def bar(harness: AppHarness) -> str:
    return harness.screen_text(harness.app.chat.query_one(SearchBar))


async def search(harness: AppHarness, text: str) -> None:
    """Search for a text that the log does not have, and go on at the server."""
    await harness.press("ctrl+f", *text)
    await harness.until(lambda: "Enter: search on the server" in bar(harness))
    await harness.press("enter")
    await harness.until(lambda: is_list_shown(harness))


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_search_goes_on_at_the_server_when_the_log_ends(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with chat(tmp_path, size=size, commands=WITH_HISTORY) as harness:
        await harness.receive("bob", "the build is red", "nothing", "the Build is green")
        await harness.press(*"draft", "ctrl+f", *"build")
        await harness.until(lambda: "2/2" in bar(harness))
        assert "server" not in bar(harness)
        await harness.press("enter")
        await harness.until(lambda: "1/2 · Enter: on the server" in bar(harness))
        assert harness.session.calls == []
        await harness.press("enter")
        await harness.until(lambda: "Searching the messages of lobby" in harness.screen_text())
        assert harness.session.calls == [("search_history", "build")]
        long = f"{'word ' * 60}and then the build broke {'again ' * 60}"
        harness.session.emit(
            found(message(1, "build one", "alice"), message(2, long), message(3, "last build"))
        )
        await harness.until(lambda: len(hits(harness)) == 3)
        assert "3 messages with: build" in harness.screen_text()
        newest, middle, oldest = hits(harness)
        assert newest.startswith("21 Nov 14:03  bob  last build")
        assert "the build" in middle
        assert oldest.startswith("21 Nov 14:01  you  build one")
        await harness.press("escape")
        await harness.until(lambda: "1/2" in bar(harness))
        await harness.press("escape")
        await harness.until(lambda: not harness.app.chat.query_one(SearchBar).is_open)
        assert harness.app.chat.query_one("#composer").has_focus
        assert "draft" in harness.screen_text()
        assert harness.app.chat.query_one(MessageLog).following


async def test_chosen_hit_opens_its_surroundings(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        await harness.receive("bob", "today")
        await search(harness, "build")
        harness.session.emit(found(message(2, "build"), message(3, "build again")))
        await harness.until(lambda: len(hits(harness)) == 2)
        await harness.press("down", "enter")
        await harness.until(lambda: not is_list_shown(harness))
        await harness.until(
            lambda: ("request_around", "lobby", stamp(2)) in harness.session.calls,
            "the surroundings are requested",
        )
        log = harness.app.chat.query_one(MessageLog)
        around = (message(1, "before"), message(2, "build"), message(3, "build again"))
        harness.session.emit(
            HistoryPage("lobby", PageKind.AROUND, around, earlier=stamp(1), later=stamp(3))
        )
        await harness.until(lambda: "build again" in harness.screen_text(log))
        assert any(row.startswith("▌") and "build" in row for row in harness.rows(log))
        await harness.press("end")
        await harness.until(lambda: "today" in harness.screen_text(log))


async def test_author_term_filters_what_the_server_finds(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        await search(harness, "from:carol red build")
        assert harness.session.calls == [("search_history", "red build")]
        harness.session.emit(
            found(message(1, "build red", "carol"), message(2, "build red"), NotKept(3))
        )
        await harness.until(lambda: len(hits(harness)) == 1)
        assert "carol" in hits(harness)[0]
        await harness.press("escape", "escape", "ctrl+f", *"from:erin")
        await harness.until(lambda: "nothing found · add a word" in bar(harness))
        await harness.press("enter")
        await harness.settle()
        assert harness.session.calls == [("search_history", "red build")]


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (history_replies.SEARCH_TOO_SLOW, "use rarer words"),
        (history_replies.HISTORY_UNAVAILABLE, "try again in a moment"),
        ("something else", "something else"),
    ],
)
async def test_failed_search_says_what_to_do(tmp_path: Path, reason: str, shown: str) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        await search(harness, "build")
        harness.session.emit(HistoryRequestFailed("lobby", PageKind.FOUND, reason))
        await harness.until(lambda: shown in harness.screen_text())
        await harness.press("enter")
        assert is_list_shown(harness)


async def test_search_without_hits_or_without_connection_says_so(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        await search(harness, "build")
        harness.session.emit(found())
        await harness.until(lambda: "has all of these words: build" in harness.screen_text())
        await harness.press("escape", "enter")
        await harness.until(lambda: is_list_shown(harness))
        harness.session.emit(ConnectionChanged(ConnectionState.WAITING, "gone", 3.0))
        await harness.until(lambda: "The connection was lost." in harness.screen_text())
        harness.session.emit(found(message(1, "build")))  # too late
        await harness.settle()
        assert "The connection was lost." in harness.screen_text()


async def test_hit_is_not_opened_in_another_room(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        await search(harness, "build")
        harness.session.emit(found(message(1, "build")))
        await harness.until(lambda: len(hits(harness)) == 1)
        harness.session.emit(Joined("dev"))
        await harness.press("enter")
        await harness.until(lambda: "You are not in lobby any more" in harness.notices())
        assert not any(call[0] == "request_around" for call in harness.session.calls)


async def test_hostile_text_in_hits_is_shown_as_text(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        await search(harness, "red")
        harness.session.emit(found(message(1, HOSTILE, "bob")))
        await harness.until(lambda: len(hits(harness)) == 1)
        assert "[/] [red]x[/red]" in hits(harness)[0]
        assert hits(harness)[0].isprintable()


@pytest.mark.parametrize("commands", [COMMANDS, (*COMMANDS, "/history", "/stamps")])
async def test_search_stays_in_the_log_if_the_server_cannot_search(
    tmp_path: Path, commands: tuple[str, ...]
) -> None:
    async with chat(tmp_path, commands=commands) as harness:
        await harness.receive("bob", "build one", "build two")
        await harness.press("ctrl+f", *"build")
        await harness.until(lambda: "2/2" in bar(harness))
        await harness.press("enter")
        await harness.until(lambda: "1/2" in bar(harness))
        assert "server" not in bar(harness)
        await harness.press("enter")
        await harness.until(lambda: "2/2" in bar(harness))
        assert harness.session.calls == []


@pytest.mark.parametrize(("columns", "result"), [(120, "search on the server"), (40, "⏎ server")])
async def test_field_of_the_search_stays_readable_in_a_narrow_window(
    tmp_path: Path, columns: int, result: str
) -> None:
    async with chat(tmp_path, size=(columns, 20), commands=WITH_HISTORY) as harness:
        await harness.press("ctrl+f", *"twelvecells")
        await harness.until(lambda: result in bar(harness))
        assert "twelvecells" in bar(harness)
        assert "✕" in bar(harness)
        await harness.press("ctrl+u", *"from:erin")
        await harness.until(lambda: "add a word" in bar(harness))
        assert "from:erin" in bar(harness)

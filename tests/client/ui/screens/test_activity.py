"""Activity on the screen: unread counts, recent speakers, the title, muted rooms."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.widget import Widget

from chat_server.wire.protocol import EVERYONE, Message, PrivateMessage
from chat_tui.events import Joined, MembersListed, MessageArrived
from chat_tui.model.location import Location
from chat_tui.ui.app import ChatApp
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.people_list import PeopleList
from chat_tui.ui.widgets.room_list import RoomList
from tests.support.app_harness import AppHarness, chat


@pytest.fixture
def sequences_written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the control sequences sent to the terminal, without the drawing of the screen."""
    sequences: list[str] = []
    monkeypatch.setattr(
        ChatApp, "write_to_terminal", lambda self, sequence: sequences.append(sequence)
    )
    return sequences


def people(harness: AppHarness) -> list[list[str]]:
    sidebar: Widget = harness.app.chat.query_one(PeopleList)
    return [row.strip(" ▌").split() for row in harness.rows(sidebar) if row.strip(" ▌")]


async def unfocus_app(harness: AppHarness) -> None:
    harness.app.post_message(events.AppBlur())
    await harness.until(lambda: not harness.app.app_focus)


def header(harness: AppHarness) -> str:
    return harness.screen_text(harness.app.chat.query_one("#room-header")).strip()


async def test_unfocused_window_counts_messages_and_rings_for_mentions(
    tmp_path: Path, sequences_written: list[str]
) -> None:
    async with chat(tmp_path, follows=("bob",)) as harness:
        await harness.until(lambda: "\x1b]2;lobby\x07" in sequences_written)
        await harness.receive("bob", "hello")
        await harness.until(
            lambda: ["●", "bob", "‹"] in people(harness), "bob is marked as a recent speaker"
        )
        assert header(harness) == "lobby · 4 here"

        await unfocus_app(harness)
        await harness.receive("bob", "one", "two")
        await harness.receive("carol", "three, alice")
        await harness.until(
            lambda: ["○", "carol", "‹", "1"] in people(harness), "carol's unread count is shown"
        )
        assert ["●", "bob", "‹", "2"] in people(harness)
        assert header(harness) == "(3) lobby · 4 here"
        assert sequences_written[-1] == "\x1b]2;(3) lobby\x07"
        assert sequences_written.count("\x07") == 1
        await harness.receive("zoe", "from outside")
        await harness.until(
            lambda: ["○", "zoe", "‹", "1"] in people(harness),
            "zoe is listed although she is not in the room",
        )

        harness.app.post_message(events.AppFocus())
        await harness.until(
            lambda: ["●", "bob", "‹"] in people(harness), "the unread counts are cleared"
        )
        assert header(harness) == "lobby · 4 here"
        assert sequences_written[-1] == "\x1b]2;lobby\x07"
    assert sequences_written[-1] == "\x1b]2;\x07\x1b[23;2t"


async def test_scrolled_up_log_counts_messages_without_bell(
    tmp_path: Path, sequences_written: list[str]
) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive("bob", *(f"line {number}" for number in range(60)))
        await harness.press("pageup")
        await harness.receive("bob", "alice?")
        await harness.until(lambda: header(harness) == "(1) lobby · 4 here")
        assert "\x07" not in sequences_written
        harness.session.emit(Joined("dev"))
        rooms = harness.app.chat.query_one(RoomList)
        await harness.until(lambda: harness.rows(rooms)[2].split() == ["lobby", "(1)"])
        assert header(harness).startswith("(1) dev")
        harness.session.emit(Joined("lobby"), MembersListed("lobby", ("alice", "bob", "x", "y")))
        await harness.until(lambda: header(harness) == "lobby · 4 here")


async def test_notices_show_configured_keys(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        harness.app.set_keymap({"mute": "f12", "mouse": "f9"})
        await harness.press("f12")
        await harness.until(lambda: "F12 unmutes" in harness.notices())
        await harness.press("f9")
        await harness.until(lambda: "F9 captures" in harness.notices())


async def test_mute_key_mutes_room_and_f8_follows_everyone(
    tmp_path: Path, sequences_written: list[str]
) -> None:
    async with chat(tmp_path) as harness:
        await harness.press("ctrl+t")
        await harness.until(lambda: header(harness) == "lobby · 4 here · muted")
        assert "Ctrl+T unmutes" in harness.notices()
        assert "no bell" in harness.screen_text()
        assert harness.rows(harness.app.chat.query_one(RoomList))[2].split() == [
            "▸",
            "lobby",
            "⊘",
            "4",
        ]
        await unfocus_app(harness)
        harness.session.emit(MessageArrived("lobby", Message("21:00:00", "bob", "alice!")))
        await harness.until(lambda: ["○", "bob", "‹", "1"] in people(harness))
        assert header(harness) == "lobby · 4 here · muted"
        assert "\x07" not in sequences_written
        harness.app.post_message(events.AppFocus())
        await harness.until(lambda: harness.app.app_focus)
        await harness.press("ctrl+t", "f8")
        await harness.until(lambda: header(harness) == "lobby · 4 here")
        assert harness.session.calls == [("toggle_follow", EVERYONE)]
        assert harness.app.focused is harness.app.chat.query_one(Composer)


async def test_room_messages_are_counted_while_private_conversation_is_shown(
    tmp_path: Path, sequences_written: list[str]
) -> None:
    async with chat(tmp_path) as harness:
        harness.model.view(Location("@bob"))
        private_message = PrivateMessage("21:00:00", "bob", "alice", "psst")
        harness.session.emit(MessageArrived("lobby", private_message))
        await harness.receive("carol", "to all")
        await harness.until(lambda: ["○", "carol", "‹", "1"] in people(harness))
        assert ["○", "bob", "‹"] in people(harness)
        await unfocus_app(harness)
        harness.session.emit(MessageArrived("lobby", private_message))
        await harness.until(lambda: ["○", "bob", "‹", "1"] in people(harness))
        await harness.until(lambda: sequences_written[-1] == "\x1b]2;(2) @bob\x07")
        assert sequences_written.count("\x07") == 1


async def test_names_of_speakers_with_unread_messages_are_whole(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(130, 30)) as harness:
        await unfocus_app(harness)
        await harness.receive("marguerite", "hello")
        await harness.until(
            lambda: ["○", "marguerite", "‹", "1"] in people(harness), "the name is whole"
        )

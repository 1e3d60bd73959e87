"""What calls for attention, on the screen: unread, who just spoke, the title, a muted room."""

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
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the terminal is sent beside the picture."""
    kept: list[str] = []
    monkeypatch.setattr(ChatApp, "write_to_terminal", lambda self, sequence: kept.append(sequence))
    return kept


def people(bench: AppHarness) -> list[list[str]]:
    sidebar: Widget = bench.app.chat.query_one(PeopleList)
    return [row.strip(" ▌").split() for row in bench.rows(sidebar) if row.strip(" ▌")]


async def look_away(bench: AppHarness) -> None:
    bench.app.post_message(events.AppBlur())
    await bench.until(lambda: not bench.app.app_focus)


def header(bench: AppHarness) -> str:
    return bench.shown(bench.app.chat.query_one("#room-header")).strip()


async def test_unfocused_window_counts_messages_and_rings_for_mentions(
    tmp_path: Path, written: list[str]
) -> None:
    async with chat(tmp_path, follows=("bob",)) as bench:
        await bench.until(lambda: "\x1b]2;lobby\x07" in written)
        await bench.hear("bob", "hello")
        await bench.until(lambda: ["●", "bob", "‹"] in people(bench), "bob just spoke")
        assert header(bench) == "lobby · 4 here"

        await look_away(bench)
        await bench.hear("bob", "one", "two")
        await bench.hear("carol", "three, alice")
        await bench.until(lambda: ["○", "carol", "‹", "1"] in people(bench), "carol's number")
        assert ["●", "bob", "‹", "2"] in people(bench)
        assert header(bench) == "(3) lobby · 4 here"
        assert written[-1] == "\x1b]2;(3) lobby\x07"
        assert written.count("\x07") == 1
        await bench.hear("zoe", "from outside")
        await bench.until(lambda: ["○", "zoe", "‹", "1"] in people(bench), "zoe, who left since")

        bench.app.post_message(events.AppFocus())
        await bench.until(lambda: ["●", "bob", "‹"] in people(bench), "no number")
        assert header(bench) == "lobby · 4 here"
        assert written[-1] == "\x1b]2;lobby\x07"
    assert written[-1] == "\x1b]2;\x07\x1b[23;2t"


async def test_scrolled_up_log_counts_messages_without_bell(
    tmp_path: Path, written: list[str]
) -> None:
    async with chat(tmp_path) as bench:
        await bench.hear("bob", *(f"line {number}" for number in range(60)))
        await bench.press("pageup")
        await bench.hear("bob", "alice?")
        await bench.until(lambda: header(bench) == "(1) lobby · 4 here")
        assert "\x07" not in written
        bench.session.tell(Joined("dev"))
        rooms = bench.app.chat.query_one(RoomList)
        await bench.until(lambda: bench.rows(rooms)[2].split() == ["lobby", "(1)", "4"])
        assert header(bench).startswith("(1) dev")
        bench.session.tell(Joined("lobby"), MembersListed("lobby", ("alice", "bob", "x", "y")))
        await bench.until(lambda: header(bench) == "lobby · 4 here")


async def test_notices_show_configured_keys(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        bench.app.set_keymap({"mute": "f12", "mouse": "f9"})
        await bench.press("f12")
        await bench.until(lambda: "F12 ends" in bench.shown())
        await bench.press("f9")
        await bench.until(lambda: "F9 ends" in bench.shown())


async def test_mute_key_mutes_room_and_f8_follows_everyone(
    tmp_path: Path, written: list[str]
) -> None:
    async with chat(tmp_path) as bench:
        await bench.press("ctrl+t")
        await bench.until(lambda: header(bench) == "lobby · 4 here · muted")
        assert "Ctrl+T ends" in bench.shown()
        assert "no bell" in bench.shown()
        assert bench.rows(bench.app.chat.query_one(RoomList))[2].split() == ["▸", "lobby", "⊘", "4"]
        await look_away(bench)
        bench.session.tell(MessageArrived("lobby", Message("21:00:00", "bob", "alice!")))
        await bench.until(lambda: ["○", "bob", "‹", "1"] in people(bench))
        assert header(bench) == "lobby · 4 here · muted"
        assert "\x07" not in written
        bench.app.post_message(events.AppFocus())
        await bench.until(lambda: bench.app.app_focus)
        await bench.press("ctrl+t", "f8")
        await bench.until(lambda: header(bench) == "lobby · 4 here")
        assert bench.session.told == [("toggle_follow", EVERYONE)]
        assert bench.app.focused is bench.app.chat.query_one(Composer)


async def test_room_messages_are_counted_while_private_conversation_is_shown(
    tmp_path: Path, written: list[str]
) -> None:
    async with chat(tmp_path) as bench:
        bench.model.view(Location("@bob"))
        said = PrivateMessage("21:00:00", "bob", "alice", "psst")
        bench.session.tell(MessageArrived("lobby", said))
        await bench.hear("carol", "to all")
        await bench.until(lambda: ["○", "carol", "‹", "1"] in people(bench))
        assert ["○", "bob", "‹"] in people(bench)
        await look_away(bench)
        bench.session.tell(MessageArrived("lobby", said))
        await bench.until(lambda: ["○", "bob", "‹", "1"] in people(bench))
        await bench.until(lambda: written[-1] == "\x1b]2;(2) @bob\x07")
        assert written.count("\x07") == 1

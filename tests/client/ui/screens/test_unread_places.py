"""Unread numbers on the screen, the way to the next unread place, and places that stay listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from chat_server.wire.protocol import Message, PrivateMessage
from chat_tui.events import (
    CaughtUp,
    HistoryPage,
    Joined,
    MembersListed,
    MessageArrived,
    MessageKept,
    MessagePending,
    MessageResent,
    MessageSent,
    MessageUnconfirmed,
    PageKind,
    RoomClosed,
    RoomsListed,
    UnreadListed,
)
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.entries import EntryState
from chat_tui.model.location import Location
from chat_tui.ui.app import ChatApp
from chat_tui.ui.screens.navigation import UnreadRound
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.message_log import MessageLog
from chat_tui.ui.widgets.room_list import RoomList
from chat_tui.ui.widgets.side_list import SideList
from chat_tui.ui.widgets.status_bar import StatusBar
from tests.support.app_harness import AppHarness, SignedInApp, app_with, chat
from tests.support.fake_session import COMMANDS, at

WITH_HISTORY = (*COMMANDS, "/msg", "/me", "/history", "/search", "/unread", "/stamps")


def rooms(harness: AppHarness) -> list[str]:
    """Return the rows of the list of rooms that hold text."""
    rows = harness.rows(harness.app.chat.query_one(RoomList))[2:-1]
    return [" ".join(row.strip(" ▌").split()) for row in rows if row.strip(" ▌")]


def status(harness: AppHarness) -> str:
    return harness.screen_text(harness.app.chat.query_one(StatusBar))


def footer(harness: AppHarness) -> list[str]:
    keys = harness.app.chat.query_one(Footer).query(FooterKey)
    return [f"{key.key_display} {key.description}" for key in keys]


def unread(*places: tuple[str, int, int], is_complete: bool = False) -> UnreadListed:
    return UnreadListed(places, is_complete)


async def test_list_shows_unread_messages_and_mentions_at_the_right_edge(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(120, 30), commands=WITH_HISTORY) as harness:
        harness.session.emit(
            RoomsListed((("lobby", 4), ("dev", 3), ("ops", 1), ("busy", 9))),
            unread(("dev", 3, 1), ("ops", 12, 0), ("busy", 1000, 0), ("@erin", 2, 0)),
        )
        await harness.until(lambda: "PRIVATE" in rooms(harness))
        edges = [
            len(row.rstrip())
            for row in harness.rows(harness.app.chat.query_one(RoomList))
            if row.rstrip()[-1:] in tuple("0123456789+")
        ]
        assert len(edges) == 4
        assert len(set(edges)) == 1
        assert rooms(harness) == [
            "▸ lobby",
            "busy 1000+",
            "dev 3 @1",
            "ops 12",
            "PRIVATE",
            "erin 2",
        ]
        await harness.until(lambda: "1017 unread elsewhere" not in status(harness))
        await harness.until(lambda: "1000+ unread elsewhere" in status(harness))


async def test_list_of_server_without_history_shows_members_as_before(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(120, 30)) as harness:
        harness.session.emit(Joined("dev"))
        harness.session.emit(MessageArrived("lobby", Message("21:03:00", "bob", "alice?")))
        await harness.until(lambda: rooms(harness) == ["lobby (1) 4", "▸ dev 3"])
        assert "unread elsewhere" not in status(harness)


async def test_received_and_reported_messages_are_one_number(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(120, 30), commands=WITH_HISTORY) as harness:
        harness.app.post_message(events.AppBlur())
        await harness.until(lambda: not harness.app.app_focus)
        await harness.receive("bob", "alice, look", "here")
        harness.session.emit(Joined("dev"), MembersListed("dev", ("alice",)))
        harness.session.emit(unread(("lobby", 3, 0)))
        await harness.until(lambda: any("lobby 5 @1" in row for row in rooms(harness)))
        assert "5 unread elsewhere" in status(harness)
        harness.session.emit(Joined("lobby"))
        harness.app.post_message(events.AppFocus())
        await harness.until(lambda: "unread elsewhere" not in status(harness))


async def test_muted_place_shows_its_number_but_does_not_count(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(120, 30), commands=WITH_HISTORY) as harness:
        harness.session.emit(Joined("dev"))
        await harness.press("ctrl+t")
        harness.session.emit(Joined("lobby"), unread(("dev", 3, 1)))
        await harness.until(lambda: any(row.endswith("⊘ 3 @1") for row in rooms(harness)))
        assert "unread elsewhere" not in status(harness)
        await harness.press("alt+a")
        await harness.until(lambda: "except in muted places: dev" in harness.notices())
        assert harness.model.compose_location == "lobby"


@pytest.mark.parametrize("width", [80, 100, 140])
async def test_long_names_leave_room_for_the_numbers(tmp_path: Path, width: int) -> None:
    long = "incidents-of-the-backend-team-2"
    async with chat(tmp_path, size=(width, 30), commands=WITH_HISTORY) as harness:
        harness.session.emit(
            RoomsListed((("lobby", 4), (long, 3), (f"{long}b", 1))),
            unread((long, 1000, 12), (f"{long}b", 4, 0)),
        )
        await harness.until(lambda: len(rooms(harness)) == 3)
        first, second = rooms(harness)[1:]
        assert first.endswith("@12")
        assert second.endswith(" 4")
        assert first.startswith("inc")
        assert second.startswith("inc")


async def test_alt_a_goes_to_mentions_first_then_to_the_oldest(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        harness.session.emit(
            RoomsListed((("lobby", 4), ("dev", 3), ("ops", 1))),
            unread(("ops", 5, 0), ("dev", 3, 1)),
            unread(("@bob", 1, 0)),
        )
        await harness.until(lambda: "Alt+A Next unread" in footer(harness))
        visited: list[str] = []
        for _ in range(3):
            before = harness.model.compose_location
            await harness.press("alt+a")
            await harness.until(lambda: harness.model.compose_location != before)  # noqa: B023
            place = harness.model.compose_location
            visited.append(place)
            if not place.is_private:
                harness.session.emit(Joined(place))
        assert visited == ["dev", "@bob", "ops"]
        assert ("read_private", "bob") in harness.session.calls
        await harness.until(lambda: "Alt+A Next unread" not in footer(harness))
        await harness.press("alt+a")
        await harness.until(lambda: "You have read everything." in harness.notices())
        assert harness.model.compose_location == "ops"


async def test_text_typed_after_alt_a_belongs_to_the_place_that_it_opens(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        harness.session.emit(unread(("dev", 3, 1)))
        await harness.press("1", "enter", "alt+a", "2", "enter")
        await harness.until(lambda: ("submit", "2") in harness.session.calls)
        assert harness.session.calls == [("submit", "1"), ("join", "dev"), ("submit", "2")]
        assert harness.model.compose_location == "dev"


def test_jumps_visit_each_place_once_although_it_stays_unread() -> None:
    model = ChatModel(lambda: at("21:00:00"))
    model.begin("127.0.0.1:9000", "alice")
    jumps = UnreadRound()
    for room in ("dev", "ops", "web"):
        model.apply(Joined(room))
        model.apply(MessageArrived(room, Message("21:03:00", "bob", "alice?")))
    model.apply(Joined("lobby"))

    def jump() -> str:
        place = jumps.next(model, frozenset({"web"}))
        assert place is not None
        model.apply(Joined(place))
        return place

    assert [jump(), jump(), jump()] == ["dev", "ops", "dev"]
    model.apply(MessageArrived("ops", Message("21:03:00", "bob", "again")))
    assert jump() == "ops"
    for room in ("dev", "ops"):
        model.unread.clear(room)
    assert jumps.next(model, frozenset({"web"})) is None


async def test_jump_list_shows_unread_places_first_with_their_numbers(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(120, 30), commands=WITH_HISTORY) as harness:
        harness.session.emit(
            RoomsListed((("lobby", 4), ("aaa", 1), ("dev", 3), ("ops", 1))),
            unread(("ops", 12, 0), ("dev", 3, 1), ("@erin", 2, 0)),
        )
        await harness.press("ctrl+k")
        await harness.until(lambda: "room: aaa" in harness.screen_text())
        rows = [" ".join(row.split("│")[1].split()) for row in harness.rows() if "│" in row]
        assert [row for row in rows if ": " in row][:4] == [
            "room: dev 3 unread, @1 · 3 there",
            "person: erin 2 unread · private conversation",
            "room: ops 12 unread · 1 there",
            "room: aaa 1 there",
        ]


async def test_mention_in_another_room_rings_once_while_the_terminal_is_not_in_front(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences: list[str] = []
    monkeypatch.setattr(
        ChatApp, "write_to_terminal", lambda self, sequence: sequences.append(sequence)
    )
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        harness.app.post_message(events.AppBlur())
        await harness.until(lambda: not harness.app.app_focus)
        harness.session.emit(unread(("dev", 12, 2), ("ops", 3, 1), is_complete=True))
        await harness.until(lambda: "\x1b]2;(15) lobby\x07" in sequences)
        assert sequences.count("\x07") == 1
        harness.session.emit(unread(("dev", 13, 2)))
        await harness.until(lambda: "\x1b]2;(16) lobby\x07" in sequences)
        assert sequences.count("\x07") == 1
        harness.session.emit(unread(("dev", 14, 3)))
        await harness.until(lambda: "\x1b]2;(17) lobby\x07" in sequences)
        assert sequences.count("\x07") == 2


async def test_kept_message_for_conversation_in_view_is_requested_at_once(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        harness.app.chat.navigator.open_conversation("bob")
        harness.session.calls.clear()
        harness.session.emit(unread(("@bob", 1, 0)))
        await harness.until(lambda: ("read_private", "bob") in harness.session.calls)
        await harness.settle()
        assert harness.session.calls == [("read_private", "bob")]


async def test_empty_visited_room_is_forgotten_and_brought_back(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(100, 30), commands=WITH_HISTORY) as harness:
        harness.session.emit(Joined("old"), Joined("lobby"), RoomClosed("old"))
        await harness.until(lambda: rooms(harness) == ["▸ lobby", "dev", "old"])
        await harness.click_on("old", harness.app.chat.query_one(RoomList))
        assert harness.session.calls == [("join", "old")]
        harness.model.room_requested("lobby")
        harness.session.emit(Joined("lobby"))

        await harness.press("f2", "down", "down")
        await harness.until(lambda: any("Forget" in key for key in footer(harness)))
        await harness.press("delete")
        await harness.until(lambda: rooms(harness) == ["▸ lobby", "dev"])
        assert "Forgot room old. Alt+U: undo" in harness.notices()
        await harness.press("alt+u")
        await harness.until(lambda: rooms(harness) == ["▸ lobby", "dev", "old"])
        await harness.press("escape", *"/forget old", "enter")
        await harness.until(lambda: rooms(harness) == ["▸ lobby", "dev"])
        await harness.press(*"/forget dev", "enter")
        await harness.until(lambda: "dev stays in the list while people" in harness.notices())


async def test_conversation_is_forgotten_with_the_palette(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(100, 30), commands=WITH_HISTORY) as harness:
        private = PrivateMessage("21:03:00", "bob", "alice", "psst")
        harness.session.emit(MessageArrived("lobby", private))
        harness.app.chat.navigator.open_conversation("bob")
        await harness.press("ctrl+p", *"forget", "enter")
        await harness.until(lambda: "PRIVATE" not in rooms(harness))
        assert harness.model.location == "lobby"
        await harness.press("alt+u")
        await harness.until(lambda: rooms(harness)[-1] == "bob")


async def test_undo_key_reverses_the_last_of_both_kinds_of_action(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY, follows=("bob",)) as harness:
        harness.model.people.unfollow("bob")
        harness.model.conversations.begin("carol")
        harness.app.chat.forget_place(Location("@carol"))
        await harness.press("alt+u")
        assert harness.model.conversations.listed() == ["carol"]
        await harness.press("alt+u")
        await harness.until(lambda: ("follow", "bob") in harness.session.calls)


async def test_places_of_the_last_session_are_listed_after_a_restart(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        harness.app.controller._place_store.open("127.0.0.1", 9000, "alice")
        private = PrivateMessage("21:03:00", "bob", "alice", "psst")
        harness.session.emit(
            Joined("old"), Joined("lobby"), RoomClosed("old"), MessageArrived("lobby", private)
        )
        await harness.settle()
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        harness.app.controller._place_store.open("127.0.0.1", 9000, "alice")
        harness.app.controller.process_updates()
        await harness.until(lambda: rooms(harness)[2:] == ["old", "PRIVATE", "bob"])
        await harness.click_on("bob", harness.app.chat.query_one(RoomList))
        assert harness.session.calls == [("read_private", "bob")]
        assert harness.app.focused is harness.app.chat.query_one(Composer)
        assert harness.app.chat.query_one("#room-rows", SideList).highlighted is not None


async def test_private_message_that_the_server_keeps_says_so(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        harness.app.chat.navigator.open_conversation("bob")
        log = harness.app.chat.query_one(MessageLog)
        await harness.until(
            lambda: "The server keeps it until then" in " ".join(harness.screen_text(log).split())
        )
        harness.session.emit(MessagePending(1, "@bob", "lunch?"), MessageKept(1))
        await harness.until(lambda: "kept until bob is back" in harness.screen_text(log))
        harness.session.emit(MessageSent(1))
        await harness.until(lambda: "kept until" not in harness.screen_text(log))
        assert harness.model.log[0].state is EntryState.SENT


async def test_unconfirmed_message_becomes_sent_or_sent_again(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        for own_id in (1, 2, 3):
            harness.session.emit(MessagePending(own_id, "lobby", f"text {own_id}"))
            harness.session.emit(MessageUnconfirmed(own_id))
        dismissed = harness.model.unconfirmed[2]
        harness.model.forget_unconfirmed("lobby", dismissed.timestamp, "text 3")
        harness.session.emit(MessageSent(1), MessageResent(2), MessageSent(3))
        states = [entry.state for entry in harness.model.log]
        assert states == [EntryState.SENT, EntryState.RESENT, EntryState.DISMISSED]
        assert harness.model.unconfirmed == []


def past(minute: int, text: str) -> Message:
    return Message(f"2026-11-22T09:{minute:02}:00.000000+00:00", "bob", text, past=True)


def missed(count: int) -> tuple[HistoryPage, CaughtUp]:
    """Return what follows after entering dev, where that many messages were missed."""
    page = tuple(past(number, f"new {number}.") for number in range(count))
    return HistoryPage("dev", PageKind.MISSED, page, since=past(0, "").time), CaughtUp("dev")


async def test_place_with_more_than_a_screen_of_new_messages_begins_at_the_rule(
    tmp_path: Path,
) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY, follows=("bob",)) as harness:
        harness.session.emit(unread(("dev", 50, 0)))
        await harness.press("alt+a")
        harness.session.emit(Joined("dev"))
        await harness.settle()
        harness.session.emit(*missed(50))
        log = harness.app.chat.query_one(MessageLog)
        await harness.until(lambda: "new 0." in harness.screen_text(log))
        assert any("new since" in row for row in harness.rows(log)[:3])
        below = 50 - sum("new " in row and "." in row for row in harness.rows(log))
        assert f"↓ {below} new below" in harness.screen_text(log)
        assert harness.model.unread.count("dev") == 50
        await harness.receive("bob", "a live one")
        await harness.until(lambda: f"↓ {below + 1} new below" in harness.screen_text(log))
        assert any("new since" in row for row in harness.rows(log)[:3])  # the rule has not moved
        await harness.press("ctrl+end")
        await harness.until(lambda: harness.model.unread.count("dev") == 0)
        assert "a live one" in harness.screen_text(log)


async def test_place_whose_new_messages_fit_on_the_screen_is_read_at_once(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY, follows=("bob",)) as harness:
        harness.session.emit(Joined("dev"), *missed(5))
        log = harness.app.chat.query_one(MessageLog)
        await harness.until(lambda: "new 4." in harness.screen_text(log))
        await harness.until(lambda: harness.model.unread.count("dev") == 0)
        assert log.following


async def test_first_frame_begins_at_the_rule(tmp_path: Path) -> None:
    app, session = app_with(tmp_path, kind=SignedInApp)
    session.go_online(commands=WITH_HISTORY)
    session.emit(Joined("dev"), *missed(50))
    async with app.run_test(size=(100, 24)) as pilot:
        harness = AppHarness(app, pilot, session)
        log = app.chat.query_one(MessageLog)
        await harness.until(lambda: "new 0." in harness.screen_text(log))


async def test_conversation_begins_at_the_first_unread_message(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY, follows=("bob",)) as harness:
        harness.app.chat.navigator.open_conversation("bob")
        await harness.settle()
        read = PrivateMessage(past(0, "").time, "bob", "alice", "read", past=True)
        harness.session.emit(HistoryPage("@bob", PageKind.FIRST, (read,)), CaughtUp("@bob"))
        await harness.click_on("lobby", harness.app.chat.query_one(RoomList))
        for number in range(50):
            private = PrivateMessage("21:03:00", "bob", "alice", f"unread {number}.")
            harness.session.emit(MessageArrived("lobby", private))
        await harness.until(lambda: harness.model.unread.count("@bob") == 50)
        await harness.press("alt+a")
        log = harness.app.chat.query_one(MessageLog)
        await harness.until(lambda: "unread 0." in harness.screen_text(log))


async def test_messages_stay_unread_until_the_user_has_seen_the_newest(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_HISTORY) as harness:
        stamps = [f"2026-11-22T20:{minute:02}:00.000000+00:00" for minute in range(60)]
        missed = tuple(Message(one, "bob", f"line {one[14:16]}", past=True) for one in stamps)
        harness.session.emit(
            Joined("dev"), HistoryPage("dev", PageKind.MISSED, missed), CaughtUp("dev")
        )
        await harness.until(lambda: "new below" in harness.screen_text())
        for room, shown in (("lobby", "60 unread elsewhere"), ("dev", "(60) dev")):
            harness.session.emit(Joined(room))
            await harness.until(lambda shown=shown: shown in harness.screen_text())  # type: ignore[misc]
            assert harness.model.unread.count("dev") == 60
        await harness.press("end")
        harness.session.emit(Joined("lobby"), Joined("dev"))
        await harness.until(lambda: harness.model.unread.total() == 0)

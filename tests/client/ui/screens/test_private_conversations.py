"""Private conversations on the screen, and the keys that go to other locations."""

from __future__ import annotations

from pathlib import Path

from textual.events import Key
from textual.widgets import Footer, Label
from textual.widgets._footer import FooterKey

from chat_server.wire.protocol import Message, PrivateMessage
from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    Joined,
    LogNotice,
    MessageArrived,
    MessagePending,
    MessageRejected,
    MessageSent,
    MessageUnconfirmed,
    SignedIn,
    TextReturned,
)
from chat_tui.model.entries import EntryState
from chat_tui.ui.screens.help import HelpScreen
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.message_log import MessageLog
from chat_tui.ui.widgets.room_list import RoomList
from tests.support.app_harness import AppHarness, chat
from tests.support.fake_session import COMMANDS


async def enable_private_messages(harness: AppHarness) -> None:
    harness.session.emit(SignedIn("alice", (*COMMANDS, "/msg", "/me")))
    await harness.settle()


def private_message(author: str, text: str) -> MessageArrived:
    return MessageArrived("lobby", PrivateMessage("21:03:00", author, "alice", text))


async def test_private_conversation_lifecycle(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await enable_private_messages(harness)
        rooms, log = harness.app.chat.query_one(RoomList), harness.app.chat.query_one(MessageLog)
        composer = harness.app.chat.query_one(Composer)
        harness.session.emit(private_message("bob", "psst"))
        await harness.until(lambda: "PRIVATE" in harness.screen_text(rooms))
        await harness.until(lambda: "bob (1)" in harness.screen_text(rooms))
        assert "psst" not in harness.screen_text(log)
        await harness.press("h", "a", "l", "f")

        await harness.press("f4")
        await harness.until(lambda: "psst" in harness.screen_text(log))
        assert "▸ bob" in harness.screen_text(rooms)
        assert "• lobby" in harness.screen_text(rooms)
        assert "bob · private; follow back" in harness.rows()[0]
        assert "Message bob privately" in harness.screen_text(composer)
        assert composer.text == ""
        await harness.press("h", "i", "enter")
        assert harness.session.calls[-1] == ("submit", "hi", "bob")
        harness.session.emit(MessagePending(1, "@bob", "hi"))
        await harness.until(lambda: "sending" in harness.screen_text(log))
        harness.session.emit(MessageSent(1))
        await harness.until(lambda: "sending" not in harness.screen_text(log))
        # The server rejects it while a room is in view: the text must not get into the room.
        harness.session.emit(MessagePending(2, "@bob", "secret"))
        await harness.click_on("lobby", rooms)
        await harness.until(lambda: composer.text == "half")
        harness.session.emit(MessageRejected(2))
        harness.session.notices.append(TextReturned("secret", "Not delivered", "@bob"))
        harness.session.wake()
        await harness.until(lambda: "conversation with bob" in harness.screen_text())
        assert composer.text == "half"
        await harness.click_on("bob", rooms)
        await harness.until(lambda: composer.text == "secret")
        assert harness.model.log[2].state is EntryState.REJECTED


async def test_undelivered_private_message_is_reported_once(tmp_path: Path) -> None:
    refused = "Not delivered: bob is offline or not subscribed to you"
    async with chat(tmp_path) as harness:
        await enable_private_messages(harness)
        harness.session.emit(LogNotice(refused, "error"))
        harness.session.notices.append(TextReturned("/msg bob hi", refused, is_reported=True))
        harness.session.wake()
        await harness.until(lambda: harness.app.chat.query_one(Composer).text == "/msg bob hi")
        assert [notice.text for notice in harness.app.notices.latest] == []
        harness.session.notices.append(TextReturned("psst", refused, "@bob", is_reported=True))
        harness.session.wake()
        await harness.until(lambda: len(harness.app.notices.latest))
        messages = [notice.text for notice in harness.app.notices.latest]
        assert messages == ["It is kept in your conversation with bob."]


async def test_navigation_keys_keep_typed_text_with_its_location(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await enable_private_messages(harness)
        composer = harness.app.chat.query_one(Composer)
        harness.session.emit(private_message("bob", "psst"))
        await harness.settle()
        # Each line belongs to the location where it was typed, however fast the keys arrive.
        await harness.press("1", "enter", "f4", "0", "enter", "f4")
        assert harness.session.calls[-2:] == [("submit", "1"), ("submit", "0", "bob")]
        await harness.click_on("lobby", harness.app.chat.query_one(RoomList))
        harness.session.calls.clear()
        for key in ("1", "enter", "alt+up", "2", "enter", "alt+up", "3", "enter"):
            harness.app.post_message(Key(key, key if len(key) == 1 else None))
        await harness.until(lambda: ("submit", "3") in harness.session.calls)
        submitted = [call for call in harness.session.calls if call[0] in ("submit", "join")]
        assert submitted == [
            ("submit", "1"),
            ("submit", "2", "bob"),
            ("join", "dev"),
            ("submit", "3"),
        ]
        assert "Message dev" in harness.screen_text(composer)
        harness.session.emit(Joined("dev"))
        await harness.until(lambda: "dev · 3 here" in harness.rows()[0])
        await harness.press("alt+down", "alt+down")
        await harness.until(lambda: harness.model.compose_location == "lobby")
        assert harness.session.calls[-1] == ("join", "lobby")


async def test_private_messages_are_not_offered_on_legacy_server(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press("f4")
        await harness.until(lambda: "No private conversation yet" in harness.screen_text())
        harness.app.chat.navigator.open_conversation("bob")
        await harness.until(lambda: "has no private messages" in harness.screen_text())
        assert harness.model.location == "lobby"


async def test_room_message_is_not_shown_in_private_conversation(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await enable_private_messages(harness)
        harness.app.chat.navigator.open_conversation("bob")
        await harness.settle()
        log = harness.app.chat.query_one(MessageLog)
        harness.session.emit(MessageArrived("lobby", Message("21:03:00", "bob", "aloud")))
        await harness.until(
            lambda: "(1)" in harness.screen_text(harness.app.chat.query_one(RoomList))
        )
        assert "aloud" not in harness.screen_text(log)
        assert "Only bob receives" in harness.screen_text(log).replace("\n", " ")


async def test_jump_finds_people_conversations_and_commands(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await enable_private_messages(harness)
        await harness.press("ctrl+k", *"carol")
        await harness.until(lambda: "person: carol" in harness.screen_text())
        await harness.press("enter")
        await harness.until(lambda: harness.model.location == "@carol")
        await harness.press("ctrl+k", *"/subscr")
        await harness.until(lambda: "/subscribe NAME" in harness.screen_text())
        await harness.press("enter")
        composer = harness.app.chat.query_one(Composer)
        await harness.until(lambda: composer.text == "/subscribe ")
        harness.app.chat.begin_command("/who")
        await harness.until(lambda: "Send or clear your text first" in harness.screen_text())
        assert composer.text == "/subscribe "


async def test_footer_shows_five_context_actions(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await enable_private_messages(harness)
        footer = harness.app.chat.query_one(Footer)

        def footer_labels() -> list[str]:
            return [str(key.description) for key in footer.query(FooterKey)]

        await harness.until(lambda: footer_labels() == ["Help", "Rooms", "Jump", "Find", "Quit"])
        await harness.press("ctrl+f")
        await harness.until(
            lambda: footer_labels() == ["Older", "Newer", "Stay here", "Back", "Help"]
        )
        await harness.press("escape", "ctrl+o")  # a text field takes Ctrl+K itself
        await harness.until(lambda: footer_labels() == ["Write", "Help", "Jump", "Find", "Quit"])
        await harness.press("escape")
        harness.session.emit(
            MessagePending(1, "lobby", "x"),
            MessageUnconfirmed(1),
            ConnectionChanged(ConnectionState.WAITING, "gone", 3.0),
            private_message("bob", "psst"),
        )
        await harness.until(
            lambda: {"Again", "Retry", "Private"} < {*footer_labels()},
            "the footer shows the urgent actions",
        )
        assert len(footer_labels()) == 5
        await harness.press("f2")
        await harness.until(lambda: "Write" in footer_labels())
        assert len(footer_labels()) == 5


async def test_help_starts_with_focused_pane(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(100, 120)) as harness:
        for key, heading in (("f3", "IN THE LIST OF PEOPLE"), ("f2", "IN THE LIST OF ROOMS")):
            await harness.press(key, "f1")
            await harness.until(lambda: isinstance(harness.app.screen, HelpScreen))
            await harness.settle()
            headings = [
                str(label.content) for label in harness.app.screen.query(Label).filter(".heading")
            ]
            assert headings[:2] == [heading, "EVERYWHERE"]
            assert "/join dev" in harness.screen_text()
            await harness.press("escape")
            await harness.until(lambda: harness.app.screen is harness.app.chat)

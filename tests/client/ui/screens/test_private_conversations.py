"""Private conversations on the screen, and walking through all places."""

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


async def know_private_messages(bench: AppHarness) -> None:
    bench.session.tell(SignedIn("alice", (*COMMANDS, "/msg", "/me")))
    await bench.settle()


def says(author: str, text: str) -> MessageArrived:
    return MessageArrived("lobby", PrivateMessage("21:03:00", author, "alice", text))


async def test_private_conversation_lifecycle(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await know_private_messages(bench)
        rooms, log = bench.app.chat.query_one(RoomList), bench.app.chat.query_one(MessageLog)
        composer = bench.app.chat.query_one(Composer)
        bench.session.tell(says("bob", "psst"))
        await bench.until(lambda: "PRIVATE" in bench.shown(rooms))
        await bench.until(lambda: "bob (1)" in bench.shown(rooms))
        assert "psst" not in bench.shown(log)
        await bench.press("h", "a", "l", "f")

        await bench.press("f4")
        await bench.until(lambda: "psst" in bench.shown(log))
        assert "▸ bob" in bench.shown(rooms)
        assert "• lobby" in bench.shown(rooms)
        assert "bob · private; follow back" in bench.rows()[0]
        assert "Message bob privately" in bench.shown(composer)
        assert composer.text == ""
        await bench.press("h", "i", "enter")
        assert bench.session.told[-1] == ("submit", "hi", "bob")
        bench.session.tell(MessagePending(1, "@bob", "hi"))
        await bench.until(lambda: "sending" in bench.shown(log))
        bench.session.tell(MessageSent(1))
        await bench.until(lambda: "sending" not in bench.shown(log))
        # Refused, while the person has gone on to a room: it never gets near it.
        bench.session.tell(MessagePending(2, "@bob", "secret"))
        await bench.click_on("lobby", rooms)
        await bench.until(lambda: composer.text == "half")
        bench.session.tell(MessageRejected(2))
        bench.session.notices.append(TextReturned("secret", "Not delivered", "@bob"))
        bench.session.wake()
        await bench.until(lambda: "conversation with bob" in bench.shown())
        assert composer.text == "half"
        await bench.click_on("bob", rooms)
        await bench.until(lambda: composer.text == "secret")
        assert bench.model.log[2].state is EntryState.REJECTED


async def test_undelivered_private_message_is_reported_once(tmp_path: Path) -> None:
    refused = "Not delivered: bob is offline or not subscribed to you"
    async with chat(tmp_path) as bench:
        await know_private_messages(bench)
        bench.session.tell(LogNotice(refused, "error"))
        bench.session.notices.append(TextReturned("/msg bob hi", refused, is_reported=True))
        bench.session.wake()
        await bench.until(lambda: bench.app.chat.query_one(Composer).text == "/msg bob hi")
        assert [notice.message for notice in bench.app._notifications] == []
        bench.session.notices.append(TextReturned("psst", refused, "@bob", is_reported=True))
        bench.session.wake()
        await bench.until(lambda: len(bench.app._notifications))
        words = [notice.message for notice in bench.app._notifications]
        assert words == ["It is kept in your conversation with bob."]


async def test_place_navigation_keys_keep_typed_text_with_its_place(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await know_private_messages(bench)
        composer = bench.app.chat.query_one(Composer)
        bench.session.tell(says("bob", "psst"))
        await bench.settle()
        # Each line belongs to the place in which it was typed, however fast the keys come.
        await bench.press("1", "enter", "f4", "0", "enter", "f4")
        assert bench.session.told[-2:] == [("submit", "1"), ("submit", "0", "bob")]
        await bench.click_on("lobby", bench.app.chat.query_one(RoomList))
        bench.session.told.clear()
        for key in ("1", "enter", "alt+up", "2", "enter", "alt+up", "3", "enter"):
            bench.app.post_message(Key(key, key if len(key) == 1 else None))
        await bench.until(lambda: ("submit", "3") in bench.session.told)
        said = [told for told in bench.session.told if told[0] in ("submit", "join")]
        assert said == [
            ("submit", "1"),
            ("submit", "2", "bob"),
            ("join", "dev"),
            ("submit", "3"),
        ]
        assert "Message dev" in bench.shown(composer)
        bench.session.tell(Joined("dev"))
        await bench.until(lambda: "dev · 3 here" in bench.rows()[0])
        await bench.press("alt+down", "alt+down")
        await bench.until(lambda: bench.model.compose_location == "lobby")
        assert bench.session.told[-1] == ("join", "lobby")


async def test_private_messages_are_not_offered_on_legacy_server(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await bench.press("f4")
        await bench.until(lambda: "No private conversation yet" in bench.shown())
        bench.app.chat.navigator.open_conversation("bob")
        await bench.until(lambda: "knows no private messages" in bench.shown())
        assert bench.model.location == "lobby"


async def test_room_message_is_not_shown_in_private_conversation(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await know_private_messages(bench)
        bench.app.chat.navigator.open_conversation("bob")
        await bench.settle()
        log = bench.app.chat.query_one(MessageLog)
        bench.session.tell(MessageArrived("lobby", Message("21:03:00", "bob", "aloud")))
        await bench.until(lambda: "(1)" in bench.shown(bench.app.chat.query_one(RoomList)))
        assert "aloud" not in bench.shown(log)
        assert "reaches bob alone" in bench.shown(log).replace("\n", " ")


async def test_jump_finds_people_conversations_and_commands(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await know_private_messages(bench)
        await bench.press("ctrl+k", *"message carol")
        await bench.until(lambda: "Message carol privately" in bench.shown())
        await bench.press("enter")
        await bench.until(lambda: bench.model.location == "@carol")
        await bench.press("ctrl+k", *"/subscr")
        await bench.until(lambda: "/subscribe NAME" in bench.shown())
        await bench.press("enter")
        composer = bench.app.chat.query_one(Composer)
        await bench.until(lambda: composer.text == "/subscribe ")
        bench.app.chat.begin_command("/who")
        await bench.until(lambda: "half written here" in bench.shown())
        assert composer.text == "/subscribe "


async def test_footer_shows_five_context_actions(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await know_private_messages(bench)
        footer = bench.app.chat.query_one(Footer)

        def words() -> list[str]:
            return [str(key.description) for key in footer.query(FooterKey)]

        await bench.until(lambda: words() == ["Help", "Rooms", "Jump", "Find", "Quit"])
        await bench.press("ctrl+f")
        await bench.until(lambda: words() == ["Older", "Newer", "Stay here", "Back", "Help"])
        await bench.press("escape", "ctrl+o")  # a field of its own takes Ctrl+K for itself
        await bench.until(lambda: words() == ["Write", "Help", "Jump", "Find", "Quit"])
        await bench.press("escape")
        bench.session.tell(
            MessagePending(1, "lobby", "x"),
            MessageUnconfirmed(1),
            ConnectionChanged(ConnectionState.WAITING, "gone", 3.0),
            says("bob", "psst"),
        )
        await bench.until(lambda: {"Again", "Retry", "Private"} < {*words()}, "urgent ones")
        assert len(words()) == 5
        await bench.press("f2")
        await bench.until(lambda: "Write" in words())
        assert len(words()) == 5


async def test_help_starts_with_focused_pane(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(100, 120)) as bench:
        for key, heading in (("f3", "IN THE LIST OF PEOPLE"), ("f2", "IN THE LIST OF ROOMS")):
            await bench.press(key, "f1")
            await bench.until(lambda: isinstance(bench.app.screen, HelpScreen))
            await bench.settle()
            headings = [
                str(label.content) for label in bench.app.screen.query(Label).filter(".heading")
            ]
            assert headings[:2] == [heading, "EVERYWHERE"]
            assert "/join dev" in bench.shown()
            await bench.press("escape")
            await bench.until(lambda: bench.app.screen is bench.app.chat)

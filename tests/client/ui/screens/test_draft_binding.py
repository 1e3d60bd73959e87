"""Each location keeps its own draft."""

from __future__ import annotations

from pathlib import Path

from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    Joined,
    JoinFailed,
    MessagePending,
    SignedIn,
    SignedOut,
    TextReturned,
)
from chat_tui.ui.widgets.composer import Composer
from tests.support.app_harness import AppHarness, chat, form, sign_in
from tests.support.fake_session import COMMANDS


def composer_text(harness: AppHarness) -> str:
    return harness.app.chat.query_one(Composer).text


async def choose_room(harness: AppHarness, room: str) -> None:
    """Choose a room, without a reply of the server."""
    harness.app.chat.navigator.join(room)
    await harness.settle()


async def test_each_room_has_its_own_draft(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press(*"hal")
        harness.app.chat.query_one(Composer).insert("f")  # the screen has not processed it yet
        await choose_room(harness, "dev")
        # Text typed from here on belongs to dev, although the reply is still to come.
        assert composer_text(harness) == ""
        assert "Message dev…" in harness.screen_text(harness.app.chat.query_one(Composer))
        await harness.press(*"hi")
        harness.session.emit(Joined("dev"))
        await harness.settle()
        assert composer_text(harness) == "hi"
        await choose_room(harness, "lobby")
        harness.session.emit(Joined("lobby"))
        await harness.settle()
        assert composer_text(harness) == "half"
        await harness.press("enter")
        assert harness.session.calls[-1] == ("submit", "half")
        assert harness.model.drafts.all() == {"dev": "hi"}


async def test_text_typed_after_join_command_belongs_to_new_room(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        harness.model.drafts.put("dev", "from before ")
        await harness.press(*"/join dev", "enter", *"hello")
        assert composer_text(harness) == "from before hello"
        harness.session.emit(Joined("dev"))
        await harness.settle()
        assert composer_text(harness) == "from before hello"
        await harness.press("enter", *"/leave", "enter", *"back")
        assert harness.model.drafts.all() == {"lobby": "back"}


async def test_failed_join_restores_old_draft(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press(*"half")
        await choose_room(harness, "dev")
        await harness.press(*"for dev")
        harness.session.notices.append(TextReturned("sent to dev", "no"))
        harness.session.emit(JoinFailed("dev", "no"))
        await harness.settle()
        assert composer_text(harness) == "sent to dev\nhalf"
        assert harness.model.drafts.of("dev") == "for dev"


async def test_draft_survives_lost_connection(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press(*"half")
        harness.session.emit(ConnectionChanged(ConnectionState.WAITING, "gone", 4.0))
        await harness.press(*" more", "enter")
        assert harness.session.calls == []
        harness.session.emit(Joined("lobby"), ConnectionChanged(ConnectionState.ONLINE))
        await harness.settle()
        assert composer_text(harness) == "half more"


async def test_history_item_in_composer_is_not_saved_as_draft(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press(*"one", "enter", "o", "up")
        assert composer_text(harness) == "one"
        assert harness.model.drafts.of("lobby") == "o"
        await harness.press("!")
        assert harness.model.drafts.of("lobby") == "one!"


async def test_drafts_and_unconfirmed_messages_survive_restart(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await sign_in(harness)
        await harness.press(*"half a line")
        harness.session.emit(MessagePending(1, "lobby", "on its way"))
        await choose_room(harness, "dev")
        harness.session.emit(Joined("dev"))
        await harness.settle()
        await harness.press(*"other", "ctrl+q")
        await harness.until(lambda: not harness.app.is_running)
    async with form(tmp_path) as harness:
        await sign_in(harness)
        assert composer_text(harness) == "half a line"
        assert "! not confirmed: it may have arrived." in harness.screen_text()
        assert "not sent yet, or not confirmed: dev" in harness.screen_text()
        await harness.press("ctrl+g")
        assert harness.session.calls[-1][0] == "resend"


async def test_draft_survives_abrupt_exit(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await sign_in(harness)
        await harness.press(*"half")
        harness.app.exit()
    async with form(tmp_path) as harness:
        await sign_in(harness)
        assert composer_text(harness) == "half"


async def test_draft_of_another_window_is_shown_after_the_next_sign_in(tmp_path: Path) -> None:
    async with form(tmp_path) as one:
        await sign_in(one)
        await one.press(*"half")
        one.app._tick()
        one.app._tick()
        async with form(tmp_path) as other:  # the server ends the session of the first window
            await sign_in(other)
            assert composer_text(other) == "half"
            await other.press(*" a line")
            other.app._tick()
            other.app._tick()
        one.session.notices.append(SignedOut("You signed in from another place", False))
        one.session.wake()
        await one.until(lambda: one.app.screen is one.app.login)
        await one.press(*"secret", "enter")
        one.session.notices.append(SignedIn("alice", COMMANDS))
        one.session.wake()
        await one.until(lambda: one.app.screen is one.app.chat)
        assert composer_text(one) == "half a line"


async def test_draft_of_another_window_is_added_while_the_user_types(tmp_path: Path) -> None:
    async with form(tmp_path) as one, form(tmp_path) as other:
        await sign_in(one)
        await sign_in(other)
        await one.press(*"one")
        one.app._tick()
        one.app._tick()
        await other.press(*"two")
        other.app.chat.query_one(Composer).insert("!")  # the screen has not processed it yet
        other.app._tick()
        other.app._tick()
        assert composer_text(other) == "one\ntwo!"
        await other.press("?")
        assert composer_text(other) == "one\ntwo!?"

"""What is half written belongs to its place, and is there when one comes back."""

from __future__ import annotations

from pathlib import Path

from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    Joined,
    JoinFailed,
    MessagePending,
    SignedIn,
    TextReturned,
)
from chat_tui.ui.widgets.composer import Composer
from tests.support.app_harness import AppHarness, chat, form
from tests.support.fake_session import COMMANDS


def written(bench: AppHarness) -> str:
    return bench.app.chat.query_one(Composer).text


async def go(bench: AppHarness, room: str) -> None:
    """Choose a room; the server has not answered yet."""
    bench.app.chat.navigator.join(room)
    await bench.settle()


async def test_each_room_has_its_own_draft(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await bench.press(*"hal")
        bench.app.chat.query_one(Composer).insert("f")  # and nobody has heard of it yet
        await go(bench, "dev")
        # What is typed from here on is meant for dev, though its answer is still to come.
        assert written(bench) == ""
        assert "Message dev…" in bench.shown(bench.app.chat.query_one(Composer))
        await bench.press(*"hi")
        bench.session.tell(Joined("dev"))
        await bench.settle()
        assert written(bench) == "hi"
        await go(bench, "lobby")
        bench.session.tell(Joined("lobby"))
        await bench.settle()
        assert written(bench) == "half"
        await bench.press("enter")
        assert bench.session.told[-1] == ("submit", "half")
        assert bench.model.drafts.all() == {"dev": "hi"}


async def test_text_typed_after_join_command_belongs_to_new_room(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        bench.model.drafts.put("dev", "from before ")
        await bench.press(*"/join dev", "enter", *"hello")
        assert written(bench) == "from before hello"
        bench.session.tell(Joined("dev"))
        await bench.settle()
        assert written(bench) == "from before hello"
        await bench.press("enter", *"/leave", "enter", *"back")
        assert bench.model.drafts.all() == {"lobby": "back"}


async def test_failed_join_restores_old_draft(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await bench.press(*"half")
        await go(bench, "dev")
        await bench.press(*"for dev")
        bench.session.notices.append(TextReturned("sent to dev", "no"))
        bench.session.tell(JoinFailed("dev", "no"))
        await bench.settle()
        assert written(bench) == "sent to dev\nhalf"
        assert bench.model.drafts.of("dev") == "for dev"


async def test_draft_survives_lost_connection(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await bench.press(*"half")
        bench.session.tell(ConnectionChanged(ConnectionState.WAITING, "gone", 4.0))
        await bench.press(*" more", "enter")
        assert bench.session.told == []
        bench.session.tell(Joined("lobby"), ConnectionChanged(ConnectionState.ONLINE))
        await bench.settle()
        assert written(bench) == "half more"


async def test_history_item_in_composer_is_not_saved_as_draft(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await bench.press(*"one", "enter", "o", "up")
        assert written(bench) == "one"
        assert bench.model.drafts.of("lobby") == "o"
        await bench.press("!")
        assert bench.model.drafts.of("lobby") == "one!"


async def sign_in(bench: AppHarness) -> None:
    """Alice fills in the form, and the server lets her in."""
    await bench.press(*"secret", "enter")
    bench.session.be_online()
    bench.session.notices.append(SignedIn("alice", COMMANDS))
    bench.session.wake()
    await bench.until(lambda: bench.app.chat.is_mounted and bench.app.screen is bench.app.chat)
    await bench.settle()


async def test_drafts_and_unconfirmed_messages_survive_restart(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        await sign_in(bench)
        await bench.press(*"half a line")
        bench.session.tell(MessagePending(1, "lobby", "on its way"))
        await go(bench, "dev")
        bench.session.tell(Joined("dev"))
        await bench.settle()
        await bench.press(*"other", "ctrl+q")
        await bench.until(lambda: not bench.app.is_running)
    async with form(tmp_path) as bench:
        await sign_in(bench)
        assert written(bench) == "half a line"
        assert "! not confirmed: it may have arrived." in bench.shown()
        assert "not sent and kept, or not confirmed: dev" in bench.shown()
        await bench.press("ctrl+g")
        assert bench.session.told[-1][0] == "resend"


async def test_draft_survives_abrupt_exit(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        await sign_in(bench)
        await bench.press(*"half")
        bench.app.exit()
    async with form(tmp_path) as bench:
        await sign_in(bench)
        assert written(bench) == "half"

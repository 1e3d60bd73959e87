"""Several servers of one chat on the screen: the warning, the status bar, the form, the palette."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_server.wire import replies
from chat_tui.config import load
from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    LogNotice,
    MessagePending,
    MessageSent,
    ServersConnectionChanged,
    SignedIn,
    SignInPostponed,
)
from chat_tui.launch import LaunchOptions
from chat_tui.ui.screens.palette_screen import PaletteScreen
from chat_tui.ui.screens.wording import SIGN_IN_POSTPONED
from chat_tui.ui.widgets.notice_bar import NoticeBar
from chat_tui.ui.widgets.status_bar import StatusBar
from tests.support.app_harness import AppHarness, chat, form
from tests.support.fake_session import COMMANDS

WARNING = "Disconnected from the other servers; your messages will be sent later"


def bar(harness: AppHarness) -> str:
    return harness.screen_text(harness.app.chat.query_one(NoticeBar))


async def lose_servers(harness: AppHarness) -> None:
    harness.session.emit(
        ServersConnectionChanged(connected=False),
        LogNotice(replies.SERVERS_DISCONNECTED, "notice"),
    )
    await harness.settle()


@pytest.mark.parametrize(
    ("size", "text"),
    [((80, 24), "Other servers disconnected; messages wait"), ((140, 40), WARNING)],
)
async def test_line_above_composer_shows_disconnected_servers_until_they_are_back(
    tmp_path: Path, size: tuple[int, int], text: str
) -> None:
    async with chat(tmp_path, size, follows=("bob",)) as harness:
        await lose_servers(harness)
        assert text in bar(harness)
        harness.session.emit(
            ServersConnectionChanged(connected=True),
            LogNotice(replies.SERVERS_CONNECTED, "notice"),
        )
        await harness.settle()
        assert "other servers" not in bar(harness).casefold()
        assert [entry.text for entry in harness.model.log].count(replies.SERVERS_CONNECTED) == 1


async def test_messages_stay_pending_and_composer_stays_usable_while_disconnected(
    tmp_path: Path,
) -> None:
    async with chat(tmp_path, (140, 40), follows=("bob",)) as harness:
        await lose_servers(harness)
        await harness.press(*"hello", "enter")
        assert ("submit", "hello") in harness.session.calls
        harness.session.emit(MessagePending(1, "lobby", "hello"))
        await harness.settle()
        assert "sending…" in harness.screen_text()
        assert WARNING in bar(harness)
        status = harness.screen_text(harness.app.chat.query_one(StatusBar))
        assert "connected   alice@127.0.0.1:9000" in status
        harness.session.emit(MessageSent(1, "21:00:01"))
        await harness.settle()
        assert "sending…" not in harness.screen_text()


async def test_new_session_shows_no_warning(tmp_path: Path) -> None:
    async with chat(tmp_path, (140, 40), follows=("bob",)) as harness:
        await lose_servers(harness)
        harness.session.emit(ConnectionChanged(ConnectionState.WAITING, "cut", 3.0))
        await harness.settle()
        assert "next try in 3 s" in bar(harness)
        harness.session.emit(
            ConnectionChanged(ConnectionState.RETRYING),
            SignedIn("alice", COMMANDS),
            ConnectionChanged(ConnectionState.ONLINE),
        )
        await harness.settle()
        assert "other servers" not in bar(harness).casefold()


async def test_status_bar_shows_the_server_in_use(tmp_path: Path) -> None:
    async with chat(tmp_path, (140, 40)) as harness:
        online = ConnectionState.ONLINE
        harness.session.emit(ConnectionChanged(online, server="chat2.example:9001"))
        await harness.settle()
        status = harness.screen_text(harness.app.chat.query_one(StatusBar))
        assert "alice@chat2.example:9001" in status


async def test_palette_offers_the_other_servers(tmp_path: Path) -> None:
    async with chat(tmp_path, (140, 40)) as harness:
        harness.session.set_servers(("chat1.example", 9001), ("chat2.example", 9001))
        await harness.press("ctrl+k", *"through")
        screen = harness.app.screen
        assert isinstance(screen, PaletteScreen)
        shown = [entry.text for entry in screen._shown if "Connect through" in entry.text]
        assert shown == ["account: Connect through chat2.example:9001"]
        await harness.press("enter")
        assert harness.session.calls[-1] == ("use_server", ("chat2.example", 9001))


async def test_form_shows_and_signs_in_to_all_servers_of_the_profile(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        "[profiles.w]\nuser='alice'\nservers=['chat1.example:9100', 'chat2.example', '::1']"
    )
    options = LaunchOptions("chat1.example", 9100, "alice", configuration=load(path), profile="w")
    async with form(tmp_path, options) as harness:
        assert "or chat2.example:9001, [::1]:9001" in harness.screen_text()
        await harness.press(*"secret", "enter")
        assert harness.session.calls[-1][-3:] == (
            "others",
            ("chat2.example", 9001),
            ("::1", 9001),
        )
        harness.session.notices.append(SignInPostponed())
        harness.session.wake()
        await harness.settle()
        shown = " ".join(harness.screen_text().split())
        assert SIGN_IN_POSTPONED.partition(". ")[0] in shown
        assert "Cancel" in shown
        await harness.press("escape")
        assert harness.session.calls[-1] == ("cancel",)


async def test_form_signs_in_to_servers_of_the_command_line_only_at_the_first(
    tmp_path: Path,
) -> None:
    options = LaunchOptions("one", 9001, "alice", others=(("two", 9001),))
    async with form(tmp_path, options) as harness:
        assert "or two:9001" in harness.screen_text()
        await harness.press("shift+tab", "shift+tab", "shift+tab", "end", "x")
        assert "or two:9001" not in harness.screen_text()

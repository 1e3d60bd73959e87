"""Enter in the composer: aliases, actions of the client, and hints."""

from pathlib import Path

import pytest

from chat_tui.ui.screens.help import HelpScreen
from chat_tui.ui.screens.palette_screen import PaletteScreen
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.notice_bar import NoticeBar
from chat_tui.ui.widgets.search_bar import SearchBar
from tests.support.app_harness import AppHarness, chat
from tests.support.fake_session import COMMANDS

WITH_PRIVATE = (*COMMANDS, "/msg", "/me", "/passwd")


async def send(harness: AppHarness, text: str) -> None:
    composer = harness.app.chat.query_one(Composer)
    composer.text = text
    await harness.press("enter")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [("/follow @bob", "/subscribe bob"), ("/part", "/leave"), ("/exit", "/quit")],
)
async def test_alias_is_sent_as_command(tmp_path: Path, typed: str, sent: str) -> None:
    async with chat(tmp_path, commands=WITH_PRIVATE) as harness:
        await send(harness, typed)
        assert harness.session.calls == [("submit", sent)]


async def test_hint_stays_above_typed_text(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await send(harness, "/away lunch")
        bar = harness.app.chat.query_one(NoticeBar)
        await harness.until(lambda: "There is no away status" in harness.screen_text(bar))
        assert harness.app.chat.query_one(Composer).text == "/away lunch"
        assert harness.session.calls == []


async def test_actions_of_client_run_and_send_nothing(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PRIVATE) as harness:
        await send(harness, "/query bob")
        await harness.until(lambda: harness.model.location.partner == "bob")
        await send(harness, "/mute")
        await harness.until(lambda: "@bob" in harness.app.chat.notifier.muted)
        await send(harness, "/unmute")
        await harness.until(lambda: "@bob" not in harness.app.chat.notifier.muted)
        await send(harness, "/search red build")
        bar = harness.app.chat.query_one(SearchBar)
        await harness.until(lambda: bar.is_open and bar.text == "red build")
        await harness.press("escape")
        await send(harness, "/theme lobby-light")
        await harness.until(lambda: harness.app.theme == "lobby-light")
        await send(harness, "/theme")
        await harness.until(lambda: isinstance(harness.app.screen, PaletteScreen))
        await harness.press("escape")
        await send(harness, "/keys")
        await harness.until(lambda: isinstance(harness.app.screen, HelpScreen))
        assert harness.session.calls == []


async def test_alias_is_completed_with_its_argument(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press(*"/follow ca", "tab")
        assert harness.app.chat.query_one(Composer).text == "/follow carol "

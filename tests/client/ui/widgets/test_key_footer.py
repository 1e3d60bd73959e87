"""The footer is composed again when its keys change, and only then."""

from pathlib import Path

from textual.widgets._footer import FooterKey

from chat_tui.events import ConnectionChanged, ConnectionState
from chat_tui.ui.widgets.key_footer import KeyFooter
from tests.support.app_harness import chat, form


async def test_footer_keeps_its_widgets_while_the_keys_are_the_same(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        footer = harness.app.chat.query_one(KeyFooter)
        await harness.until(lambda: "F1 Help" in harness.screen_text(footer))
        keys = list(footer.query(FooterKey))
        for _ in range(3):
            harness.app.chat.refresh_bindings()
            await harness.settle()
        assert list(footer.query(FooterKey)) == keys


async def test_footer_shows_keys_that_become_available(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        footer = harness.app.chat.query_one(KeyFooter)
        await harness.until(lambda: "F1 Help" in harness.screen_text(footer))
        harness.session.emit(ConnectionChanged(ConnectionState.WAITING, "gone", 3.0))
        await harness.until(lambda: "Retry" in harness.screen_text(footer))


async def test_footer_shows_a_reconfigured_key(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        footer = harness.app.login.query_one(KeyFooter)
        await harness.until(lambda: "F1 Help" in harness.screen_text(footer))
        harness.app.set_keymap({"help": "f9"})
        harness.app.login.refresh_bindings()
        await harness.until(lambda: "F9 Help" in harness.screen_text(footer))

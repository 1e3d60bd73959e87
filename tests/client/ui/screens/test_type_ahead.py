"""Typed text reaches the composer, whichever pane has the focus."""

from pathlib import Path

import pytest
from textual.events import Key, Paste
from textual.widgets import Footer

from chat_tui.events import MessagePending, MessageUnconfirmed
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.message_log import MessageLog
from chat_tui.ui.widgets.room_list import RoomList
from chat_tui.ui.widgets.text_input import SafeInput
from tests.support.app_harness import AppHarness, chat


def composer_of(harness: AppHarness) -> Composer:
    return harness.app.chat.query_one(Composer)


def type_fast(harness: AppHarness, text: str) -> None:
    """Post the keys of `text` at once: none waits until the one before has been handled."""
    for letter in text:
        harness.app.post_message(Key({" ": "space"}.get(letter, letter), letter))


@pytest.mark.parametrize("pane_key", ["f2", "f3"])
@pytest.mark.parametrize(
    "text", ["hello you", "你好\u3000", "می\u200cخواهم", "é👩\u200d💻", "!?* 1"]
)
async def test_text_typed_in_sidebar_goes_to_composer(
    tmp_path: Path, pane_key: str, text: str
) -> None:
    async with chat(tmp_path) as harness:
        composer = composer_of(harness)
        await harness.press(pane_key)
        assert not composer.has_focus
        type_fast(harness, text)
        await harness.until(lambda: composer.has_focus)
        await harness.until(lambda: composer.text[:1] == text[0], repr(composer.text))
        # The composer itself decides which of these characters it shows.
        visible = "".join(letter for letter in text if letter.isprintable())
        await harness.until(
            lambda: "".join(c for c in composer.text if c.isprintable()) == visible,
            "the letters are in the typed order",
        )
        assert harness.session.calls == []


@pytest.mark.parametrize("pane_key", ["f2", "f3"])
async def test_text_pasted_in_sidebar_goes_to_composer(tmp_path: Path, pane_key: str) -> None:
    async with chat(tmp_path) as harness:
        await harness.press(pane_key)
        harness.app.post_message(Paste("two\nlines"))
        await harness.until(lambda: composer_of(harness).text == "two\nlines")
        assert composer_of(harness).has_focus


async def test_letters_typed_in_log_without_selected_message_go_to_composer(
    tmp_path: Path,
) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive("bob", "see https://a.example/")
        harness.app.chat.set_focus(harness.app.chat.query_one(MessageLog))
        type_fast(harness, "fcoyr")
        await harness.until(lambda: composer_of(harness).text == "fcoyr")
        assert harness.session.calls == []
        assert not harness.app.clipboard


async def test_letters_act_in_log_while_message_is_selected_and_footer_names_them(
    tmp_path: Path,
) -> None:
    async with chat(tmp_path) as harness:
        footer = harness.app.chat.query_one(Footer)
        await harness.receive("bob", "one and only")
        harness.app.chat.set_focus(harness.app.chat.query_one(MessageLog))
        await harness.settle()
        assert "C Copy" not in harness.screen_text(footer)
        await harness.press("up")
        names = ("C Copy", "O Link", "F Follow", "Esc Write")
        await harness.until(lambda: all(name in harness.screen_text(footer) for name in names))
        await harness.press("c")
        await harness.until(lambda: harness.app.clipboard == "one and only")
        assert composer_of(harness).text == ""
        await harness.press("x")
        assert composer_of(harness).text == "x"
        await harness.until(lambda: "C Copy" not in harness.screen_text(footer))


async def test_enter_in_list_still_acts(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press("f2", "down", "enter")
        assert harness.session.calls == [("join", "dev")]


async def test_room_name_field_and_search_field_keep_what_is_typed(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press("ctrl+o", *"ops")
        assert harness.app.chat.query_one(RoomList).query_one(SafeInput).value == "ops"
        await harness.press("ctrl+f", *"build")
        assert composer_of(harness).text == ""


async def test_shortcuts_in_list_are_not_typed(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press("f2")
        harness.app.post_message(Key("alt+x", "x"))
        harness.app.post_message(Key("ctrl+x", "\x18"))
        await harness.settle()
        assert composer_of(harness).text == ""
        assert not composer_of(harness).has_focus


async def test_footer_names_all_letters_for_unconfirmed_message(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        footer = harness.app.chat.query_one(Footer)
        harness.session.emit(MessagePending(1, "lobby", "mine"), MessageUnconfirmed(1))
        harness.app.chat.set_focus(harness.app.chat.query_one(MessageLog))
        await harness.press("up")
        await harness.until(lambda: "R Send again" in harness.screen_text(footer))
        assert "F " not in harness.screen_text(footer)

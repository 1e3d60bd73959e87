"""Quoting a message of the log in the composer."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_server.wire.protocol import Action
from chat_tui.events import MessageArrived
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.message_log import MessageLog
from tests.support.app_harness import AppHarness, chat


async def choose(harness: AppHarness, *keys: str) -> Composer:
    """Focus the log, press keys there, and return the composer."""
    harness.app.chat.query_one(MessageLog).focus()
    await harness.settle()
    await harness.press(*keys)
    return harness.app.chat.query_one(Composer)


async def test_q_quotes_the_chosen_message_above_the_draft(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive("bob", "merged. it is green again")
        await harness.receive("carol", "good")
        await harness.press(*"thanks")
        composer = await choose(harness, "up", "up", "q")
        await harness.until(lambda: composer.text == "> bob: merged. it is green again\nthanks")
        assert harness.app.focused is composer
        await harness.press("!")
        assert composer.text.endswith("\nthanks!")
        await choose(harness, "up", "q")
        quoted = "> bob: merged. it is green again\n> carol: good\nthanks!"
        await harness.until(lambda: composer.text == quoted)
        await harness.press("enter")
        assert harness.session.calls == [
            ("submit", "> bob: merged. it is green again\n> carol: good\nthanks!")
        ]


async def test_undo_takes_back_a_quote_and_leaves_the_draft_and_its_cursor(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive("bob", "merged")
        await harness.press(*"thanks", "left", "left")
        composer = await choose(harness, "up", "q")
        await harness.until(lambda: composer.text == "> bob: merged\nthanks")
        assert composer.cursor_location == (1, 4)
        await harness.press("ctrl+underscore")
        assert (composer.text, composer.cursor_location) == ("thanks", (0, 4))
        await harness.press("ctrl+y")
        assert composer.text == "> bob: merged\nthanks"


async def test_quotes_of_an_empty_draft_are_below_each_other(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive("bob", "one", "two")
        composer = await choose(harness, "up", "up", "q")
        await harness.until(lambda: composer.text == "> bob: one\n")
        assert composer.cursor_location == (1, 0)
        await harness.press("backspace")
        assert composer.text == "> bob: one"
        await choose(harness, "up", "q")
        await harness.until(lambda: composer.text == "> bob: one\n> bob: two\n")
        await harness.press("x")
        assert composer.text == "> bob: one\n> bob: two\nx"
        await harness.press("ctrl+underscore")
        assert composer.text == "> bob: one\n> bob: two\n"


async def test_q_types_a_letter_while_no_message_is_chosen(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive("bob", "hello")
        composer = await choose(harness, "q")
        assert composer.text == "q"


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("word " * 200, "> bob: word word"),
        ("x" * 500, "> bob: xxxx"),
        ("a  lot\tof   space", "> bob: a lot of space"),
    ],
)
async def test_quote_is_one_line_of_bounded_length(tmp_path: Path, text: str, quote: str) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive("bob", text)
        composer = await choose(harness, "up", "q")
        await harness.until(lambda: "\n" in composer.text)
        first, last = composer.text.split("\n")
        assert first.startswith(quote)
        assert len(first) < 180
        assert (first.endswith("…"), last) == (len(text) > 180, "")


async def test_action_is_quoted_as_it_is_shown(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        harness.session.emit(MessageArrived("lobby", Action("21:03:00", "bob", "waves")))
        composer = await choose(harness, "up", "q")
        await harness.until(lambda: composer.text == "> * bob waves\n")


async def test_quote_does_not_change_a_typed_command(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive("bob", "hello")
        await harness.press(*"/join dev")
        composer = await choose(harness, "up", "q")
        await harness.until(lambda: "Send or clear your command first" in harness.notices())
        assert composer.text == "/join dev"


async def test_message_is_not_quoted_into_the_room_that_is_being_entered(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive("bob", "for this room")
        harness.model.room_requested("dev")
        harness.app.controller.process_updates()
        composer = await choose(harness, "up", "q")
        await harness.until(lambda: "Wait until the room is open" in harness.notices())
        assert composer.text == ""

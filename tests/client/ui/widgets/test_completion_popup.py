"""Completion in the composer by Tab, arrow keys, Enter, Escape and mouse."""

from __future__ import annotations

from pathlib import Path

from chat_tui.events import MembersListed
from chat_tui.ui.widgets.completion_popup import CompletionPopup
from chat_tui.ui.widgets.composer import Composer
from tests.support.app_harness import AppHarness, chat


def composer_of(harness: AppHarness) -> Composer:
    return harness.app.chat.query_one(Composer)


def popup_rows(harness: AppHarness) -> list[str]:
    """Return the rows of the popup, the chosen one with its mark; none if it is hidden."""
    popup = harness.app.chat.query_one(CompletionPopup)
    return [row.strip() for row in harness.rows(popup)] if popup.display else []


async def test_tab_completes_command_and_name(tmp_path: Path) -> None:
    async with chat(tmp_path, here=("alba", "alice", "bob"), follows=("alba",)) as harness:
        composer = composer_of(harness)
        harness.model.user = harness.model.people.user = "bob"
        await harness.press(*"/sub")
        assert [row.split()[0] for row in popup_rows(harness)] == ["/subscribe", "/subs"]
        assert composer.text == "/sub", "a listed completion is not inserted"
        await harness.press("tab")
        assert composer.text == "/subscribe "
        assert popup_rows(harness)[0].startswith("▸ /subscribe NAME")
        await harness.press(*"al", "tab")
        assert composer.text == "/subscribe alice ", "alba is followed already"
        assert popup_rows(harness) == []
        await harness.press("enter")
        assert harness.session.calls == [("submit", "/subscribe alice ")]


async def test_tab_and_arrow_keys_cycle_through_completions(tmp_path: Path) -> None:
    async with chat(tmp_path, here=("alice", "bob", "bert", "ben")) as harness:
        composer = composer_of(harness)
        await harness.press(*"see @b")
        assert [row.split()[0] for row in popup_rows(harness)] == ["@ben", "@bert", "@bob"]
        for key, text in (
            ("tab", "see @ben "),
            ("tab", "see @bert "),
            ("down", "see @bob "),
            ("down", "see @ben "),
            ("shift+tab", "see @bob "),
            ("up", "see @bert "),
        ):
            await harness.press(key)
            assert composer.text == text
        await harness.press("escape")
        assert (composer.text, popup_rows(harness)) == ("see @b", [])
        await harness.press("tab", "down", "enter")
        assert (composer.text, popup_rows(harness)) == ("see @bert ", [])
        assert harness.session.calls == [], "Enter accepts the completion and sends nothing"
        await harness.press("tab")
        assert harness.app.focused is not composer, "without a completion, Tab moves the focus"


async def test_completion_popup_does_not_block_history_or_enter(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        composer = composer_of(harness)
        harness.model.history.add("/join dev")
        await harness.press(*"/jo", "up")
        assert (composer.text, popup_rows(harness)) == ("/join dev", []), "Up walks the history"
        await harness.press("x", "backspace", "backspace")
        assert (composer.text, popup_rows(harness)) == ("/join de", ["dev  3 there"])
        await harness.press("down")
        assert composer.text == "/jo", "Down leads back to the draft"
        await harness.press("o", "backspace")
        assert popup_rows(harness), "typed text lists completions again"
        await harness.press("escape", *"i")
        assert (composer.text, popup_rows(harness)) == ("/joi", []), "Escape closes the list"
        await harness.press("ctrl+u", *"/leave", "enter")
        assert harness.session.calls == [("submit", "/leave")], "Enter sends if none is chosen"
        await harness.press(*"hello bo")
        assert popup_rows(harness) == [], "a bare word lists no completions"
        await harness.press("tab")
        assert composer.text == "hello bob "


async def test_click_selects_completion_and_list_scrolls(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(60, 12)) as harness:
        names = tuple(f"user{number:02}" for number in range(30))
        harness.session.emit(MembersListed("lobby", names))
        await harness.press("@")
        shown = popup_rows(harness)
        assert 3 <= len(shown) <= 8
        assert shown[-1].endswith(f"{len(shown)} of 30")
        await harness.press("tab", "shift+tab")
        assert popup_rows(harness)[-1].startswith("▸ @user29")
        await harness.click_on("@user28")
        assert (composer_of(harness).text, popup_rows(harness)) == ("@user28 ", [])
        assert harness.app.focused is composer_of(harness)
        await harness.press("backspace", "backspace", "f2")
        assert popup_rows(harness) == [], "the list closes when the cursor moves away"

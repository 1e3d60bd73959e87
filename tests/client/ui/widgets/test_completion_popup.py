"""Completion in the composer: what Tab, the arrows, Enter, Esc and the mouse do with what fits."""

from __future__ import annotations

from pathlib import Path

from chat_tui.events import MembersListed
from chat_tui.ui.widgets.completion_popup import CompletionPopup
from chat_tui.ui.widgets.composer import Composer
from tests.support.app_harness import AppHarness, chat


def composer_of(bench: AppHarness) -> Composer:
    return bench.app.chat.query_one(Composer)


def listed(bench: AppHarness) -> list[str]:
    """The popup's rows, the chosen one with its mark; none where there is no popup."""
    popup = bench.app.chat.query_one(CompletionPopup)
    return [row.strip() for row in bench.rows(popup)] if popup.display else []


async def test_tab_completes_command_and_name(tmp_path: Path) -> None:
    async with chat(tmp_path, here=("alba", "alice", "bob"), follows=("alba",)) as bench:
        composer = composer_of(bench)
        bench.model.user = bench.model.people.user = "bob"
        await bench.press(*"/sub")
        assert [row.split()[0] for row in listed(bench)] == ["/subscribe", "/subs"]
        assert composer.text == "/sub", "it is only offered so far"
        await bench.press("tab")
        assert composer.text == "/subscribe "
        assert listed(bench)[0].startswith("▸ /subscribe NAME")
        await bench.press(*"al", "tab")
        assert composer.text == "/subscribe alice ", "alba is followed already"
        assert listed(bench) == []
        await bench.press("enter")
        assert bench.session.told == [("submit", "/subscribe alice ")]


async def test_tab_and_arrow_keys_cycle_through_completions(tmp_path: Path) -> None:
    async with chat(tmp_path, here=("alice", "bob", "bert", "ben")) as bench:
        composer = composer_of(bench)
        await bench.press(*"see @b")
        assert [row.split()[0] for row in listed(bench)] == ["@ben", "@bert", "@bob"]
        for key, text in (
            ("tab", "see @ben "),
            ("tab", "see @bert "),
            ("down", "see @bob "),
            ("down", "see @ben "),
            ("shift+tab", "see @bob "),
            ("up", "see @bert "),
        ):
            await bench.press(key)
            assert composer.text == text
        await bench.press("escape")
        assert (composer.text, listed(bench)) == ("see @b", [])
        await bench.press("tab", "down", "enter")
        assert (composer.text, listed(bench)) == ("see @bert ", [])
        assert bench.session.told == [], "this Enter was for the choice"
        await bench.press("tab")
        assert bench.app.focused is not composer, "nothing is left to complete"


async def test_completion_popup_does_not_block_history_or_enter(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        composer = composer_of(bench)
        bench.model.history.add("/join dev")
        await bench.press(*"/jo", "up")
        assert (composer.text, listed(bench)) == ("/join dev", []), "Up is the history"
        await bench.press("x", "backspace", "backspace")
        assert (composer.text, listed(bench)) == ("/join de", ["dev  3 there"])
        await bench.press("down")
        assert composer.text == "/jo", "Down leads back to the draft all the same"
        await bench.press("o", "backspace")
        assert listed(bench), "what is typed makes an offer again"
        await bench.press("escape", *"i")
        assert (composer.text, listed(bench)) == ("/joi", []), "Esc means it"
        await bench.press("ctrl+u", *"/leave", "enter")
        assert bench.session.told == [("submit", "/leave")], "Enter sends where nothing is chosen"
        await bench.press(*"hello bo")
        assert listed(bench) == [], "words are not interrupted"
        await bench.press("tab")
        assert composer.text == "hello bob "


async def test_click_selects_completion_and_list_scrolls(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(60, 12)) as bench:
        names = tuple(f"user{number:02}" for number in range(30))
        bench.session.tell(MembersListed("lobby", names))
        await bench.press("@")
        shown = listed(bench)
        assert 3 <= len(shown) <= 8
        assert shown[-1].endswith(f"{len(shown)} of 30")
        await bench.press("tab", "shift+tab")
        assert listed(bench)[-1].startswith("▸ @user29")
        await bench.click_on("@user28")
        assert (composer_of(bench).text, listed(bench)) == ("@user28 ", [])
        assert bench.app.focused is composer_of(bench)
        await bench.press("backspace", "backspace", "f2")
        assert listed(bench) == [], "it goes with the cursor"

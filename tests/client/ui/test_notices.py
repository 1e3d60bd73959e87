"""Notices: which one is shown, for how long, and that none covers the talk."""

from pathlib import Path

import pytest
from textual.widgets._toast import Toast

from chat_tui.ui.notices import MIN_SECONDS, NoticeBoard
from chat_tui.ui.screens.notices import NoticesScreen
from chat_tui.ui.terminal.cells import cut_at_word
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.message_log import MessageLog
from chat_tui.ui.widgets.notice_bar import NoticeBar
from tests.support.app_harness import AppHarness, chat, form
from tests.support.fake_clock import FakeClock


def bar_of(harness: AppHarness) -> NoticeBar:
    return harness.app.screen.query_one(NoticeBar)


def shown(board: NoticeBoard) -> str:
    return "" if board.current is None else board.current.shown_text


class TestBoard:
    def test_notice_ends_after_some_seconds(self) -> None:
        clock = FakeClock()
        board = NoticeBoard(clock)
        board.add("Copied.", "information")
        clock.now += 4.0
        board.tick()
        assert shown(board) == "Copied."
        clock.now += 4.0
        board.tick()
        assert shown(board) == ""

    def test_long_notice_is_shown_longer(self) -> None:
        clock = FakeClock()
        board = NoticeBoard(clock)
        board.add("word " * 40, "information")
        clock.now += 10.0
        board.tick()
        assert shown(board)

    @pytest.mark.parametrize(("severity", "sign"), [("warning", "! "), ("error", "! Error: ")])
    def test_problem_has_sign_and_stays_until_key(self, severity: str, sign: str) -> None:
        clock = FakeClock()
        board = NoticeBoard(clock)
        board.add("not written", severity)  # type: ignore[arg-type]
        board.key_pressed()  # a key that was on its way
        clock.now += 3600.0
        board.tick()
        assert shown(board) == f"{sign}not written"
        board.key_pressed()
        assert shown(board) == ""

    def test_new_notice_replaces_old_one_but_waits_for_new_problem(self) -> None:
        clock = FakeClock()
        board = NoticeBoard(clock)
        board.add("one", "information")
        board.add("two", "information")
        assert shown(board) == "two"
        board.add("no space left", "error")
        board.add("three", "information")
        board.add("three", "information")
        assert (shown(board), board.waiting) == ("! Error: no space left", 1)
        clock.now += MIN_SECONDS
        board.tick()
        assert (shown(board), board.waiting) == ("three", 0)

    def test_latest_notices_are_bounded(self) -> None:
        board = NoticeBoard(FakeClock())
        for number in range(1000):
            board.add(f"notice {number}", "error")
        assert len(board.latest) == 50
        assert board.waiting <= 50
        assert board.latest[-1].text == "notice 999"


@pytest.mark.parametrize(
    ("text", "cells", "result"),
    [
        ("Copied.", 7, "Copied."),
        ("Not sent: try again", 16, "Not sent: try…"),
        ("Not sent: try again", 14, "Not sent: try…"),
        ("Not sent: try again", 10, "Not sent…"),
        ("Donaudampfschifffahrt", 8, "Donauda…"),
        ("日本語 日本語", 9, "日本語…"),
        ("word", 0, ""),
    ],
)
def test_cut_at_word_keeps_whole_words(text: str, cells: int, result: str) -> None:
    assert cut_at_word(text, cells) == result


@pytest.mark.parametrize("severity", ["information", "warning", "error"])
async def test_notice_is_one_row_above_composer_and_covers_no_message(
    tmp_path: Path, severity: str
) -> None:
    async with chat(tmp_path, follows=("*",)) as harness:
        await harness.receive("bob", *(f"line {number}" for number in range(60)))
        log = harness.app.chat.query_one(MessageLog)
        before = harness.rows(log)
        harness.app.notify("It happened.", severity=severity)  # type: ignore[arg-type]
        await harness.until(lambda: "It happened. ─" in harness.screen_text(bar_of(harness)))
        assert harness.rows(log) == before
        assert not harness.app.screen.query(Toast)
        composer = harness.app.chat.query_one(Composer)
        assert bar_of(harness).region.bottom == composer.region.y
        assert harness.rows(bar_of(harness))[0].rstrip().endswith("It happened. ─")


async def test_long_notice_ends_after_whole_word_and_is_listed_whole(tmp_path: Path) -> None:
    async with chat(tmp_path, (40, 14), follows=("*",)) as harness:
        text = "Your password is changed. Your profile takes it from the keyring: change it too."
        harness.app.notify(text)
        await harness.until(lambda: "changed. Your… Alt+N" in harness.screen_text())
        await harness.press("alt+n")
        await harness.until(lambda: isinstance(harness.app.screen, NoticesScreen))
        await harness.settle()
        whole = " ".join(harness.screen_text().replace("│", " ").split())
        assert text in whole
        await harness.press("escape")
        assert harness.app.screen is harness.app.chat


async def test_error_of_input_stays_next_to_notice(tmp_path: Path) -> None:
    async with chat(tmp_path, follows=("*",)) as harness:
        await harness.press(*"/frobnicate", "enter")
        harness.app.notify("It happened while the text was blocked.")
        await harness.settle()
        assert "/frobnicate is not a command" in harness.screen_text(bar_of(harness))
        assert "/frobnicate is not a command" in harness.notices()


async def test_login_form_shows_notice_below_fields(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        harness.app.notify("line 1: no theme is called 'x'", severity="warning")
        await harness.until(lambda: "! line 1: no theme" in harness.screen_text())
        harness.app.notices.clear()
        harness.app.notify("long words " * 20)
        await harness.until(lambda: "… Alt+N" in harness.screen_text())
        assert not harness.app.screen.query(Toast)

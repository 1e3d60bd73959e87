"""Reading a log by hand: search, a cursor, copying, links, authors, the mouse."""

from pathlib import Path

import pytest
from textual.events import Click, Key
from textual.geometry import Offset
from textual.widgets import Button

from chat_tui.config import Configuration
from chat_tui.config.settings import Settings
from chat_tui.events import Joined, MembersListed, MessagePending, MessageUnconfirmed
from chat_tui.launch import LaunchOptions
from chat_tui.ui.screens import link
from chat_tui.ui.screens.link import LinkScreen
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.message_log import MessageLog
from chat_tui.ui.widgets.search_bar import SearchBar
from chat_tui.ui.widgets.status_bar import StatusBar
from tests.support.app_harness import AppHarness, SignedInApp, app_with, chat


def log_of(bench: AppHarness) -> MessageLog:
    return bench.app.chat.query_one(MessageLog)


def bar_of(bench: AppHarness) -> SearchBar:
    return bench.app.chat.query_one(SearchBar)


def chosen(bench: AppHarness) -> str:
    """The text of the message under the cursor, as the screen marks it."""
    rows = [row for row in bench.rows(log_of(bench)) if row.startswith("▌")]
    return " ".join(row[16:-1].strip() for row in rows)


def hits(bench: AppHarness) -> list[str]:
    """What is marked as found, from top to bottom."""
    log = log_of(bench)
    look = log.get_component_rich_style("message-log--hit")
    return [
        segment.text
        for y in range(log.size.height)
        for segment in log.render_line(y)
        if segment.style and segment.style.bgcolor == look.bgcolor and segment.text.strip()
    ]


async def fill(bench: AppHarness, lines: int = 60) -> None:
    await bench.hear("bob", *(f"line {number}" for number in range(lines)))
    await bench.hear("carol", "the build is red", "Rebuild it")
    await bench.hear("bob", "last words")
    await bench.until(lambda: "last words" in bench.shown(log_of(bench)))


class TestSearch:
    async def test_search_updates_live_and_escape_restores_position(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            log = log_of(bench)
            await fill(bench)
            await bench.press("h", "a", "l", "f", "pageup")
            top, below = log.top_entry, bench.rows(log)[:-1]
            await bench.press("ctrl+f", *"line 1")
            await bench.until(lambda: "/11" in bench.shown(bar_of(bench)))
            assert "11/11" in bench.shown(bar_of(bench))
            assert chosen(bench) == "line 19"
            assert set(hits(bench)) == {"line 1"}
            await bench.press("up")
            assert "10/11" in bench.shown(bar_of(bench))
            assert chosen(bench) == "line 18"
            await bench.hear("dave", *(f"line 1 {number}" for number in range(30)))
            assert "10/41" in bench.shown(bar_of(bench))
            assert chosen(bench) == "line 18"
            await bench.press("down", "down")
            assert "12/41" in bench.shown(bar_of(bench))
            assert chosen(bench) == "line 1 0"
            await bench.press("enter", "enter", "ctrl+f")
            assert chosen(bench) == "line 17"
            await bench.press(*"x")
            await bench.until(lambda: "nothing found" in bench.shown(bar_of(bench)))
            assert log.top_entry == top
            bench.app.post_message(Key("escape", None))
            await bench.press("w")  # at once: it is written, not searched
            await bench.until(lambda: not bar_of(bench).display)
            assert bench.app.chat.query_one(Composer).text == "halfw"
            assert log.top_entry == top
            assert [row[:40] for row in bench.rows(log)[:-1]] == [row[:40] for row in below]
            assert not hits(bench)
            assert not chosen(bench)

    async def test_search_by_author_and_stay_at_hit(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await fill(bench)
            await bench.press("ctrl+f", *"from:carol")
            await bench.until(lambda: "2/2" in bench.shown(bar_of(bench)))
            assert chosen(bench) == "Rebuild it"
            assert "carol" in hits(bench)
            await bench.press(*" build", "up")
            assert "1/2" in bench.shown(bar_of(bench))
            assert chosen(bench) == "the build is red"
            assert hits(bench)[-2:] == ["build", "build"]
            await bench.press("tab")
            await bench.until(lambda: log_of(bench).has_focus)
            assert chosen(bench) == "the build is red"
            assert not bar_of(bench).display

    async def test_search_by_mouse_and_resume_following(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await fill(bench)
            bench.app.chat.action_find()
            await bench.press(*"line 5")
            await bench.until(lambda: "11/11" in bench.shown(bar_of(bench)))
            await bench.click_on("↑", bar_of(bench))
            assert "10/11" in bench.shown(bar_of(bench))
            await bench.click_on("↓", bar_of(bench))
            assert "11/11" in bench.shown(bar_of(bench))
            await bench.click_on("✕", bar_of(bench))
            await bench.hear("bob", "followed again")
            assert "followed again" in bench.rows(log_of(bench))[-1]

    async def test_room_change_ends_search(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await fill(bench)
            await bench.press("ctrl+f", *"line")
            await bench.until(lambda: "/60" in bench.shown(bar_of(bench)))
            bench.session.tell(Joined("dev"), MembersListed("dev", ("alice",)))
            await bench.until(lambda: not bar_of(bench).display)
            await bench.hear("bob", "another line")
            await bench.press("w")
            assert bench.app.chat.query_one(Composer).text == "w"
            assert not hits(bench)


class TestCursor:
    async def test_log_cursor_copies_follows_and_resends(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("TMUX", "STY", "TERM_PROGRAM"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TERM", "xterm-256color")
        async with chat(tmp_path) as bench:
            log = log_of(bench)
            long = "a long message that " + "goes on and " * 9 + "ends"
            await fill(bench)
            await bench.hear("carol", long)
            bench.session.tell(MessagePending(1, "lobby", "mine"), MessageUnconfirmed(1))
            await bench.settle()
            log.focus()
            await bench.press("up")
            assert chosen(bench) == "mine"
            await bench.press("r")
            resent: tuple[object, ...] = ("resend", bench.model.log.end - 1)
            await bench.until(lambda: bench.session.told[-1:] == [resent])
            await bench.press("up", "c")
            await bench.until(lambda: bench.app.clipboard == long)
            copied = tmp_path / "copied.txt"
            await bench.until(copied.exists)
            assert copied.read_text() == long + "\n"
            assert copied.stat().st_mode & 0o777 == 0o600
            await bench.until(lambda: "copied.txt" in bench.toasts())
            (toast,) = bench.app._notifications
            assert "Yours may not take it" in toast.message
            await bench.press("f")
            await bench.until(lambda: bench.session.told[-1] == ("toggle_follow", "carol"))
            # What comes does not carry the message away that one is at.
            await bench.hear("bob", *(f"more {number}" for number in range(30)))
            assert chosen(bench).startswith("a long message")
            assert "30 new below" in bench.rows(log)[-1]
            await bench.press(*["up"] * 40)
            assert chosen(bench).startswith("line 2")
            await bench.press("escape")
            await bench.until(lambda: not log.has_focus)
            assert not chosen(bench)
            log.focus()
            await bench.press("end", "up", "down")
            assert log.following

    async def test_osc_52_terminal_copies_without_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("TMUX", raising=False)
        monkeypatch.delenv("STY", raising=False)
        monkeypatch.setenv("TERM", "xterm-kitty")
        async with chat(tmp_path) as bench:
            await bench.hear("bob", "x" * 60_000)
            await bench.hear("carol", "one and only")
            await bench.click_on("only", log_of(bench), times=2)
            await bench.press("ctrl+c")
            await bench.until(lambda: bench.app.clipboard == "one and only")
            await bench.until(lambda: "Sent to the terminal's" in bench.shown())
            assert not (tmp_path / "copied.txt").exists()
            log_of(bench).focus()
            await bench.press("up", "up", "y")  # more than such a terminal takes
            await bench.until((tmp_path / "copied.txt").exists)


class TestLinks:
    async def test_wrapped_link_is_shown_whole_and_opened_only_by_key(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[str] = []
        monkeypatch.setattr(link, "browser_command", lambda environment: ["browse"])
        monkeypatch.setattr(link, "open_in", lambda command, target: opened.append(target))
        target = "http://real.example/" + "/".join(f"part{number}" for number in range(24))
        async with chat(tmp_path, size=(80, 24)) as bench:
            log = log_of(bench)
            await bench.hear("bob", f"[@click=app.quit] see {target}, and https://b.example/")
            await bench.click_on("part20", log)
            await bench.until(lambda: isinstance(bench.app.screen, LinkScreen))
            await bench.settle()
            rows = bench.rows(bench.app.screen.query_one("#link-target"))
            assert "".join(row.strip() for row in rows) == target
            assert "leads to real.example · unencrypted · 1 of 2" in bench.shown()
            assert "from bob" in bench.shown()
            assert not opened
            await bench.press("escape")
            assert not opened
            log.focus()
            await bench.press("up", "o")
            await bench.until(lambda: isinstance(bench.app.screen, LinkScreen))
            await bench.press("n", "enter")
            await bench.until(lambda: opened == ["https://b.example/"])
            await bench.until(lambda: not isinstance(bench.app.screen, LinkScreen))
            await bench.press("o")
            await bench.until(lambda: isinstance(bench.app.screen, LinkScreen))
            await bench.press("c")
            await bench.until(lambda: bench.app.clipboard == target)
            assert len(opened) == 1
            # To select it is not to open it.
            bench.app.clear_notifications()
            await bench.until(lambda: "clipboard" not in bench.shown())
            region = log.region
            await bench.pilot.mouse_down(offset=Offset(region.x + 20, region.y + 2))
            await bench.pilot.hover(offset=Offset(region.x + 40, region.y + 2))
            await bench.pilot.mouse_up(offset=Offset(region.x + 40, region.y + 2))
            await bench.settle()
            assert "example/part0" in str(bench.app.chat.get_selected_text())
            # A terminal's drag ends with a click, a pilot's does not.
            log.post_message(Click(log, 40, 2, 0, 0, 1, False, False, False))
            await bench.settle()
            await bench.click_on("bob", log)  # what that click brought about is done by then
            await bench.until(lambda: bench.session.told[-1] == ("toggle_follow", "bob"))
            assert not isinstance(bench.app.screen, LinkScreen)

    async def test_link_can_be_copied_without_browser(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(link, "browser_command", lambda environment: None)
        async with chat(tmp_path, size=(40, 14)) as bench:
            await bench.hear("bob", "https://a.example/x")
            await bench.click_on("https", log_of(bench))
            await bench.until(lambda: "No browser" in bench.shown())
            assert bench.app.screen.query_one("#open", Button).disabled
            await bench.press("enter")
            await bench.until(lambda: bench.app.clipboard == "https://a.example/x")


class TestAuthors:
    async def test_click_on_author_toggles_follow(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await bench.hear("carol", "bob said it")
            await bench.click_on("bob said", log_of(bench))
            assert "toggle_follow" not in [told[0] for told in bench.session.told]
            await bench.click_on("carol", log_of(bench))
            await bench.until(lambda: bench.session.told[-1] == ("toggle_follow", "carol"))


class TestMentions:
    async def test_mention_word_is_highlighted_across_rows(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            log = log_of(bench)
            bench.model.mentions.configure(keywords=("red build",))
            await bench.hear("bob", "x" * 37 + " a red build", "redbuild, alice2")
            rows = bench.rows(log)
            assert [row[0] for row in rows[1:4]] == ["@", " ", " "]
            look = log.get_component_rich_style("message-log--mention")
            assert look.reverse
            marked = [
                segment.text
                for y in range(1, 4)
                for segment in log.render_line(y)
                if segment.style and segment.style.reverse
            ]
            assert " ".join(marked) == "red build"


class TestMouse:
    async def test_mouse_off_key_releases_mouse_and_shows_status(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with chat(tmp_path) as bench:
            written: list[str] = []
            monkeypatch.setattr(bench.app, "write_to_terminal", written.append)
            bar = bench.app.chat.query_one(StatusBar)
            await bench.press("f7")
            await bench.until(lambda: "mouse off" in bench.shown(bar))
            assert "\x1b[?1000l" in written[-1]
            assert "\x1b[?1003l" in written[-1]
            await bench.press("f7")
            await bench.until(lambda: "mouse off" not in bench.shown(bar))
            assert "\x1b[?1003h" in written[-1]

    async def test_mouse_can_be_disabled_in_settings(self, tmp_path: Path) -> None:
        start = LaunchOptions(
            "127.0.0.1", 9000, "alice", configuration=Configuration(settings=Settings(mouse=False))
        )
        app, session = app_with(tmp_path, start, SignedInApp)
        session.be_online()
        written: list[str] = []
        app.write_to_terminal = written.append  # type: ignore[assignment, method-assign]
        async with app.run_test() as pilot:
            bench = AppHarness(app, pilot, session)
            await bench.until(lambda: "mouse off" in bench.shown(app.chat.query_one(StatusBar)))
            assert "\x1b[?1003l" in "".join(written)

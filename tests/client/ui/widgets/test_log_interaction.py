"""Interaction with the log: search, cursor, copying, links, authors, mouse."""

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


def log_of(harness: AppHarness) -> MessageLog:
    return harness.app.chat.query_one(MessageLog)


def bar_of(harness: AppHarness) -> SearchBar:
    return harness.app.chat.query_one(SearchBar)


def text_under_cursor(harness: AppHarness) -> str:
    """Return the text of the message under the cursor, as the screen marks it."""
    rows = [row for row in harness.rows(log_of(harness)) if row.startswith("▌")]
    return " ".join(row[16:-1].strip() for row in rows)


def marked_hits(harness: AppHarness) -> list[str]:
    """Return the marked hits, from top to bottom."""
    log = log_of(harness)
    hit_style = log.get_component_rich_style("message-log--hit")
    return [
        segment.text
        for y in range(log.size.height)
        for segment in log.render_line(y)
        if segment.style and segment.style.bgcolor == hit_style.bgcolor and segment.text.strip()
    ]


async def fill_log(harness: AppHarness, lines: int = 60) -> None:
    await harness.receive("bob", *(f"line {number}" for number in range(lines)))
    await harness.receive("carol", "the build is red", "Rebuild it")
    await harness.receive("bob", "last words")
    await harness.until(lambda: "last words" in harness.screen_text(log_of(harness)))


class TestSearch:
    async def test_search_updates_live_and_escape_restores_position(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            log = log_of(harness)
            await fill_log(harness)
            await harness.press("h", "a", "l", "f", "pageup")
            top, below = log.top_entry, harness.rows(log)[:-1]
            await harness.press("ctrl+f", *"line 1")
            await harness.until(lambda: "/11" in harness.screen_text(bar_of(harness)))
            assert "11/11" in harness.screen_text(bar_of(harness))
            assert text_under_cursor(harness) == "line 19"
            assert set(marked_hits(harness)) == {"line 1"}
            await harness.press("up")
            assert "10/11" in harness.screen_text(bar_of(harness))
            assert text_under_cursor(harness) == "line 18"
            await harness.receive("dave", *(f"line 1 {number}" for number in range(30)))
            assert "10/41" in harness.screen_text(bar_of(harness))
            assert text_under_cursor(harness) == "line 18"
            await harness.press("down", "down")
            assert "12/41" in harness.screen_text(bar_of(harness))
            assert text_under_cursor(harness) == "line 1 0"
            await harness.press("enter", "enter", "ctrl+f")
            assert text_under_cursor(harness) == "line 17"
            await harness.press(*"x")
            await harness.until(lambda: "nothing found" in harness.screen_text(bar_of(harness)))
            assert log.top_entry == top
            harness.app.post_message(Key("escape", None))
            await harness.press("w")  # at once: it goes to the composer, not to the search
            await harness.until(lambda: not bar_of(harness).display)
            assert harness.app.chat.query_one(Composer).text == "halfw"
            assert log.top_entry == top
            assert [row[:40] for row in harness.rows(log)[:-1]] == [row[:40] for row in below]
            assert not marked_hits(harness)
            assert not text_under_cursor(harness)

    async def test_search_finds_author_and_stays_at_hit(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await fill_log(harness)
            await harness.press("ctrl+f", *"from:carol")
            await harness.until(lambda: "2/2" in harness.screen_text(bar_of(harness)))
            assert text_under_cursor(harness) == "Rebuild it"
            assert "carol" in marked_hits(harness)
            await harness.press(*" build", "up")
            assert "1/2" in harness.screen_text(bar_of(harness))
            assert text_under_cursor(harness) == "the build is red"
            assert marked_hits(harness)[-2:] == ["build", "build"]
            await harness.press("tab")
            await harness.until(lambda: log_of(harness).has_focus)
            assert text_under_cursor(harness) == "the build is red"
            assert not bar_of(harness).display

    async def test_search_bar_buttons_move_hit_and_resume_following(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await fill_log(harness)
            harness.app.chat.action_find()
            await harness.press(*"line 5")
            await harness.until(lambda: "11/11" in harness.screen_text(bar_of(harness)))
            await harness.click_on("↑", bar_of(harness))
            assert "10/11" in harness.screen_text(bar_of(harness))
            await harness.click_on("↓", bar_of(harness))
            assert "11/11" in harness.screen_text(bar_of(harness))
            await harness.click_on("✕", bar_of(harness))
            await harness.receive("bob", "followed again")
            assert "followed again" in harness.rows(log_of(harness))[-1]

    async def test_room_change_ends_search(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await fill_log(harness)
            await harness.press("ctrl+f", *"line")
            await harness.until(lambda: "/60" in harness.screen_text(bar_of(harness)))
            harness.session.emit(Joined("dev"), MembersListed("dev", ("alice",)))
            await harness.until(lambda: not bar_of(harness).display)
            await harness.receive("bob", "another line")
            await harness.press("w")
            assert harness.app.chat.query_one(Composer).text == "w"
            assert not marked_hits(harness)


class TestCursor:
    async def test_log_cursor_copies_follows_and_resends(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("TMUX", "STY", "TERM_PROGRAM"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TERM", "xterm-256color")
        async with chat(tmp_path) as harness:
            log = log_of(harness)
            long = "a long message that " + "goes on and " * 9 + "ends"
            await fill_log(harness)
            await harness.receive("carol", long)
            harness.session.emit(MessagePending(1, "lobby", "mine"), MessageUnconfirmed(1))
            await harness.settle()
            log.focus()
            await harness.press("up")
            assert text_under_cursor(harness) == "mine"
            await harness.press("r")
            resent: tuple[object, ...] = ("resend", harness.model.log.end - 1)
            await harness.until(lambda: harness.session.calls[-1:] == [resent])
            await harness.press("up", "c")
            await harness.until(lambda: harness.app.clipboard == long)
            copied = tmp_path / "copied.txt"
            await harness.until(copied.exists)
            assert copied.read_text() == long + "\n"
            assert copied.stat().st_mode & 0o777 == 0o600
            await harness.until(lambda: "copied.txt" in harness.notices())
            (notice,) = harness.app.notices.latest
            assert "If pasting does not work, see " in notice.text
            await harness.press("f")
            await harness.until(lambda: harness.session.calls[-1] == ("toggle_follow", "carol"))
            # New messages do not move the message under the cursor.
            await harness.receive("bob", *(f"more {number}" for number in range(30)))
            assert text_under_cursor(harness).startswith("a long message")
            assert "30 new below" in harness.rows(log)[-1]
            await harness.press(*["up"] * 40)
            assert text_under_cursor(harness).startswith("line 2")
            await harness.press("escape")
            await harness.until(lambda: not log.has_focus)
            assert not text_under_cursor(harness)
            log.focus()
            await harness.press("end", "up", "down")
            assert log.following

    async def test_osc_52_terminal_copies_without_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("TMUX", raising=False)
        monkeypatch.delenv("STY", raising=False)
        monkeypatch.setenv("TERM", "xterm-kitty")
        async with chat(tmp_path) as harness:
            await harness.receive("bob", "x" * 60_000)
            await harness.receive("carol", "one and only")
            await harness.click_on("only", log_of(harness), times=2)
            await harness.press("ctrl+c")
            await harness.until(lambda: harness.app.clipboard == "one and only")
            await harness.until(lambda: "Copied." in harness.screen_text())
            assert not (tmp_path / "copied.txt").exists()
            log_of(harness).focus()
            await harness.press("up", "up", "y")  # more than OSC 52 can carry
            await harness.until((tmp_path / "copied.txt").exists)


class TestLinks:
    async def test_wrapped_link_is_shown_whole_and_opened_only_by_key(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[str] = []
        monkeypatch.setattr(link, "browser_command", lambda environment: ["browse"])
        monkeypatch.setattr(link, "open_in", lambda command, target: opened.append(target))
        target = "http://real.example/" + "/".join(f"part{number}" for number in range(24))
        async with chat(tmp_path, size=(80, 24)) as harness:
            log = log_of(harness)
            await harness.receive("bob", f"[@click=app.quit] see {target}, and https://b.example/")
            await harness.click_on("part20", log)
            await harness.until(lambda: isinstance(harness.app.screen, LinkScreen))
            await harness.settle()
            rows = harness.rows(harness.app.screen.query_one("#link-target"))
            assert "".join(row.strip() for row in rows) == target
            assert "leads to real.example · unencrypted · 1 of 2" in harness.screen_text()
            assert "from bob" in harness.screen_text()
            assert not opened
            await harness.press("escape")
            assert not opened
            log.focus()
            await harness.press("up", "o")
            await harness.until(lambda: isinstance(harness.app.screen, LinkScreen))
            await harness.press("n", "enter")
            await harness.until(lambda: opened == ["https://b.example/"])
            await harness.until(lambda: not isinstance(harness.app.screen, LinkScreen))
            await harness.press("o")
            await harness.until(lambda: isinstance(harness.app.screen, LinkScreen))
            await harness.press("c")
            await harness.until(lambda: harness.app.clipboard == target)
            assert len(opened) == 1
            # Selecting a link does not open it.
            harness.app.notices.clear()
            await harness.until(lambda: "Copied." not in harness.screen_text())
            region = log.region
            await harness.pilot.mouse_down(offset=Offset(region.x + 45, region.y + 1))
            await harness.pilot.hover(offset=Offset(region.x + 64, region.y + 1))
            await harness.pilot.mouse_up(offset=Offset(region.x + 64, region.y + 1))
            await harness.settle()
            assert "example/part0" in str(harness.app.chat.get_selected_text())
            # A drag in a terminal ends with a click; a drag of the pilot does not.
            log.post_message(Click(log, 40, 2, 0, 0, 1, False, False, False))
            await harness.settle()
            await harness.click_on("bob", log)  # the click before is handled by then
            await harness.until(lambda: harness.session.calls[-1] == ("toggle_follow", "bob"))
            assert not isinstance(harness.app.screen, LinkScreen)

    async def test_link_dialog_shows_and_opens_host_of_browser(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[str] = []
        monkeypatch.setattr(link, "browser_command", lambda environment: ["browse"])
        monkeypatch.setattr(link, "open_in", lambda command, target: opened.append(target))
        async with chat(tmp_path, size=(80, 24)) as harness:
            await harness.receive("bob", "https://bank.example@f\u0430ß.example:81/a，b")
            await harness.click_on("https", log_of(harness))
            await harness.until(lambda: isinstance(harness.app.screen, LinkScreen))
            await harness.until(lambda: "leads to" in harness.screen_text())
            shown = harness.screen_text()
            assert "leads to xn--f-qfa06w.example:81 (f\u0430ß.example)" in shown
            assert "mixes letters: Cyrillic, Latin" in shown
            assert '"bank.example" is a user name for' in shown
            await harness.press("enter")
            await harness.until(lambda: opened)
            assert opened == ["https://bank.example@xn--f-qfa06w.example:81/a"]

    async def test_link_to_invalid_host_is_explained_and_not_opened(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[str] = []
        monkeypatch.setattr(link, "browser_command", lambda environment: ["browse"])
        monkeypatch.setattr(link, "open_in", lambda command, target: opened.append(target))
        async with chat(tmp_path, size=(80, 24)) as harness:
            await harness.receive("bob", "http://a..b/ https://good.example/")
            await harness.click_on("http:", log_of(harness))
            await harness.until(lambda: "leads nowhere" in harness.screen_text())
            assert harness.app.screen.query_one("#open", Button).disabled
            await harness.press("o")
            await harness.until(lambda: "Error: Not opened" in harness.screen_text())
            await harness.press("n")
            await harness.until(lambda: "leads to good.example" in harness.screen_text())
            await harness.press("o")
            await harness.until(lambda: opened == ["https://good.example/"])

    async def test_link_can_be_copied_without_browser(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(link, "browser_command", lambda environment: None)
        async with chat(tmp_path, size=(40, 14)) as harness:
            await harness.receive("bob", "https://a.example/x")
            await harness.click_on("https", log_of(harness))
            await harness.until(lambda: "No browser" in harness.screen_text())
            assert harness.app.screen.query_one("#open", Button).disabled
            await harness.press("enter")
            await harness.until(lambda: harness.app.clipboard == "https://a.example/x")


class TestAuthors:
    async def test_click_on_author_toggles_follow(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("carol", "bob said it")
            await harness.click_on("bob said", log_of(harness))
            assert "toggle_follow" not in [call[0] for call in harness.session.calls]
            await harness.click_on("carol", log_of(harness))
            await harness.until(lambda: harness.session.calls[-1] == ("toggle_follow", "carol"))


class TestMentions:
    async def test_mention_word_is_highlighted_across_rows(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            log = log_of(harness)
            harness.model.mentions.configure(keywords=("red build",))
            await harness.receive("bob", "x" * 37 + " a red build", "redbuild, alice2")
            rows = harness.rows(log)
            assert [row[0] for row in rows[1:4]] == ["@", " ", " "]
            hit_style = log.get_component_rich_style("message-log--mention")
            assert hit_style.reverse
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
        async with chat(tmp_path) as harness:
            written: list[str] = []
            monkeypatch.setattr(harness.app, "write_to_terminal", written.append)
            bar = harness.app.chat.query_one(StatusBar)
            await harness.press("f7")
            await harness.until(lambda: "mouse off" in harness.screen_text(bar))
            assert "\x1b[?1000l" in written[-1]
            assert "\x1b[?1003l" in written[-1]
            await harness.press("f7")
            await harness.until(lambda: "mouse off" not in harness.screen_text(bar))
            assert "\x1b[?1003h" in written[-1]

    async def test_mouse_can_be_disabled_in_settings(self, tmp_path: Path) -> None:
        start = LaunchOptions(
            "127.0.0.1", 9000, "alice", configuration=Configuration(settings=Settings(mouse=False))
        )
        app, session = app_with(tmp_path, start, SignedInApp)
        session.go_online()
        written: list[str] = []
        app.write_to_terminal = written.append  # type: ignore[assignment, method-assign]
        async with app.run_test() as pilot:
            harness = AppHarness(app, pilot, session)
            await harness.until(
                lambda: "mouse off" in harness.screen_text(app.chat.query_one(StatusBar))
            )
            assert "\x1b[?1003l" in "".join(written)

"""The composer: sending, pasting, history, and no loss of typed text."""

from pathlib import Path

from textual import events

from chat_tui.events import ConnectionChanged, ConnectionState, Joined, TextReturned
from chat_tui.model.location import Location
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.notice_bar import NoticeBar
from tests.support.app_harness import HOSTILE, AppHarness, chat, form, sign_in
from tests.support.fake_session import COMMANDS


def composer_of(harness: AppHarness) -> Composer:
    return harness.app.chat.query_one(Composer)


async def write(harness: AppHarness, text: str) -> None:
    await harness.press(*text)


async def paste(harness: AppHarness, text: str) -> None:
    composer_of(harness).post_message(events.Paste(text))
    await harness.settle()


def bar_text(harness: AppHarness) -> str:
    """Return the row above the composer."""
    return harness.screen_text(harness.app.chat.query_one(NoticeBar))


def connection_lost(seconds: float = 4.0) -> ConnectionChanged:
    return ConnectionChanged(ConnectionState.WAITING, "The server closed the connection", seconds)


async def test_composer_is_focused_and_shows_room(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        assert harness.app.focused is composer_of(harness)
        assert "Message lobby…" in harness.screen_text(composer_of(harness))


async def test_enter_sends_text_and_clears_composer(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await write(harness, "hello all")
        await harness.press("enter")
        assert harness.session.calls[-1] == ("submit", "hello all")
        assert composer_of(harness).text == ""


async def test_enter_on_blank_text_sends_nothing(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await write(harness, "   ")
        await harness.press("enter")
        assert harness.session.calls == []


async def test_multiline_paste_stays_whole_until_enter(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await paste(harness, "one\r\n/two\n\nthree")
        assert harness.session.calls == []
        assert "4 lines: Enter sends each as a message" in bar_text(harness)
        await harness.press("enter")
        assert harness.session.calls == [("submit", "one\n/two\n\nthree")]


async def test_paste_of_twenty_lines_is_sent_by_one_enter(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        twenty = "\n".join(f"line {n} {'x' * 200}" for n in range(20))
        await paste(harness, twenty)
        assert composer_of(harness).text == twenty
        assert "20 lines: Enter sends each as a message" in bar_text(harness)
        await harness.press("enter")
        assert harness.session.calls == [("submit", twenty)]


async def test_long_paste_asks_for_confirmation_and_huge_paste_is_rejected(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        composer = composer_of(harness)
        composer.clear()
        await paste(harness, "x" * 2000)
        assert composer.text == "x" * 2000, "2,000 bytes need no confirmation"
        composer.clear()
        await write(harness, "before ")
        more = "\r\n".join(f"line {n}" for n in range(21))
        await paste(harness, more)
        await harness.until(lambda: "Paste 21 lines? Each line is sent" in harness.screen_text())
        assert "Y Paste" in harness.screen_text()
        await harness.press("escape")
        assert composer.text == "before "
        await paste(harness, more)
        await harness.until(lambda: "Paste 21 lines" in harness.screen_text())
        await harness.press("enter")
        await harness.until(lambda: composer.text.startswith("before line 0\nline 1\n"))
        assert composer.text.endswith("\nline 20")
        assert harness.session.calls == [], "a paste is not sent before Enter"
        assert composer.size.height <= 7, "the composer must leave room for the log"
        harness.app.copy_to_clipboard("é" * 1001)
        await harness.press("ctrl+v")
        await harness.until(lambda: "Paste a line of 2,002 bytes?" in harness.screen_text())
        await harness.press("escape")
        before = composer.text
        for too_much in ("x" * 65_500, "x" * 65_537, "日" * 22_000, "x\r\n" * 22_000):
            await paste(harness, too_much)
            await harness.until(lambda: "chat-tui --send" in harness.screen_text())
            harness.app.notices.clear()
            await harness.until(lambda: "chat-tui --send" not in harness.screen_text())
        assert composer.text == before


async def test_paste_removes_control_characters_and_keeps_markup_as_text(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await paste(harness, HOSTILE)
        assert "\x1b" not in composer_of(harness).text
        assert "[/] [red]x[/red] [@click=app.quit]press[/]" in composer_of(harness).text


async def test_unknown_command_stays_in_composer_with_suggestion(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        composer = composer_of(harness)
        await write(harness, "/subscrbe bob")
        await harness.press("enter")
        assert (composer.text, harness.session.calls) == ("/subscrbe bob", [])
        assert "/subscrbe is not a command. Tab: /subscribe bob" in bar_text(harness)
        await harness.press("tab")
        assert composer.text == "/subscribe bob"
        assert "not a command" not in bar_text(harness)
        await harness.press("enter")
        await write(harness, " /login x")
        await harness.press("enter")
        assert composer.text == " /login x"
        assert "looks like a password" in bar_text(harness)
        await harness.press("x")
        assert "looks like a password" not in bar_text(harness)
        await harness.press("ctrl+u")
        await write(harness, "//x")
        await harness.press("enter")
        assert harness.session.calls == [("submit", "/subscribe bob"), ("submit", "//x")]
        await paste(harness, "see\nLOGIN alice secret\nbye")
        await harness.press("enter")
        assert composer.text == "see\nLOGIN alice secret\nbye"
        assert "line 2 looks like a password" in bar_text(harness)
        assert len(harness.model.history) == 2, "blocked text must not be in the history"


async def test_blocked_password_reason_is_fully_visible(tmp_path: Path) -> None:
    async with chat(tmp_path, (80, 24)) as harness:
        composer = harness.app.chat.query_one(Composer)
        for lines_before in (0, 1, 9):
            composer.text = "see\n" * lines_before + "LOGIN alice secret"
            await harness.press("enter")
            assert "looks like a password. If not, reword " in bar_text(harness)


async def test_ctrl_j_inserts_line_break(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press("a", "ctrl+j", "b")
        assert composer_of(harness).text == "a\nb"


async def test_history_keys_keep_draft(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        composer = composer_of(harness)

        async def texts_after(*keys: str) -> list[str]:
            texts = []
            for key in keys:
                await harness.press(key)
                texts.append(composer.text)
            return texts

        for text in ("/join dev", "one", "/join ops", "two", "/join ops"):
            await write(harness, text)
            await harness.press("enter")
        up_and_down = ("up", "up", "up", "down", "down", "down")
        assert await texts_after("up", "up", "down", "down") == [
            "/join ops",
            "two",
            "/join ops",
            "",
        ]
        await write(harness, "/j")
        assert await texts_after(*up_and_down) == [
            "/join ops",
            "/join dev",
            "/join dev",
            "/join ops",
            "/j",
            "/j",
        ]
        await harness.press("x")
        assert await texts_after("up", "down") == ["/jx", "/jx"], "no history entry begins with /jx"
        await harness.press("backspace", "up", "up", "enter")
        assert harness.session.calls[-1] == ("submit", "/join dev")
        assert composer.text == "", "the draft only served to find the entry"


async def test_history_is_restored_without_passwords(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await sign_in(harness)
        await write(harness, "before")
        await harness.press("enter")
        harness.model.history.add("/passwd old new")  # as if the server supports it
        harness.model.history.add("two\nlines")
    async with form(tmp_path) as harness:
        await sign_in(harness)
        await harness.press("up")
        assert composer_of(harness).text == "two\nlines"
        await harness.press("up", "up")
        assert composer_of(harness).text == "before"


async def test_edited_history_item_is_kept(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await write(harness, "one")
        await harness.press("enter", "up")
        await write(harness, " more")
        await harness.press("down", "up")
        assert composer_of(harness).text == "one more"


async def test_up_moves_cursor_within_multiline_text_first(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await write(harness, "sent")
        await harness.press("enter")
        await paste(harness, "a\nb")
        await harness.press("up")
        assert composer_of(harness).text == "a\nb"
        await harness.press("up")
        assert composer_of(harness).text == "sent"
        await harness.press("enter")
        assert harness.session.calls[-1] == ("submit", "sent")
        assert composer_of(harness).text == "a\nb", "the draft must be kept"


async def test_text_stays_in_composer_while_disconnected(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        harness.session.emit(connection_lost())
        await harness.settle()
        shown = bar_text(harness)
        assert "connection lost, next try in 4 s — Ctrl+R now" in shown
        await write(harness, "kept")
        await harness.press("enter")
        assert composer_of(harness).text == "kept"
        assert harness.session.calls == []
        assert "your text stays here, next try in 4 s" in bar_text(harness)
        await harness.press("ctrl+r")
        assert harness.session.calls == [("retry_now",)]
        harness.session.emit(ConnectionChanged(ConnectionState.ONLINE))
        await harness.settle()
        assert "next try" not in harness.screen_text()
        await harness.press("enter")
        assert harness.session.calls[-1] == ("submit", "kept")


async def test_reconnect_that_waits_for_the_password_check_is_shown(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        lost = ConnectionChanged(ConnectionState.RETRYING, checking_password=True)
        harness.session.emit(lost)
        await harness.settle()
        shown = harness.screen_text()
        assert "connection lost, the server checks the password…" in shown


async def test_fast_keys_are_applied_in_order(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        composer = composer_of(harness)
        for key in ("x", "y", "ctrl+u", "a", "b", "backspace", "c", "left", "d", "ctrl+j", "enter"):
            harness.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await harness.settle()
        assert harness.session.calls == [("submit", "ad\nc")]
        assert composer.text == ""


async def test_returned_text_is_inserted_before_draft(
    tmp_path: Path,
) -> None:
    async with chat(tmp_path) as harness:
        await write(harness, "later")
        harness.session.notices.append(TextReturned("earlier", f"No way there: {HOSTILE}"))
        harness.session.wake()
        await harness.until(lambda: composer_of(harness).text == "earlier\nlater")
        await harness.until(lambda: "No way there: [/] [red]x" in harness.screen_text())


async def test_returned_command_is_not_merged_into_draft(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await write(harness, "draft")
        harness.model.history.add("/join nowhere")
        harness.session.notices.append(TextReturned("/join nowhere", "Refused"))
        harness.session.wake()
        await harness.until(lambda: "Press Up for it: /join nowhere" in harness.screen_text())
        assert composer_of(harness).text == "draft"
        await harness.press("up")
        assert composer_of(harness).text == "/join nowhere"


async def test_log_keys_work_while_composer_is_focused(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive("bob", *(f"line {number}" for number in range(100)))
        await write(harness, "some text")
        await harness.press("pageup")
        assert "line 99" not in harness.screen_text()
        await harness.press("home", "end")
        assert "line 99" not in harness.screen_text(), "End moves the cursor in the line first"
        await harness.press("end")
        assert "line 99" in harness.screen_text()
        assert composer_of(harness).text == "some text"


async def test_quickly_typed_text_is_never_lost(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press("a", "b", "enter", "c", "d", "enter", "e")
        assert harness.session.calls == [("submit", "ab"), ("submit", "cd")]
        assert composer_of(harness).text == "e"


PRIVATE = (*COMMANDS, "/msg")


async def texts_of_up(harness: AppHarness, times: int = 4) -> set[str]:
    """Return the texts that Up brings back, and leave the composer empty."""
    found = set()
    for _ in range(times):
        await harness.press("up")
        found.add(composer_of(harness).text)
    await harness.press("ctrl+u")
    composer_of(harness).set_draft("")
    return found - {""}


async def test_up_finds_only_what_was_sent_in_this_place(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=PRIVATE) as harness:
        harness.app.chat.navigator.open_conversation("bob")
        await harness.settle()
        await write(harness, "for bob alone")
        await harness.press("enter")
        assert await texts_of_up(harness) == {"for bob alone"}
        harness.app.chat.navigator.join("lobby")
        await harness.settle()
        assert await texts_of_up(harness) == set()
        await write(harness, "for the lobby")
        await harness.press("enter")
        await write(harness, "/join dev")
        await harness.press("enter")
        harness.session.emit(Joined("dev"))
        await harness.settle()
        assert await texts_of_up(harness) == set()
        harness.app.chat.navigator.open_conversation("carol")
        await harness.settle()
        assert await texts_of_up(harness) == set()


async def test_up_never_brings_a_private_command_to_a_room(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=(*PRIVATE, "/tell")) as harness:
        for text in ("/msg bob a secret", "/tell bob a secret", "/msg bob //slash", "public"):
            await write(harness, text)
            await harness.press("enter")
        assert await texts_of_up(harness) == {"public"}
        harness.app.chat.navigator.open_conversation("bob")
        await harness.settle()
        assert await texts_of_up(harness) == {"a secret", "///slash"}


async def test_search_for_commands_finds_those_of_other_places(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=PRIVATE) as harness:
        for text in ("/join dev", "/who ops", "/join dev"):
            harness.model.histories.add(text, "lobby")
        harness.model.histories.add("/me waves", "lobby")
        harness.app.chat.navigator.open_conversation("bob")
        await harness.settle()
        assert await texts_of_up(harness) == set()
        await write(harness, "/")
        await harness.press("up")
        assert composer_of(harness).text == "/join dev"
        await harness.press("up", "up")
        assert composer_of(harness).text == "/who ops"


async def test_up_forgets_the_place_that_the_user_has_left(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=PRIVATE) as harness:
        harness.model.histories.add("one", "@bob")
        harness.model.histories.add("two", "@bob")
        harness.app.chat.navigator.open_conversation("bob")
        await harness.press("up", "up")
        assert composer_of(harness).text == "one"
        harness.app.chat.navigator.join("lobby")
        await harness.press("down", "up", "up", "ctrl+z", "ctrl+z")
        assert composer_of(harness).text == ""


async def test_returned_private_text_is_kept_in_its_conversation(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=PRIVATE) as harness:
        await write(harness, "/join x")
        harness.session.notices.append(TextReturned("/msg bob a secret", "no"))
        harness.session.wake()
        await harness.until(
            lambda: "It is kept in your conversation with bob." in harness.notices()
        )
        assert composer_of(harness).text == "/join x"
        await harness.press("ctrl+u")
        assert await texts_of_up(harness) == set()
        harness.app.chat.navigator.open_conversation("bob")
        await harness.settle()
        assert composer_of(harness).text == "a secret"
        assert Location.private("bob") == harness.model.location


async def test_another_account_does_not_find_the_former_one_s_texts(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await sign_in(harness)
        await write(harness, "of alice")
        await harness.press("enter")
        harness.session.go_online("bob")
        await harness.settle()
        assert await texts_of_up(harness) == set()

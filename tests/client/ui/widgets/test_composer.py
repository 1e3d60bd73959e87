"""The composer: Enter sends, a paste stays whole, history, nothing is lost."""

from pathlib import Path

from textual import events

from chat_tui.events import ConnectionChanged, ConnectionState, TextReturned
from chat_tui.ui.widgets.composer import Composer
from tests.support.app_harness import HOSTILE, AppHarness, chat


def composer_of(bench: AppHarness) -> Composer:
    return bench.app.chat.query_one(Composer)


async def write(bench: AppHarness, text: str) -> None:
    await bench.press(*text)


async def paste(bench: AppHarness, text: str) -> None:
    composer_of(bench).post_message(events.Paste(text))
    await bench.settle()


def lost(seconds: float = 4.0) -> ConnectionChanged:
    return ConnectionChanged(ConnectionState.WAITING, "The server closed the connection", seconds)


async def test_composer_is_focused_and_shows_room(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        assert bench.app.focused is composer_of(bench)
        assert "Message lobby…" in bench.shown(composer_of(bench))


async def test_enter_sends_text_and_clears_composer(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await write(bench, "hello all")
        await bench.press("enter")
        assert bench.session.told[-1] == ("submit", "hello all")
        assert composer_of(bench).text == ""


async def test_enter_on_blank_text_sends_nothing(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await write(bench, "   ")
        await bench.press("enter")
        assert bench.session.told == []


async def test_multiline_paste_stays_whole_until_enter(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await paste(bench, "one\r\n/two\n\nthree")
        assert bench.session.told == []
        assert "4 lines: Enter sends each as a message" in bench.shown(composer_of(bench))
        await bench.press("enter")
        assert bench.session.told == [("submit", "one\n/two\n\nthree")]


async def test_long_paste_asks_for_confirmation_and_huge_paste_is_rejected(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        composer = composer_of(bench)
        await paste(bench, "\n".join("12345") + "\n")
        assert composer.text == "1\n2\n3\n4\n5", "five lines are no question"
        composer.clear()
        await paste(bench, "x" * 2000)
        assert composer.text == "x" * 2000, "nor are 2,000 bytes"
        composer.clear()
        await write(bench, "before ")
        twenty = "\r\n".join(f"line {n}" for n in range(20))
        await paste(bench, twenty)
        await bench.until(lambda: "Paste 20 lines, 149 bytes?" in bench.shown())
        await bench.press("enter")
        assert composer.text == "before ", "the safe answer has the focus"
        await paste(bench, twenty)
        await bench.until(lambda: "Paste 20 lines" in bench.shown())
        await bench.press("y")
        await bench.until(lambda: composer.text.startswith("before line 0\nline 1\n"))
        assert composer.text.endswith("\nline 19")
        assert bench.session.told == [], "and nothing is sent before Enter"
        assert composer.size.height <= 7, "it leaves room for the log"
        bench.app.copy_to_clipboard("é" * 1001)
        await bench.press("ctrl+v")
        await bench.until(lambda: "Paste a line of 2,002 bytes?" in bench.shown())
        await bench.press("escape")
        before = composer.text
        for too_much in ("x" * 65_500, "x" * 65_537, "日" * 22_000, "x\r\n" * 22_000):
            await paste(bench, too_much)
            await bench.until(lambda: "chat-tui --send" in bench.shown())
            bench.app.clear_notifications()
            await bench.until(lambda: "chat-tui --send" not in bench.shown())
        assert composer.text == before


async def test_paste_removes_control_characters_and_keeps_markup_as_text(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await paste(bench, HOSTILE)
        assert "\x1b" not in composer_of(bench).text
        assert "[/] [red]x[/red] [@click=app.quit]press[/]" in composer_of(bench).text


async def test_unknown_command_stays_in_composer_with_suggestion(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        composer = composer_of(bench)
        await write(bench, "/subscrbe bob")
        await bench.press("enter")
        assert (composer.text, bench.session.told) == ("/subscrbe bob", [])
        assert "/subscrbe is no command. Tab: /subscribe bob" in bench.shown(composer)
        await bench.press("tab")
        assert composer.text == "/subscribe bob"
        assert "no command" not in bench.shown(composer)
        await bench.press("enter")
        await write(bench, " /login x")
        await bench.press("enter")
        assert composer.text == " /login x"
        assert "looks like a password" in bench.shown(composer)
        await bench.press("x")
        assert "looks like a password" not in bench.shown(composer)
        await bench.press("ctrl+u")
        await write(bench, "//x")
        await bench.press("enter")
        assert bench.session.told == [("submit", "/subscribe bob"), ("submit", "//x")]
        await paste(bench, "see\nLOGIN alice secret\nbye")
        await bench.press("enter")
        assert composer.text == "see\nLOGIN alice secret\nbye"
        assert "line 2 looks like a password" in bench.shown(composer)
        assert len(bench.model.history) == 2, "what was held back is not in it"


async def test_blocked_password_reason_is_fully_visible(tmp_path: Path) -> None:
    async with chat(tmp_path, (80, 24)) as bench:
        composer = bench.app.chat.query_one(Composer)
        for lines_before in (0, 1, 9):
            composer.text = "see\n" * lines_before + "LOGIN alice secret"
            await bench.press("enter")
            assert "looks like a password; else reword it " in bench.shown(composer)


async def test_ctrl_j_inserts_line_break(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await bench.press("a", "ctrl+j", "b")
        assert composer_of(bench).text == "a\nb"


async def test_history_keys_keep_draft(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        composer = composer_of(bench)

        async def walked(*keys: str) -> list[str]:
            texts = []
            for key in keys:
                await bench.press(key)
                texts.append(composer.text)
            return texts

        for text in ("/join dev", "one", "/join ops", "two", "/join ops"):
            await write(bench, text)
            await bench.press("enter")
        up_and_down = ("up", "up", "up", "down", "down", "down")
        assert await walked("up", "up", "down", "down") == ["/join ops", "two", "/join ops", ""]
        await write(bench, "/j")
        assert await walked(*up_and_down) == [
            "/join ops",
            "/join dev",
            "/join dev",
            "/join ops",
            "/j",
            "/j",
        ]
        await bench.press("x")
        assert await walked("up", "down") == ["/jx", "/jx"], "nothing begins with it"
        await bench.press("backspace", "up", "up", "enter")
        assert bench.session.told[-1] == ("submit", "/join dev")
        assert composer.text == "", "what was begun has found it"


async def test_history_is_restored_without_passwords(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await write(bench, "before")
        await bench.press("enter")
        bench.model.history.add("/passwd old new")  # as where the server has it
        bench.model.history.add("two\nlines")
    async with chat(tmp_path) as bench:
        await bench.press("up")
        assert composer_of(bench).text == "two\nlines"
        await bench.press("up", "up")
        assert composer_of(bench).text == "before"


async def test_edited_history_item_is_kept(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await write(bench, "one")
        await bench.press("enter", "up")
        await write(bench, " more")
        await bench.press("down", "up")
        assert composer_of(bench).text == "one more"


async def test_up_moves_cursor_within_multiline_text_first(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await write(bench, "sent")
        await bench.press("enter")
        await paste(bench, "a\nb")
        await bench.press("up")
        assert composer_of(bench).text == "a\nb"
        await bench.press("up")
        assert composer_of(bench).text == "sent"
        await bench.press("enter")
        assert bench.session.told[-1] == ("submit", "sent")
        assert composer_of(bench).text == "a\nb", "the draft is still wanted"


async def test_text_stays_in_composer_while_disconnected(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        bench.session.tell(lost())
        await bench.settle()
        shown = bench.shown(composer_of(bench))
        assert "connection lost, next try in 4 s — Ctrl+R now" in shown
        await write(bench, "kept")
        await bench.press("enter")
        assert composer_of(bench).text == "kept"
        assert bench.session.told == []
        assert "your text stays here, next try in 4 s" in bench.shown(composer_of(bench))
        await bench.press("ctrl+r")
        assert bench.session.told == [("retry_now",)]
        bench.session.tell(ConnectionChanged(ConnectionState.ONLINE))
        await bench.settle()
        assert "next try" not in bench.shown()
        await bench.press("enter")
        assert bench.session.told[-1] == ("submit", "kept")


async def test_fast_keys_are_applied_in_order(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        composer = composer_of(bench)
        for key in ("x", "y", "ctrl+u", "a", "b", "backspace", "c", "left", "d", "ctrl+j", "enter"):
            bench.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await bench.settle()
        assert bench.session.told == [("submit", "ad\nc")]
        assert composer.text == ""


async def test_returned_text_is_inserted_before_draft(
    tmp_path: Path,
) -> None:
    async with chat(tmp_path) as bench:
        await write(bench, "later")
        bench.session.notices.append(TextReturned("earlier", f"No way there: {HOSTILE}"))
        bench.session.wake()
        await bench.until(lambda: composer_of(bench).text == "earlier\nlater")
        await bench.until(lambda: "No way there: [/] [red]x" in bench.shown())


async def test_returned_command_is_not_merged_into_draft(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await write(bench, "draft")
        bench.model.history.add("/join nowhere")
        bench.session.notices.append(TextReturned("/join nowhere", "Refused"))
        bench.session.wake()
        await bench.until(lambda: "Press Up for it: /join nowhere" in bench.shown())
        assert composer_of(bench).text == "draft"
        await bench.press("up")
        assert composer_of(bench).text == "/join nowhere"


async def test_log_keys_work_while_composer_is_focused(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await bench.hear("bob", *(f"line {number}" for number in range(100)))
        await write(bench, "some text")
        await bench.press("pageup")
        assert "line 99" not in bench.shown()
        await bench.press("home", "end")
        assert "line 99" not in bench.shown(), "End was for the line"
        await bench.press("end")
        assert "line 99" in bench.shown()
        assert composer_of(bench).text == "some text"


async def test_nothing_that_is_typed_quickly_is_lost(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await bench.press("a", "b", "enter", "c", "d", "enter", "e")
        assert bench.session.told == [("submit", "ab"), ("submit", "cd")]
        assert composer_of(bench).text == "e"

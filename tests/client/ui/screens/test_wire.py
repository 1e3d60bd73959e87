"""The wire in view: raw lines as they come, and the last action for a shell."""

from __future__ import annotations

from pathlib import Path

from chat_tui.model.wire_log import MAX_LINES
from chat_tui.ui.screens.wire import WireScreen
from chat_tui.ui.widgets.wire_lines import WireLines
from tests.support.app_harness import HOSTILE, AppHarness, chat, form


def lines_of(bench: AppHarness) -> list[str]:
    """The rows that show something, without the scrollbar."""
    rows = bench.rows(bench.app.screen.query_one(WireLines))
    return [row[:-1].strip() for row in rows if row[:-1].strip()]


async def test_wire_screen_follows_live_and_keeps_scroll_position(
    tmp_path: Path,
) -> None:
    async with chat(tmp_path) as bench:
        wire = bench.model.wire
        wire.note("Connected to 127.0.0.1:9000")
        wire.received("[SERVER] Login using: LOGIN <username> <password>")
        wire.sent([b"LOGIN alice secret\n"])
        await bench.press("f6")
        assert lines_of(bench) == [
            "21:00:00.000 · Connected to 127.0.0.1:9000",
            "21:00:00.000 < [SERVER] Login using: LOGIN <username> <password>",
            "21:00:00.000 > LOGIN alice ***",
        ]
        wire.received(HOSTILE)
        await bench.until(lambda: "[@click=app.quit]press" in bench.shown())
        for number in range(40):
            wire.received(f"line {number:02}")
        await bench.until(lambda: lines_of(bench)[-1].endswith("line 39"))
        await bench.press("pageup")
        before = lines_of(bench)
        for number in range(40, 50):
            wire.received(f"line {number}")
        await bench.until(lambda: bench.app.screen.query_one(WireLines).virtual_size.height >= 54)
        assert lines_of(bench) == before
        await bench.pilot.resize_terminal(58, 24)
        await bench.settle()
        assert lines_of(bench)[0].split(" < ")[1] == before[0].split(" < ")[1]
        for number in range(3000):
            wire.received(f"flood {number}")
        await bench.until(lambda: bench.app.screen.query_one(WireLines).max_scroll_y > 1900)
        await bench.press("end")
        assert lines_of(bench)[-1].endswith("< flood 2999")
        wire_lines = bench.app.screen.query_one(WireLines)
        assert wire_lines.virtual_size.height == MAX_LINES
        await bench.press("pageup")
        before = lines_of(bench)
        for number in range(100):  # as many are forgotten
            wire.received(f"more {number}")
        await bench.until(lambda: wire_lines._next == wire.end)
        await bench.settle()
        assert lines_of(bench) == before
        await bench.press("f6")
        assert not isinstance(bench.app.screen, WireScreen)


async def test_wire_screen_copies_last_action_as_shell_command(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await bench.press("f6", "c")
        assert "here stands the same for a shell" in bench.shown()
        assert bench.app.clipboard == ""
        bench.model.wire.record_action("dev", ["it's me"])
        await bench.until(lambda: "| nc -N 127.0.0.1 9000" in bench.shown())
        await bench.press("c")
        assert bench.app.clipboard.startswith("{ printf 'LOGIN %s %s\\n' alice \"$LOBBY_PASSWORD\"")
        assert "'/join dev' 'it'\"'\"'s me'" in bench.app.clipboard
        await bench.until(lambda: "ends your session here" in bench.toasts())


async def test_wire_screen_shows_failed_sign_in(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        bench.model.wire.received("[ERROR] Authentication failed")
        await bench.press("f6")
        assert "< [ERROR] Authentication failed" in lines_of(bench)[0]
        await bench.press("escape")
        assert bench.app.screen is bench.app.login

"""The wire log: raw lines as they arrive, and the last action as a shell command."""

from __future__ import annotations

from pathlib import Path

from chat_tui.model.wire_log import MAX_LINES
from chat_tui.ui.screens.wire import WireScreen
from chat_tui.ui.widgets.wire_lines import WireLines
from tests.support.app_harness import HOSTILE, AppHarness, chat, form


def lines_of(harness: AppHarness) -> list[str]:
    """Return the rows that are not empty, without the scrollbar."""
    rows = harness.rows(harness.app.screen.query_one(WireLines))
    return [row[:-1].strip() for row in rows if row[:-1].strip()]


async def test_wire_screen_follows_live_and_keeps_scroll_position(
    tmp_path: Path,
) -> None:
    async with chat(tmp_path) as harness:
        wire = harness.model.wire
        wire.note("Connected to 127.0.0.1:9000")
        wire.received("[SERVER] Login using: LOGIN <username> <password>")
        wire.sent([b"LOGIN alice secret\n"])
        await harness.press("f6")
        assert lines_of(harness) == [
            "21:00:00.000 · Connected to 127.0.0.1:9000",
            "21:00:00.000 < [SERVER] Login using: LOGIN <username> <password>",
            "21:00:00.000 > LOGIN alice ***",
        ]
        wire.received(HOSTILE)
        await harness.until(lambda: "[@click=app.quit]press" in harness.screen_text())
        for number in range(40):
            wire.received(f"line {number:02}")
        await harness.until(lambda: lines_of(harness)[-1].endswith("line 39"))
        await harness.press("pageup")
        before = lines_of(harness)
        for number in range(40, 50):
            wire.received(f"line {number}")
        await harness.until(
            lambda: harness.app.screen.query_one(WireLines).virtual_size.height >= 54
        )
        assert lines_of(harness) == before
        await harness.pilot.resize_terminal(58, 24)
        await harness.settle()
        assert lines_of(harness)[0].split(" < ")[1] == before[0].split(" < ")[1]
        for number in range(3000):
            wire.received(f"flood {number}")
        await harness.until(lambda: harness.app.screen.query_one(WireLines).max_scroll_y > 1900)
        await harness.press("end")
        assert lines_of(harness)[-1].endswith("< flood 2999")
        wire_lines = harness.app.screen.query_one(WireLines)
        assert wire_lines.virtual_size.height == MAX_LINES
        await harness.press("pageup")
        before = lines_of(harness)
        for number in range(100):  # the log drops as many old lines
            wire.received(f"more {number}")
        await harness.until(lambda: wire_lines._next == wire.end)
        await harness.settle()
        assert lines_of(harness) == before
        await harness.press("f6")
        assert not isinstance(harness.app.screen, WireScreen)


async def test_wire_screen_copies_last_action_as_shell_command(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press("f6", "c")
        assert "to see the same as a shell command" in harness.screen_text()
        assert harness.app.clipboard == ""
        harness.model.wire.record_action("dev", ["it's me"])
        await harness.until(lambda: "| nc -N 127.0.0.1 9000" in harness.screen_text())
        await harness.press("c")
        assert harness.app.clipboard.startswith(
            "{ printf 'LOGIN %s %s\\n' alice \"$LOBBY_PASSWORD\""
        )
        assert "'/join dev' 'it'\"'\"'s me'" in harness.app.clipboard
        await harness.until(lambda: "ends your session" in harness.screen_text())


async def test_wire_screen_shows_failed_sign_in(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        harness.model.wire.received("[ERROR] Authentication failed")
        await harness.press("f6")
        assert "< [ERROR] Authentication failed" in lines_of(harness)[0]
        await harness.press("escape")
        assert harness.app.screen is harness.app.login

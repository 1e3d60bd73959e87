"""An announcement is highlighted and has no author to follow."""

from __future__ import annotations

from pathlib import Path

from chat_tui.events import AnnouncementReceived
from chat_tui.model.location import Location
from chat_tui.ui.widgets.message_log import MessageLog
from tests.support.app_harness import HOSTILE, chat

ANNOUNCEMENT = "Announcement from dave: back at noon"


async def test_announcement_is_highlighted_and_imitation_is_not(tmp_path: Path) -> None:
    async with chat(tmp_path, (120, 24)) as harness:
        harness.session.emit(AnnouncementReceived("dave", "back at noon"))
        await harness.receive("mallory", ANNOUNCEMENT)
        log = harness.app.chat.query_one(MessageLog)
        real, fake = (row for row in harness.rows(log) if ANNOUNCEMENT in row)
        assert real.split()[:2] == ["@21:00", "»"]
        assert "mallory" not in real
        assert fake.split()[:2] == ["21:03", "mallory"]
        await harness.click_on("»", log)
        await harness.click_on("Announcement from dave", log)
        assert harness.session.calls == [], "there is no author to follow"


async def test_announcement_is_shown_in_current_view_with_markup_escaped(tmp_path: Path) -> None:
    async with chat(tmp_path, (140, 24)) as harness:
        harness.model.view(Location("@bob"))
        harness.session.emit(AnnouncementReceived("dave", HOSTILE))
        await harness.settle()
        assert (
            "Announcement from dave: [/] [red]x[/red] [@click=app.quit]press[/]"
            in harness.screen_text()
        )
        assert "\x1b" not in harness.screen_text()

"""Every pane shows text from outside as plain text, without any effect."""

from pathlib import Path

from chat_server.wire.protocol import Action, Message, PrivateMessage
from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    HistoryGap,
    Joined,
    JoinFailed,
    LogNotice,
    MembersListed,
    MessageArrived,
    MessagePending,
    MessageUnconfirmed,
    PersonJoined,
    RoomsListed,
    SignedIn,
    SignedOut,
    SubscriptionsListed,
)
from tests.support.app_harness import HOSTILE, AppHarness, chat
from tests.support.fake_session import at

NAME = "[/][@click=app.quit]x\x1b]0;owned\x07\u202e"
"""A name that a server which keeps the contract would reject."""


def assert_harmless(harness: AppHarness) -> None:
    """Assert that no control character from outside is written to the terminal."""
    for row in harness.rows():
        assert row.isprintable() or not set(row) & set("\x1b\x07\x9b\u202e\n\r"), repr(row)


async def test_hostile_text_is_harmless_in_every_pane(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(140, 40)) as harness:
        harness.session.emit(
            SignedIn(NAME, (NAME, "/help")),
            RoomsListed(((NAME, 3), ("lobby", 2))),
            Joined(NAME),
            MembersListed(NAME, (NAME, f"{NAME}2", "bob")),
            SubscriptionsListed((f"{NAME}2", f"{NAME}3")),
            *(
                MessageArrived(NAME, kind)
                for kind in (
                    Message("21:03:00", NAME, HOSTILE),
                    Message("99:99:99", "bob", HOSTILE * 20),
                    Action("21:03:00", NAME, HOSTILE),
                    PrivateMessage("21:03:00", NAME, NAME, HOSTILE),
                )
            ),
            PersonJoined(NAME, NAME),
            LogNotice(HOSTILE, "reply"),
            LogNotice(HOSTILE, "error"),
            JoinFailed(NAME, HOSTILE),
            MessagePending(1, NAME, HOSTILE),
            MessageUnconfirmed(1),
            SignedOut(HOSTILE),
            HistoryGap(at("21:00:00"), at("21:01:00")),
            ConnectionChanged(ConnectionState.WAITING, HOSTILE, 3.0),
        )
        await harness.settle()
        assert "[/] [red]x[/red] [@click=app.quit]press[/]" in harness.screen_text()
        assert "[/][@click=a" in harness.screen_text(harness.app.chat.query_one("#rooms"))
        assert "[/][@click=a" in harness.screen_text(harness.app.chat.query_one("#people"))
        assert_harmless(harness)
        for row in range(2, 30):
            await harness.pilot.click(offset=(60, row))
        await harness.settle()
        assert harness.app.is_running
        for width in (100, 58, 40):
            await harness.pilot.resize_terminal(width, 24)
            await harness.settle()
            assert_harmless(harness)
        await harness.press("ctrl+k")
        await harness.until(lambda: "room: " in harness.screen_text())
        assert_harmless(harness)
        await harness.press(*"click")
        await harness.until(lambda: "[@click" in harness.screen_text())
        await harness.press("escape", "escape", "f1")
        assert_harmless(harness)


async def test_very_long_messages_are_rendered(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.receive(
            "bob", "x" * 10_000, "\u0301" * 5_000, "漢" * 5_000, " " * 9_000 + "end"
        )
        assert harness.rows()[3].strip()
        assert_harmless(harness)


async def test_notification_shows_markup_as_text(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        harness.app.notify("[/] [@click=app.quit]x[/]", title="[/]")
        await harness.until(lambda: "[@click=app.quit]x[/]" in harness.screen_text())

"""Text from outside is text, in every pane: it is shown, and it does nothing."""

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
"""No server that keeps the contract lets this be a name."""


def assert_harmless(bench: AppHarness) -> None:
    """What is written to the terminal has no control character that came from outside."""
    for row in bench.rows():
        assert row.isprintable() or not set(row) & set("\x1b\x07\x9b\u202e\n\r"), repr(row)


async def test_hostile_text_is_harmless_in_every_pane(tmp_path: Path) -> None:
    async with chat(tmp_path, size=(140, 40)) as bench:
        bench.session.tell(
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
        await bench.settle()
        assert "[/] [red]x[/red] [@click=app.quit]press[/]" in bench.shown()
        assert "[/][@click=a…" in bench.shown(bench.app.chat.query_one("#rooms"))
        assert "[/][@click=a" in bench.shown(bench.app.chat.query_one("#people"))
        assert_harmless(bench)
        for row in range(2, 30):
            await bench.pilot.click(offset=(60, row))
        await bench.settle()
        assert bench.app.is_running
        for width in (100, 58, 40):
            await bench.pilot.resize_terminal(width, 24)
            await bench.settle()
            assert_harmless(bench)
        await bench.press("ctrl+k")
        await bench.until(lambda: "Follow" in bench.shown())
        assert_harmless(bench)
        await bench.press(*"click")
        await bench.until(lambda: "[@click" in bench.shown())
        await bench.press("escape", "escape", "f1")
        assert_harmless(bench)


async def test_very_long_messages_are_rendered(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await bench.hear("bob", "x" * 10_000, "\u0301" * 5_000, "漢" * 5_000, " " * 9_000 + "end")
        assert bench.rows()[3].strip()
        assert_harmless(bench)


async def test_notification_shows_markup_as_text(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        bench.app.notify("[/] [@click=app.quit]x[/]", title="[/]")
        await bench.until(lambda: "[@click=app.quit]x[/]" in bench.shown())

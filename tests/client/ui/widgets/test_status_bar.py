"""The status bar: a label for every state, and which parts are dropped first."""

from pathlib import Path

import pytest

from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    LatencyMeasured,
    MessagePending,
    MessageSent,
    MessageUnconfirmed,
)
from chat_tui.ui.widgets.status_bar import StatusBar, StatusInfo
from tests.support.app_harness import chat
from tests.support.fake_session import at


async def test_status_bar_shows_all_parts(
    tmp_path: Path,
) -> None:
    async with chat(tmp_path) as harness:
        harness.session.emit(LatencyMeasured(0.0031))
        await harness.settle()
        bar = harness.rows(harness.app.chat.query_one(StatusBar))[0]
        assert bar.rstrip().split("   ") == [
            " ● connected",
            "alice@127.0.0.1:9000",
            "lobby, 4 here",
            "3 ms",
            "unencrypted",
        ]
        harness.session.emit(LatencyMeasured(0.0003))
        await harness.settle()
        assert "<1 ms" in harness.screen_text()


@pytest.mark.parametrize(
    ("state", "label"),
    [
        (ConnectionState.OFFLINE, "○ signed out"),
        (ConnectionState.CONNECTING, "◌ connecting"),
        (ConnectionState.ONLINE, "● connected"),
        (ConnectionState.WAITING, "✕ connection lost"),
        (ConnectionState.RETRYING, "◌ reconnecting"),
    ],
)
async def test_status_bar_shows_text_and_symbol_for_every_state(
    tmp_path: Path, state: ConnectionState, label: str
) -> None:
    async with chat(tmp_path) as harness:
        harness.session.emit(ConnectionChanged(state))
        await harness.settle()
        assert label in harness.screen_text(harness.app.chat.query_one(StatusBar))


async def test_status_bar_drops_whole_parts_on_narrow_terminals(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        harness.session.emit(
            LatencyMeasured(0.003), MessagePending(1, "lobby", "x"), MessageUnconfirmed(1)
        )
        for width in range(100, 12, -7):
            await harness.pilot.resize_terminal(width, 24)
            await harness.settle()
            bar = harness.rows(harness.app.chat.query_one(StatusBar))[0]
            assert bar.startswith(" ●")
            for part in bar.strip().split("   "):
                assert part.strip() in {
                    "●",
                    "● connected",
                    "! 1 not confirmed",
                    "alice@127.0.0.1:9000",
                    "alice",
                    "lobby",
                    "lobby, 4 here",
                    "3 ms",
                    "unencrypted",
                }


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("mouse", [False, True])
@pytest.mark.parametrize("unconfirmed", [0, 1, 12])
@pytest.mark.parametrize("sending", [0, 3])
@pytest.mark.parametrize("room", ["dev", "a-room-whose-name-takes-32-signs"])
async def test_status_bar_drops_encryption_state_last(
    tmp_path: Path, *, encrypted: bool, mouse: bool, unconfirmed: int, sending: int, room: str
) -> None:
    bar = StatusBar()
    bar._info = StatusInfo(
        ConnectionState.ONLINE,
        "alice",
        "chat.example.org:9001",
        room,
        0.003,
        encrypted,
        4,
        sending,
        unconfirmed,
    )
    bar._mouse_off = not mouse
    lines = [line.plain for line in bar._from_long_to_short()]
    widths = [len(line) for line in lines]
    assert min(widths) <= 16
    for width in range(16, 121):
        shown = next(line for line in lines if len(line) <= width)
        assert shown.split("   ")[-1] == ("encrypted" if encrypted else "unencrypted")
        if width >= 40 and unconfirmed:
            assert f"! {unconfirmed} not confirmed" in shown


async def test_status_bar_prefers_unconfirmed_count_over_mouse_state(
    tmp_path: Path,
) -> None:
    async with chat(tmp_path, (40, 12)) as harness:
        harness.session.emit(
            MessagePending(1, "lobby", "x"),
            MessageUnconfirmed(1),
            ConnectionChanged(ConnectionState.WAITING, "cut", 4.0),
        )
        await harness.press("f7")
        bar = harness.rows(harness.app.chat.query_one(StatusBar))[0]
        assert bar.rstrip() == " ✕ connection lost   ! 1 not confirmed"


async def test_status_bar_counts_delayed_messages(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        bar = harness.app.chat.query_one(StatusBar)
        clock = [at("21:00:00")]
        harness.model.now = lambda: clock[0]
        harness.session.emit(MessagePending(1, "lobby", "x"), MessagePending(2, "dev", "y"))
        await harness.settle()
        assert "sending" not in harness.screen_text(bar)
        clock[0] = at("21:00:01")
        await harness.until(lambda: "… 2 sending" in harness.screen_text(bar))
        harness.session.emit(MessageSent(1), MessageUnconfirmed(2))
        await harness.until(lambda: "sending" not in harness.screen_text(bar))

"""The app writes messages to log files if the settings ask for it."""

from __future__ import annotations

from pathlib import Path

from chat_server.wire.protocol import Message
from chat_tui.config import Configuration
from chat_tui.config.settings import Settings
from chat_tui.events import MessageArrived, MessagePending, MessageUnconfirmed
from chat_tui.ui.app import LaunchOptions
from tests.support.app_harness import SignedInApp, app_with, wait_until


async def test_app_writes_log_files_soon_and_completely_on_exit(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    start = LaunchOptions(
        "127.0.0.1", 9000, "alice", configuration=Configuration(settings=Settings(log_folder=logs))
    )
    app, session = app_with(tmp_path / "state", start, SignedInApp)
    session.go_online()
    async with app.run_test() as pilot:
        await pilot.pause()
        session.emit(MessageArrived("lobby", Message("21:03:00", "bob", "hello")))
        await wait_until(pilot, lambda: list(logs.glob("*/lobby.log")))
        (file,) = logs.glob("*/lobby.log")
        assert file.read_text().endswith("T21:03:00 lobby <bob> hello\n")
        session.emit(MessagePending(1, "lobby", "and now I go"), MessageUnconfirmed(1))
        await app.action_quit()
    assert file.read_text().endswith("lobby <alice> and now I go (not confirmed)\n")

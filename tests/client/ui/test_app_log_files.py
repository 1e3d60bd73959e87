"""That the full screen writes what is said to disk, where its settings ask for that."""

from __future__ import annotations

from pathlib import Path

from chat_server.wire.protocol import Message
from chat_tui.config import Configuration
from chat_tui.config.settings import Settings
from chat_tui.events import MessageArrived, OwnPending, OwnUnconfirmed
from chat_tui.ui.app import Start
from tests.support.app_harness import SeatedApp, app_with, wait_until


async def test_what_is_said_is_on_disk_soon_and_all_of_it_at_the_end(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    start = Start(
        "127.0.0.1", 9000, "alice", configuration=Configuration(settings=Settings(log_folder=logs))
    )
    app, session = app_with(tmp_path / "state", start, SeatedApp)
    session.be_online()
    async with app.run_test() as pilot:
        await pilot.pause()
        session.tell(MessageArrived("lobby", Message("21:03:00", "bob", "hello")))
        await wait_until(pilot, lambda: list(logs.glob("*/lobby.log")))
        (file,) = logs.glob("*/lobby.log")
        assert file.read_text().endswith("T21:03:00 lobby <bob> hello\n")
        session.tell(OwnPending(1, "lobby", "and now I go"), OwnUnconfirmed(1))
        await app.action_quit()
    assert file.read_text().endswith("lobby <alice> and now I go (not confirmed)\n")

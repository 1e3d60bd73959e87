"""The whole app on a screen in memory, with a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widget import Widget

from chat_tui.launch import LaunchOptions
from chat_tui.session.session import ChatSession
from chat_tui.storage.known_servers import KnownServers
from chat_tui.storage.stamp_store import StampStore
from chat_tui.storage.state import ClientState
from chat_tui.transport.backoff import Backoff
from chat_tui.ui.app import ChatApp
from tests.support.app_harness import press_keys, screen_rows, wait_until
from tests.support.restartable_server import RestartableServer


class AppWithServerHarness:
    """A running app and the means to drive it."""

    def __init__(self, app: ChatApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    async def until(self, *texts: str, on: Widget | None = None) -> None:
        """Wait until all these texts are on the screen."""
        await wait_until(
            self.pilot, lambda: all(text in self.shown(on) for text in texts), f"{texts}"
        )

    def shown(self, widget: Widget | None = None) -> str:
        return "\n".join(screen_rows(self.app, widget))

    async def sign_in(self, *texts: str) -> None:
        """Sign in as alice, and wait until these texts are on the screen as well."""
        await self.type("pw-of-alice")
        await self.until("● connected", *texts)

    async def type(self, text: str) -> None:
        """Type a line and press Enter."""
        await press_keys(self.pilot, *text, "enter")


@asynccontextmanager
async def window(
    server: RestartableServer, folder: Path, *, sign_in: bool = True
) -> AsyncIterator[AppWithServerHarness]:
    state = ClientState(folder)
    app = ChatApp(
        LaunchOptions("127.0.0.1", server.port, "alice"),
        state,
        lambda model, reader, wake: ChatSession(
            model,
            reader,
            wake,
            KnownServers(folder),
            backoff=Backoff(lambda: -0.9),
            stamps=StampStore(folder, state.problems),
        ),
    )
    async with app.run_test(size=(100, 24), notifications=True) as pilot:
        opened = AppWithServerHarness(app, pilot)
        await pilot.pause()
        if sign_in:
            await opened.sign_in("lobby · 1 here", "◉ everyone")
        yield opened

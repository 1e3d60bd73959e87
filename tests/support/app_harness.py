"""The app on a screen in memory, with a session that the test controls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.cells import split_graphemes
from textual import events
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.widget import Widget

import chat_tui.ui.app
from chat_server.wire.protocol import Message
from chat_tui.events import MessageArrived, SignedIn
from chat_tui.model.chat_model import ChatModel
from chat_tui.storage.state import ClientState
from chat_tui.ui.app import ChatApp, LaunchOptions
from tests.support.fake_session import COMMANDS, FakeSession, at
from tests.support.wait_until import poll

HOSTILE = "[/] [red]x[/red] [@click=app.quit]press[/] \x1b]0;owned\x07 \x1b[2J \x9b31m \u202eabc"
"""Markup and control sequences that must be shown as text and have no effect."""


async def wait_until(pilot: Pilot[None], condition: Callable[[], object], what: str = "") -> None:
    """Let the app work until the condition is true."""
    for _ in poll(condition, what or str(condition)):
        await pilot.pause()


async def press_keys(pilot: Pilot[None], *keys: str) -> None:
    """Press keys and let the app work. Letters arrive as fast as a good typist types.

    `Pilot.press` waits three times for every key, which takes most of the time of a test.
    """
    for key in keys:
        letter = key if len(key) == 1 else None
        pilot.app.post_message(events.Key(_NAMES.get(key, key), letter))
        if letter is None:
            await pilot.pause()
    await pilot.pause()


_NAMES = {" ": "space", "/": "slash", "*": "asterisk", ".": "full_stop"}


@dataclass
class AppHarness:
    """A running app, its pilot and its session."""

    app: ChatApp
    pilot: Pilot[None]
    session: FakeSession

    @property
    def model(self) -> ChatModel:
        return self.session.model

    async def settle(self) -> None:
        """Process all posted messages."""
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        """Press keys. See `press_keys`."""
        await press_keys(self.pilot, *keys)

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Let the app work until the condition is true."""
        await wait_until(self.pilot, condition, what)

    async def receive(self, author: str, *texts: str, clock: str = "21:03:00") -> None:
        """Publish messages of `author` in the current room."""
        room = self.model.room
        self.session.emit(*(MessageArrived(room, Message(clock, author, t)) for t in texts))
        await self.settle()

    def rows(self, widget: Widget | None = None) -> list[str]:
        """Return the rows of the screen, or of a widget."""
        return screen_rows(self.app, widget)

    def screen_text(self, widget: Widget | None = None) -> str:
        """Return the rows as one text."""
        return "\n".join(self.rows(widget))

    def notices(self) -> str:
        """Return the texts of the latest notices, whole, one per line."""
        return "\n".join(notice.text for notice in self.app.notices.latest)

    async def click_on(self, text: str, widget: Widget | None = None, times: int = 1) -> None:
        """Click on the first occurrence of `text`."""
        region = (widget or self.app.screen).region
        for number, row in enumerate(self.rows(widget)):
            if text in row:
                x = region.x + row.index(text)
                await self.pilot.click(offset=Offset(x, region.y + number), times=times)
                await self.settle()
                return
        raise AssertionError(f"{text!r} is not on the screen:\n{self.screen_text(widget)}")


def screen_rows(app: ChatApp, widget: Widget | None = None) -> list[str]:
    """Return the rows that an app shows, or the rows of a widget."""
    region = (widget or app.screen).region
    lines = [strip.text for strip in app.screen._compositor.render_strips()]
    return [_cells(line, region.x, region.right) for line in lines[region.y : region.bottom]]


def _cells(line: str, start: int, end: int) -> str:
    """Return a line between two columns. A character of two cells belongs to its first column."""
    column, part = 0, ""
    for first, last, cells in split_graphemes(line)[0]:
        if start <= column < end:
            part += line[first:last]
        column += cells
    return part


class SignedInApp(ChatApp):
    """The app with the chat mode from the start, which halves the time of a test."""

    DEFAULT_MODE = "chat"
    CSS_PATH = str(Path(chat_tui.ui.app.__file__).with_name("login.tcss"))


def app_with(
    folder: Path, start: LaunchOptions | None = None, kind: type[ChatApp] = ChatApp
) -> tuple[ChatApp, FakeSession]:
    """Return an app that does not run yet, and its session."""

    def make(model: ChatModel, start_reader: object, wake: Callable[[], None]) -> FakeSession:
        return FakeSession(ChatModel(lambda: at("21:00:00")), wake)

    app = kind(start or LaunchOptions("127.0.0.1", 9000, "alice"), ClientState(folder), make)
    session = app.session
    assert isinstance(session, FakeSession)
    return app, session


@asynccontextmanager
async def form(
    folder: Path, start: LaunchOptions | None = None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[AppHarness]:
    """Run the app with the login form."""
    app, session = app_with(folder, start)
    async with app.run_test(size=size) as pilot:
        harness = AppHarness(app, pilot, session)
        await harness.settle()
        yield harness


@asynccontextmanager
async def chat(
    folder: Path,
    size: tuple[int, int] = (100, 24),
    *,
    here: tuple[str, ...] = ("alice", "bob", "carol", "dave"),
    follows: tuple[str, ...] = (),
    commands: tuple[str, ...] = COMMANDS,
) -> AsyncIterator[AppHarness]:
    """Run the app with alice signed in, in the lobby."""
    app, session = app_with(folder, kind=SignedInApp)
    session.go_online(here=here, follows=follows, commands=commands)
    async with app.run_test(size=size) as pilot:
        harness = AppHarness(app, pilot, session)
        await harness.settle()
        yield harness


async def sign_in(harness: AppHarness) -> None:
    """Submit the form and let the server accept the login."""
    await harness.press(*"secret", "enter")
    harness.session.go_online()
    harness.session.notices.append(SignedIn("alice", COMMANDS))
    harness.session.wake()
    await harness.until(
        lambda: harness.app.chat.is_mounted and harness.app.screen is harness.app.chat
    )
    await harness.settle()

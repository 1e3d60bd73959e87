"""Draw the pictures of the README from the real client, connected to a real server.

`make picture` runs this script. It writes login.svg, chat.svg, light.svg, narrow.svg, away.svg,
search.svg and the moving picture talk.svg into its own folder. Names, times and the latency are
constant, so that a picture changes only when the client changes.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest.mock import patch

import bcrypt
from textual.pilot import Pilot

from chat_server.accounts import AccountStore
from chat_server.config import Config
from chat_server.observability import EventLog
from chat_server.server import ChatServer
from chat_tui.events import LatencyMeasured
from chat_tui.launch import LaunchOptions
from chat_tui.model import ChatModel, EntryState, Location, RoomLog
from chat_tui.session import ChatSession
from chat_tui.storage import ClientState, KnownServers, StampStore
from chat_tui.ui import DARK, LIGHT, ChatApp
from chat_tui.ui.screens import FollowCheckbox, local_server_info
from chat_tui.ui.screens.found import FoundScreen
from chat_tui.ui.widgets import Composer, SafeInput

sys.path.insert(0, str(Path(__file__).parent))  # also if a test loads this file
from moving_picture import Recorder
from scripts import SCRIPT, TALK, WHILE_AWAY, YESTERDAY

HERE: Final = Path(__file__).parent
PASSWORD: Final = "password123"
DEMO_NAMES: Final = ("DPS", "alice", "bob", "carol")

IN_OTHER_ROOMS: Final = {"frank": "dev", "grace": "dev", "heidi": "dev", "ivan": "ops"}
IN_THE_LOBBY: Final = ("bob", "carol", "erin")
FOLLOWED: Final = ("bob", "carol", "dan", "grace")

KEYS: Final = {"jump": ("ctrl+k",), "open": ("enter",)}


class PictureClock(datetime):
    """The time of the picture, for the server and the client."""

    date_shown = "2026-11-22"
    shown = "20:55:00"

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """Return the time of the current message of the script."""
        return datetime.fromisoformat(f"{cls.date_shown} {cls.shown}")

    @classmethod
    def microseconds(cls) -> int:
        """Return the same time as the server's clock has it."""
        return int(cls.now().timestamp()) * 1_000_000


class ScriptedUser:
    """Another user in the picture, connected by a plain socket."""

    def __init__(self, port: int, name: str, room: str = "lobby") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._lines = self._socket.makefile("r", encoding="utf-8", newline="\n")
        self.send(f"LOGIN {name} {PASSWORD}")
        self.expect("Available commands")
        if room != "lobby":
            self.send(f"/join {room}")
            self.expect("Joined room")

    def send(self, line: str) -> None:
        """Send a line."""
        self._socket.sendall(f"{line}\n".encode())

    def expect(self, text: str) -> None:
        """Read lines until one contains `text`."""
        while text not in (line := self._lines.readline()):
            assert line, f"the server closed the connection before it sent {text!r}"

    def close(self) -> None:
        """Disconnect."""
        self._lines.close()
        self._socket.close()


@contextmanager
def server_with_accounts(folder: Path) -> Iterator[int]:
    """Run a server in this process on a free port. Yield the port."""
    names = ("alice", "dan", *IN_THE_LOBBY, *IN_OTHER_ROOMS)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    users = folder / "users.json"
    users.write_text(json.dumps(dict.fromkeys(names, hashed)))
    config = Config(port=0, users=users, rate=0, bcrypt_cost=4, history=folder / "history.db")
    clock = PictureClock.microseconds
    server = ChatServer(config, AccountStore(users), EventLog(io.StringIO()), clock)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def app_for(port: int, folder: Path) -> ChatApp:
    """Return a client with the clock of the picture."""
    return ChatApp(
        LaunchOptions("127.0.0.1", port, "alice"),
        ClientState(folder),
        lambda _, start_reader, wake: ChatSession(
            ChatModel(PictureClock.now),
            start_reader,
            wake,
            KnownServers(folder),
            stamps=StampStore(folder),
        ),
    )


async def until(pilot: Pilot[None], what: str, true: Callable[[], bool]) -> None:
    """Let the client run until `true()` holds."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, f"timed out while waiting for {what}"
        await pilot.pause(0.01)
    await pilot.pause()


async def draw_login(folder: Path, into: Path) -> None:
    """Draw the login form as `--local` shows it, filled in."""
    app = app_for(9000, folder)
    async with app.run_test(size=(80, 24)) as pilot:
        app.login.show_hint(local_server_info(9000, DEMO_NAMES, PASSWORD, "", started_here=True))
        await pilot.press(*PASSWORD)
        save(app, into / "login.svg")


async def draw_chat(folder: Path, into: Path) -> None:
    """Draw a busy room on a wide and on a narrow terminal."""
    with ExitStack() as stack:
        port = stack.enter_context(server_with_accounts(folder))
        users: dict[str, ScriptedUser] = {}

        def connect(name: str) -> None:
            users[name] = ScriptedUser(port, name, IN_OTHER_ROOMS.get(name, "lobby"))
            stack.callback(users[name].close)

        for name in (*IN_OTHER_ROOMS, *IN_THE_LOBBY):
            connect(name)
        app = app_for(port, folder)
        async with app.run_test(size=(104, 26)) as pilot:
            await sign_in(app, pilot)
            model = app.session.model
            for PictureClock.shown, name, text in SCRIPT[:-1]:
                log = model.log_of(Location.private(name)) if text.startswith("/msg") else model.log
                begun = log.end
                if name == "alice":
                    await write(app, pilot, text)
                    await until(pilot, "the echo", lambda: not pending(model))
                elif text:
                    users[name].send(text)
                else:
                    connect(name)
                await until(pilot, text or name, partial(longer_than, log, begun))
            # The session reads nothing more, so the next message stays without its echo.
            with patch.object(ChatSession, "pump", return_value=False):
                PictureClock.shown, _, text = SCRIPT[-1]
                await write(app, pilot, text)
                assert pending(model)
                model.server = "127.0.0.1:9000"
                model.apply(LatencyMeasured(0.003))
                app.chat.panes.draw(model.take_changes())
                app.chat.panes.draw_activity()  # otherwise the next tick may draw it or not
                await pilot.pause()
                save(app, into / "chat.svg")
                app.theme = LIGHT.name
                await pilot.pause()
                save(app, into / "light.svg")
                app.theme = DARK.name
                await pilot.resize_terminal(56, 20)
                await pilot.pause()
                save(app, into / "narrow.svg")


async def draw_return(folder: Path, into: Path) -> None:
    """Draw what a user sees who comes back after a day, and a search on the server."""
    PictureClock.date_shown, PictureClock.shown = "2026-11-21", "10:00:00"
    with ExitStack() as stack:
        port = stack.enter_context(server_with_accounts(folder))
        users = {name: ScriptedUser(port, name) for name in IN_THE_LOBBY}
        for user in users.values():
            stack.callback(user.close)

        def say(script: tuple[tuple[str, str, str], ...]) -> None:
            for PictureClock.shown, name, text in script:
                users[name].send(text)
                users[name].send("/subs")
                users[name].expect("Subscriptions")

        say(YESTERDAY)
        PictureClock.shown = "17:56:00"
        async with app_for(port, folder).run_test(size=(104, 26)) as pilot:
            app = pilot.app
            assert isinstance(app, ChatApp)
            await enter(app, pilot)
            for line, room in (("/join dev", "dev"), ("/leave", "lobby")):
                await write(app, pilot, line)
                await until(pilot, room, partial(is_complete, app, room))
        PictureClock.date_shown = "2026-11-22"
        say(WHILE_AWAY)
        PictureClock.shown = "15:30:00"
        app = app_for(port, folder)
        async with app.run_test(size=(104, 26)) as pilot:
            await enter(app, pilot)
            places = app.session.model.places
            await until(pilot, "the unread places", lambda: len(places.unread()) == 2)
            await settle(app, pilot)
            save(app, into / "away.svg")
            await pilot.press("ctrl+f", *"flaky", "enter", "enter")
            await until(pilot, "the search", lambda: isinstance(app.screen, FoundScreen))
            await settle(app, pilot)
            save(app, into / "search.svg")


def is_complete(app: ChatApp, room: str) -> bool:
    """Return True if the user is in a room and its log has what the server keeps of it."""
    model = app.session.model
    return model.room == room and model.log.has_history


async def enter(app: ChatApp, pilot: Pilot[None]) -> None:
    """Sign in as alice, who follows everyone."""
    await pilot.press(*PASSWORD, "enter")
    await until(pilot, "the log of the lobby", partial(is_complete, app, "lobby"))


async def settle(app: ChatApp, pilot: Pilot[None]) -> None:
    """Let the client draw all panes, with a constant server and latency."""
    model = app.session.model
    await pilot.pause()
    model.server = "127.0.0.1:9000"
    model.apply(LatencyMeasured(0.003))
    if app.chat.is_mounted:
        app.chat.panes.draw(model.take_changes())
        app.chat.panes.draw_activity()  # otherwise the next tick may draw it or not
    await pilot.pause()


async def draw_talk(folder: Path, into: Path) -> None:
    """Draw the moving picture: sign in, read, answer, jump to a person, answer again."""
    with ExitStack() as stack:
        PictureClock.shown = "21:02:00"
        port = stack.enter_context(server_with_accounts(folder))
        users: dict[str, ScriptedUser] = {}
        for name in (*IN_OTHER_ROOMS, *IN_THE_LOBBY):
            users[name] = ScriptedUser(port, name, IN_OTHER_ROOMS.get(name, "lobby"))
            stack.callback(users[name].close)
        app = app_for(port, folder)
        async with app.run_test(size=(92, 24)) as pilot:
            recorder = Recorder(92, 24, str(DARK.background), str(DARK.foreground))
            recorder.replaced[str(port)] = "9000"
            await record(recorder, app, pilot, 1.2)
            await pilot.press(*PASSWORD)
            await record(recorder, app, pilot, 0.8)
            app.login.query_one("#password", SafeInput).value = ""
            await sign_in(app, pilot)
            await record(recorder, app, pilot, 1.2)
            for PictureClock.shown, name, text in TALK:
                model = app.session.model
                private = text.startswith("/msg")
                log = model.log_of(Location.private(name)) if private else model.log
                begun = log.end
                if name == "keys":
                    await pilot.press(*KEYS.get(text, text))
                elif name != "alice":
                    users[name].send(text)
                    await until(pilot, text, partial(longer_than, log, begun))
                else:
                    for end in (len(text) // 2, len(text)):
                        app.chat.query_one(Composer).text = text[:end]
                        await record(recorder, app, pilot, 0.5)
                    await pilot.press("enter")
                    await until(pilot, "the echo", lambda: not pending(app.session.model))
                await record(recorder, app, pilot, 0.6 if name == "keys" else 1.4)
            await record(recorder, app, pilot, 2.0)
            picture = into / "talk.svg"
            picture.write_text(recorder.svg("Lobby: a talk in a terminal"), encoding="utf-8")
            print(picture.name)


async def record(recorder: Recorder, app: ChatApp, pilot: Pilot[None], seconds: float) -> None:
    """Let the client draw, with a constant server and latency, and record the frame."""
    await settle(app, pilot)
    recorder.take(app, seconds)


async def sign_in(app: ChatApp, pilot: Pilot[None]) -> None:
    """Sign in as alice, and follow the users of `FOLLOWED`."""
    model = app.session.model
    app.login.query_one(FollowCheckbox).value = False
    await pilot.press(*PASSWORD, "enter")
    await until(pilot, "the users in the room", lambda: len(model.people.here()) == 4)
    for name in FOLLOWED:
        app.session.toggle_follow(name)
    await until(pilot, "the subscriptions", lambda: all(map(model.people.follows, FOLLOWED)))
    await until(pilot, "the rooms", lambda: len(model.rooms.listed()) == 3)


async def write(app: ChatApp, pilot: Pilot[None], text: str) -> None:
    """Type a line and press Enter."""
    app.chat.query_one(Composer).text = text
    await pilot.press("enter")


def longer_than(log: RoomLog, entries: int) -> bool:
    """Return True if the log has grown since it had `entries` entries."""
    return log.end > entries


def pending(model: ChatModel) -> bool:
    """Return True if the newest message still has no echo."""
    return model.log[model.log.end - 1].state is EntryState.PENDING


def save(app: ChatApp, picture: Path) -> None:
    """Write a screenshot of the client."""
    # Without this attribute, some renderers drop leading spaces.
    drawn = app.export_screenshot(title="Lobby").replace("<svg ", '<svg xml:space="preserve" ', 1)
    picture.write_text(drawn, encoding="utf-8")
    print(picture.name)


async def main(into: Path = HERE) -> None:
    """Draw all pictures into a folder."""
    os.environ["TERM"] = "xterm-256color"  # other terminals get other themes
    with TemporaryDirectory() as folder:
        await draw_login(Path(folder), into)
        await draw_chat(Path(folder), into)
    with TemporaryDirectory() as folder:
        await draw_return(Path(folder), into)
    with TemporaryDirectory() as folder:
        await draw_talk(Path(folder), into)


if __name__ == "__main__":
    asyncio.run(main())

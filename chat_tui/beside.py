"""The server of `--local`, as the screens see it: being started, known, thought of when leaving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread

from textual.message import Message
from textual.message_pump import MessagePump

from chat_tui.events import ConnectionState
from chat_tui.local_server import DEMO_PASSWORD, LocalServer, LocalServerError
from chat_tui.model.chat_model import ChatModel
from chat_tui.screens.wording import about_local


@dataclass
class LocalServerUp(Message):
    """The server can be signed in to."""

    server: LocalServer


@dataclass
class LocalServerFailed(Message):
    """There is no server; `reason` says why in one line."""

    reason: str


def start_in_a_thread(start: Callable[[], LocalServer], teller: MessagePump) -> None:
    """Call `start`, which blocks, in a daemon thread; `teller` gets one of the messages above.

    If the app is gone by then, so is the process, and the server with it.
    """

    def run() -> None:
        try:
            server = start()
        except LocalServerError as error:
            teller.post_message(LocalServerFailed(str(error)))
        else:
            teller.post_message(LocalServerUp(server))

    Thread(target=run, name="local server", daemon=True).start()


def hint_about(server: LocalServer) -> str:
    """What the form says under the fields."""
    ours = not server.joined_existing
    log = log_path_of(server)
    return about_local(server.port, server.demo_accounts, DEMO_PASSWORD, log, ours=ours)


def log_path_of(server: LocalServer | None) -> str:
    """Where the server's log goes, empty where there is no server of ours."""
    return "" if server is None or server.log_path is None else str(server.log_path)


def others_are_on(server: LocalServer | None, model: ChatModel, *, ousted: bool) -> bool:
    """Whether somebody else is on a server that ends with this window.

    `ousted`: our own place there was taken by another.
    """
    if server is None or server.joined_existing:
        return False
    if model.connection.state in (ConnectionState.WAITING, ConnectionState.RETRYING):
        return False  # it is gone
    members = sum(room.members or 0 for room in model.rooms.listed())
    return members + ousted > 1

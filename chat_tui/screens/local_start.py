"""Starting the server of `--local` while the form is already there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread

from textual.message import Message
from textual.message_pump import MessagePump

from chat_tui.local_server import LocalServer, LocalServerError


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

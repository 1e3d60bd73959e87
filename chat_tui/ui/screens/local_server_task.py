"""The server of `--local`, as the form sees it: being started, and known.

Without `--local` nothing of such a server is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

from textual.message import Message
from textual.message_pump import MessagePump

if TYPE_CHECKING:
    from chat_tui.local_server import LocalServer


@dataclass
class LocalServerStarted(Message):
    """The server can be signed in to."""

    server: LocalServer


@dataclass
class LocalServerFailed(Message):
    """There is no server; `reason` says why in one line."""

    reason: str


def start_in_thread(start: Callable[[], LocalServer], message_target: MessagePump) -> None:
    """Call `start`, which blocks, in a daemon thread; `teller` gets one of the messages above.

    If the app is gone by then, so is the process, and the server with it.
    """

    def run() -> None:
        from chat_tui.local_server import LocalServerError

        try:
            server = start()
        except LocalServerError as error:
            message_target.post_message(LocalServerFailed(str(error)))
        else:
            message_target.post_message(LocalServerStarted(server))

    Thread(target=run, name="local server", daemon=True).start()


def local_server_hint(server: LocalServer) -> str:
    """What the form says under the fields."""
    from chat_tui.local_server import DEMO_PASSWORD
    from chat_tui.ui.screens.wording import local_server_info

    ours = not server.joined_existing
    log = local_log_path(server)
    return local_server_info(
        server.port, server.demo_accounts, DEMO_PASSWORD, log, started_here=ours
    )


def local_log_path(server: LocalServer | None) -> str:
    """Where the server's log goes, empty where there is no server of ours."""
    return "" if server is None or server.log_path is None else str(server.log_path)

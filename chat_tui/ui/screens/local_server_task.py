"""Starting the server of `--local` in a thread, and what the client shows about it.

Without `--local` nothing of the local server is imported.
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
    """The server accepts logins."""

    server: LocalServer


@dataclass
class LocalServerFailed(Message):
    """The server did not start."""

    reason: str
    """One line."""


def start_in_thread(start: Callable[[], LocalServer], message_target: MessagePump) -> None:
    """Call `start`, which blocks, in a daemon thread.

    The thread posts one of the messages above to `message_target`. If the app has ended by then,
    the process ends too, and the server with it.
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
    """Return the hint of the login form: accounts, netcat and the log of the server."""
    from chat_tui.local_server import DEMO_PASSWORD
    from chat_tui.ui.screens.wording import local_server_info

    return local_server_info(
        server.port,
        server.demo_accounts,
        DEMO_PASSWORD,
        local_log_path(server),
        started_here=not server.joined_existing,
    )


def local_log_path(server: LocalServer | None) -> str:
    """Return the path of the local server's log, empty if there is none."""
    return "" if server is None or server.log_path is None else str(server.log_path)

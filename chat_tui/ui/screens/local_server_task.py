"""Starting the server of `--local` in a thread, and what the client shows about it.

Without `--local` nothing of the local server is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
class DemoAccountsFound(Message):
    """The demo accounts of the server are known."""

    server: LocalServer


@dataclass
class LocalServerFailed(Message):
    """The server did not start."""

    reason: str
    """One line."""


@dataclass
class LocalServerChecked(Message):
    """The server runs, or has been started again."""

    server: LocalServer | None
    """The one that was checked, or the one that replaces it. None if it could not be started."""
    problem: str = ""
    """One line."""


def check_in_thread(server: LocalServer, message_target: MessagePump) -> None:
    """Start the server again if it has gone, in a daemon thread. Any thread may call this.

    The thread posts `LocalServerChecked` to `message_target`.
    """

    def run() -> None:
        from chat_tui.local_server import LocalServerError

        try:
            message_target.post_message(LocalServerChecked(server.start_again()))
        except LocalServerError as error:
            message_target.post_message(LocalServerChecked(None, str(error)))

    Thread(target=run, name="local server", daemon=True).start()


def start_in_thread(start: Callable[[], LocalServer], message_target: MessagePump) -> None:
    """Call `start`, which blocks, in a daemon thread.

    The thread posts `LocalServerStarted` and then `DemoAccountsFound`, or `LocalServerFailed`, to
    `message_target`. If the app has ended by then, the process ends too, and the server with it.
    """

    def run() -> None:
        from chat_tui.local_server import LocalServerError

        try:
            server = start()
        except LocalServerError as error:
            message_target.post_message(LocalServerFailed(str(error)))
        else:
            message_target.post_message(LocalServerStarted(server))
            _ = server.demo_accounts  # blocks until they are known
            message_target.post_message(DemoAccountsFound(server))

    Thread(target=run, name="local server", daemon=True).start()


class LocalServerStart:
    """The start of the server of `--local`, and a sign-in that waits for it.

    The login form owns it. Without `--local` it does nothing.
    """

    def __init__(
        self, start: Callable[[], LocalServer] | None, demo_accounts: Sequence[str]
    ) -> None:
        """`start` is None without `--local`. `demo_accounts` are known before the start."""
        self._start = start
        self._demo_accounts = demo_accounts
        self._server: LocalServer | None = None
        self._is_starting = False
        self._queued: object = None

    @property
    def is_wanted(self) -> bool:
        """True if the client was started with `--local`."""
        return self._start is not None

    @property
    def must_wait(self) -> bool:
        """True if a sign-in to the local server has to wait for its start."""
        return self.is_wanted and self._server is None

    @property
    def is_queued(self) -> bool:
        """True if a sign-in waits for the start."""
        return self._queued is not None

    def begin(self, message_target: MessagePump) -> None:
        """Start the server in a thread, unless a thread does so already."""
        if self._start is not None and not self._is_starting:
            self._is_starting = True
            start_in_thread(self._start, message_target)

    def queue(self, fields: object) -> None:
        """Sign in once the server has started, unless the fields of the form change before."""
        self._queued = fields

    def cancel(self) -> None:
        """Forget the queued sign-in."""
        self._queued = None

    def fields_changed(self, fields: object) -> bool:
        """Forget the queued sign-in if it was for other fields. Return True then."""
        changed = self._queued not in (None, fields)
        if changed:
            self._queued = None
        return changed

    def started(self, server: LocalServer) -> bool:
        """Take the started server. Return True if a sign-in has waited for it."""
        is_queued = self.is_queued
        self._server, self._is_starting, self._queued = server, False, None
        return is_queued

    def failed(self) -> None:
        """Forget the queued sign-in. The next one starts the server again."""
        self._server, self._is_starting, self._queued = None, False, None

    def hint(self) -> str:
        """Return the hint of the login form: accounts, netcat and the log of the server."""
        from chat_tui.local_server import DEMO_PASSWORD
        from chat_tui.ui.screens import wording

        server, accounts = self._server, self._demo_accounts
        if server is None:
            if not self._is_starting:
                return ""
            return wording.local_server_starting(accounts, DEMO_PASSWORD, is_queued=self.is_queued)
        if server.known_demo_accounts is not None:
            accounts = server.known_demo_accounts
        return wording.local_server_info(
            server.port,
            accounts,
            DEMO_PASSWORD,
            local_log_path(server),
            started_here=not server.joined_existing,
        )


def local_log_path(server: LocalServer | None) -> str:
    """Return the path of the local server's log, empty if there is none."""
    return "" if server is None or server.log_path is None else str(server.log_path)

"""The event loop of the headless modes: one thread that drives a session and reads input."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from chat_server.wire import replies
from chat_tui import events
from chat_tui.account import Account
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.past_messages import PageFeed
from chat_tui.headless.unconfirmed import UnconfirmedFeed
from chat_tui.model import ChatModel, Entry, EntryKind, SettledFeed
from chat_tui.sanitize import safe_text
from chat_tui.session import ChatSession, trust_text
from chat_tui.storage import KnownServers
from chat_tui.transport import Backoff

_TICK: Final = 0.25
"""Seconds between two ticks of the session, which drive heartbeats and retries."""


class HeadlessRunner:
    """The driver of a session: it pumps events, calls ticks and collects new log entries.

    Only one thread may call it. It takes one line of the server at a time, so that the entries of
    several rooms can be printed in their order of arrival.
    """

    def __init__(
        self,
        write_line: Callable[[str], None],
        log: Callable[[str], None],
        known_servers: KnownServers,
        output_closed: Callable[[], bool] = lambda: False,
        backoff: Backoff | None = None,
    ) -> None:
        """Create a runner that is not signed in.

        `write_line` writes a line of the chat, and `log` a line about the client itself. Both may
        block. `output_closed` returns True once the reader of the output is gone.
        """
        self.write_line = write_line
        self.log = log
        self._output_closed = output_closed
        self.model = ChatModel()
        self.session = ChatSession(
            self.model, _start_reader, self._wake, known_servers, backoff=backoff
        )
        self.settled_feed = SettledFeed(self.model)
        self.pages = PageFeed()
        """The pages of past messages. Their messages are not among the new entries."""
        self.unconfirmed = UnconfirmedFeed()
        """The own messages that may not have arrived."""
        self.session.observe = self._observe
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        self._wake_lock = threading.Lock()  # guards writes to and closing of the pipe; leaf
        self._closed = False
        self._has_more = False  # the session has events that were not pumped yet
        self._next_tick = 0.0

    def run_once(self, input_fd: int | None = None) -> bool:
        """Wait up to `_TICK` seconds for input or an event, and process at most one event.

        Return True if `input_fd` can be read without blocking. Raises `BrokenPipeError` if the
        reader of the output is gone.
        """
        watched = [self._wake_reader] if input_fd is None else [self._wake_reader, input_fd]
        timeout = 0.0 if self._has_more else _TICK
        readable, _, _ = select.select(watched, [], [], timeout)
        if self._wake_reader in readable:
            os.read(self._wake_reader, 4096)
        self._has_more = self.session.pump(max_events=1)
        if time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + _TICK
            self.session.tick()
            if self._output_closed():
                raise BrokenPipeError
        return input_fd in readable

    def take_new_entries(self) -> list[tuple[str, Entry]]:
        """Return the settled entries since the last call, each with its room or conversation.

        The notices about the other servers are not among them: `log` has got them.
        """
        return [
            (location, entry)
            for location, entry in self.pages.live(self.settled_feed.take())
            if entry.kind is not EntryKind.NOTICE
            or replies.parse_servers_notice(entry.text) is None
        ]

    def exit_code_for(self, notice: events.Event, account: Account) -> ExitCode | None:
        """Return the exit code if this notice ends the session, and log the reason.

        Return None if the notice does not end the session, or if the user asked for the end. Log
        what a sign-in waits for.
        """
        match notice:
            case events.PasswordCheckPending():
                self.log("waiting for the server to check the password")
            case events.SignInFailed(reason, retry, untrusted=untrusted):
                self.log(f"{account.user} can't sign in at {account.server}: {_one_line(reason)}")
                if untrusted:
                    return ExitCode.UNTRUSTED
                return ExitCode.NO_CONNECTION if retry else ExitCode.REJECTED
            case events.KeyUnknown():
                self.session.cancel()
                self.log(trust_text.unknown_key_text(notice))
                return ExitCode.UNTRUSTED
            case events.KeyChanged():
                self.log(trust_text.changed_key_text(notice))
                return ExitCode.UNTRUSTED
            case events.SignedOut(reason, requested=False):
                self.log(_one_line(reason))
                return ExitCode.REJECTED
        return None

    def close(self) -> None:
        """Close the session. Its threads end soon."""
        self.session.close()
        with self._wake_lock:
            if not self._closed:
                self._closed = True
                os.close(self._wake_writer)
                os.close(self._wake_reader)

    def _observe(self, event: events.Event) -> None:
        self.pages.handle(event)
        self.unconfirmed.handle(event)
        if isinstance(event, events.ServersConnectionChanged):
            self.log(replies.SERVERS_CONNECTED if event.connected else replies.SERVERS_DISCONNECTED)

    def _wake(self) -> None:
        with self._wake_lock, suppress(BlockingIOError):
            if not self._closed:
                os.write(self._wake_writer, b"!")


def _one_line(reason: str) -> str:
    return safe_text(reason).rstrip(".")


def _start_reader(read: Callable[[], None]) -> None:
    threading.Thread(target=read, name="reader", daemon=True).start()

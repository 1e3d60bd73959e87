"""Seat: a session, and the one thread that works for it and waits for a person's lines."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from chat_tui import events
from chat_tui.account import Account
from chat_tui.headless.exit_code import ExitCode
from chat_tui.model import ChatModel, Entry, SettledFeed
from chat_tui.sanitize import safe_text
from chat_tui.session import ChatSession
from chat_tui.session import trust_text as trust_words
from chat_tui.storage import KnownServers
from chat_tui.transport import Backoff

_TICK: Final = 0.25
"""Seconds between two looks at the clock: heartbeats, retries."""


class HeadlessRunner:
    """What a screen is for the full client: it pumps and ticks, and takes what is new.

    One thread calls it. It takes one line of the server at a turn, so that what stands in several
    rooms can be told in the order in which it came.
    """

    def __init__(
        self,
        write_line: Callable[[str], None],
        log: Callable[[str], None],
        known: KnownServers,
        output_closed: Callable[[], bool] = lambda: False,
        backoff: Backoff | None = None,
    ) -> None:
        """`write_line` takes a line of talk, `log` one about the client itself. Both may block.

        `known`: the servers whose keys are trusted. `nobody_reads`: whether it makes no sense any
        more to say something.
        """
        self.write_line = write_line
        self.log = log
        self._output_closed = output_closed
        self.model = ChatModel()
        self.session = ChatSession(self.model, _start_reader, self._wake, known, backoff=backoff)
        self.settled_feed = SettledFeed(self.model)
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._wakes, False)
        self._wake_lock = threading.Lock()  # held while the pipe is written to or closed; leaf
        self._closed = False
        self._more = False  # lines of the server wait to be taken
        self._next_tick = 0.0

    def run_once(self, input_fd: int | None = None) -> bool:
        """Wait a moment for something to happen, and take in a part of it.

        True where the file with the number `hears` can be read without waiting. Raises
        `BrokenPipeError` where nobody reads what is said.
        """
        watched = [self._woken] if input_fd is None else [self._woken, input_fd]
        pause = 0.0 if self._more else _TICK
        readable, _, _ = select.select(watched, [], [], pause)
        if self._woken in readable:
            os.read(self._woken, 4096)
        self._more = self.session.pump(max_events=1)
        if time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + _TICK
            self.session.tick()
            if self._output_closed():
                raise BrokenPipeError
        return input_fd in readable

    def take_new_entries(self) -> list[tuple[str, Entry]]:
        """What is new since the last call, and the place that it stands in."""
        return self.settled_feed.take()

    def exit_code_for(self, notice: events.Event, account: Account) -> ExitCode | None:
        """What it means if the session comes to its end with this notice; it is told.

        None where it does not, or where the person wanted it so.
        """
        match notice:
            case events.SignInFailed(reason, retry, untrusted=untrusted):
                self.log(f"{account.user} can't sign in at {account.server}: {_one_line(reason)}")
                if untrusted:
                    return ExitCode.UNTRUSTED
                return ExitCode.NO_CONNECTION if retry else ExitCode.REJECTED
            case events.KeyUnknown():
                self.session.cancel()
                self.log(trust_words.unknown_key_text(notice))
                return ExitCode.UNTRUSTED
            case events.KeyChanged():
                self.log(trust_words.changed_key_text(notice))
                return ExitCode.UNTRUSTED
            case events.SignedOut(reason, requested=False):
                self.log(_one_line(reason))
                return ExitCode.REJECTED
        return None

    def close(self) -> None:
        """Leave the server; every thread ends soon."""
        self.session.close()
        with self._wake_lock:
            if not self._closed:
                self._closed = True
                os.close(self._wakes)
                os.close(self._woken)

    def _wake(self) -> None:
        with self._wake_lock, suppress(BlockingIOError):
            if not self._closed:
                os.write(self._wakes, b"!")


def _one_line(reason: str) -> str:
    return safe_text(reason).rstrip(".")


def _start_reader(read: Callable[[], None]) -> None:
    threading.Thread(target=read, name="reader", daemon=True).start()

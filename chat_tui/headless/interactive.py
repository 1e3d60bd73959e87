"""`chat-tui --plain`: what is typed goes out, what is said comes in, line by line."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from chat_tui import events
from chat_tui.account import Account
from chat_tui.events import ConnectionState
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.line_io import TOO_LONG, LineReader, message_line, status_line
from chat_tui.headless.prompt import ask_trust, has_terminal
from chat_tui.headless.runner import HeadlessRunner
from chat_tui.input import check_input, redact
from chat_tui.model import EntryState
from chat_tui.sanitize import safe_text
from chat_tui.storage import LogFiles

MAX_PENDING: Final = 64
"""Own messages without an echo above which no further line is read from a pipe."""


class InteractiveJob:
    """One person's talk, from signing in to `/quit` or the end of what they type.

    A person at a terminal is told at once what could not be sent; lines from a pipe wait until
    they can be, and are never sent twice.
    """

    def __init__(
        self,
        runner: HeadlessRunner,
        account: Account,
        input_lines: LineReader,
        logs: LogFiles,
        signed_in: Callable[[], None] = lambda: None,
        password_from: str = "",
    ) -> None:
        """`password_from`: where the next sign-in finds the password, in words; empty: with who
        types it.
        """
        self._runner = runner
        self._account = account
        self._input = input_lines
        self._at_terminal = os.isatty(input_lines.number)
        self._logs = logs
        self._signed_in = signed_in
        self._password_from = password_from
        self._exit_code = ExitCode.DONE
        self._last_shown: ConnectionState | None = None
        self._leaving = False

    def run(self, room: str | None, *, follow_everyone: bool) -> ExitCode:
        """Talk until somebody leaves."""
        runner, account, session = self._runner, self._account, self._runner.session
        session.sign_in(
            account.host,
            account.port,
            account.user,
            account.password,
            room=room,
            follow_everyone=follow_everyone,
            plaintext=account.plaintext,
        )
        while True:
            if runner.run_once(self._input.number if self._wants_to_read() else None):
                self._input.read()
            ended = self._take_notices()
            self._show_new_entries()
            self._log_connection()
            if ended is not None:
                self._logs.write()
                return self._exit_code if ended is ExitCode.DONE else ended
            self._submit_input()
            self._logs.write()

    def _wants_to_read(self) -> bool:
        if self._input.ended or self._input.lines:
            return False
        if self._at_terminal:
            return (
                self._last_shown is not None and self._last_shown is not ConnectionState.CONNECTING
            )
        return self._has_capacity()

    def _has_capacity(self) -> bool:
        return self._runner.session.is_in_room and self._runner.settled_feed.pending < MAX_PENDING

    def _submit_input(self) -> None:
        """Bring what was typed on its way; at its end, leave once it has gone."""
        typed = self._input
        while typed.lines and (self._at_terminal or self._has_capacity()):
            self._submit(typed.lines.popleft())
            self._show_new_entries()
        if not typed.ended or typed.lines or self._leaving or not self._is_confirmed():
            return
        self._leaving = True
        self._runner.session.submit("/quit")  # answered after all that was asked before

    def _submit(self, line: str | None) -> None:
        model = self._runner.model
        if line is None:
            self._not_sent(TOO_LONG, "")
        elif held := check_input(line, model.commands, model.user):
            # Where keys are heard, Tab takes what is offered. The line may hold a password.
            why = held.reason.partition(" Tab:")[0].removeprefix("Not sent: ")
            instead = (
                f" Did you mean {safe_text(redact(held.suggestion))}" if held.suggestion else ""
            )
            self._not_sent(f"Not sent: {why}{instead}", "")
        else:
            self._runner.session.submit(line)

    def _is_confirmed(self) -> bool:
        """Whether `/quit` may follow; first servers do not say what they have taken by then."""
        return self._runner.model.capabilities.ordered_quit or not self._runner.settled_feed.pending

    def _not_sent(self, reason: str, line: str) -> None:
        self._exit_code = ExitCode.UNCONFIRMED
        self._runner.log(f"{reason}: {safe_text(redact(line))}" if line else reason)

    # What is told

    def _take_notices(self) -> ExitCode | None:
        ended: ExitCode | None = None
        for notice in self._runner.session.take_notices():
            match notice:
                case events.SignedIn():
                    self._signed_in()
                case events.KeyUnknown() if has_terminal():
                    self._runner.session.trust(ask_trust(notice))
                case events.PasswordChanged() if self._password_from:
                    where = self._password_from
                    self._runner.log(f"the password comes from {where}: change it there, too")
                case events.SignedOut(requested=True):
                    ended = ExitCode.DONE
                case events.TextReturned("/quit"):  # there is nobody to say it to
                    ended = ExitCode.DONE
                case events.TextReturned(text, is_reported=True):
                    self._not_sent("not delivered", text)
                case events.TextReturned(text, reason):
                    self._not_sent(reason, text)
                case _:
                    ended = self._runner.exit_code_for(notice, self._account) or ended
        return ended

    def _log_connection(self) -> None:
        model, state = self._runner.model, self._runner.model.connection.state
        if state is ConnectionState.RETRYING or state is self._last_shown:
            return
        self._last_shown = state
        if state is ConnectionState.ONLINE:
            how = "encrypted" if model.connection.encrypted else "unencrypted"
            self._runner.log(f"connected to {model.server} as {model.user}, in {model.room}, {how}")
        elif state is ConnectionState.WAITING:
            why = safe_text(model.connection.reason).rstrip(".")
            self._runner.log(f"{why}; trying again until it works")

    def _show_new_entries(self) -> None:
        for _, entry in self._runner.take_new_entries():
            if entry.state is EntryState.UNCONFIRMED:
                self._not_sent("not confirmed, it may have arrived or not", entry.text)
            elif entry.state is not EntryState.REJECTED:  # of that a notice tells
                self._runner.write_line(message_line(entry) or status_line(entry))

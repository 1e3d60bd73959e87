"""`chat-tui --plain`: what is typed goes out, what is said comes in, line by line."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from chat_tui import events
from chat_tui.account import Account
from chat_tui.events import ConnectionState
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.line_io import TOO_LONG, LinesIn, other_line, said_line
from chat_tui.headless.prompt import ask_about_key, somebody_is_there
from chat_tui.headless.runner import Seat
from chat_tui.input.command_guard import held_back
from chat_tui.input.redaction import masked
from chat_tui.model.entries import EntryState
from chat_tui.sanitize import safe_text
from chat_tui.storage.log_files import LogFiles

ON_THEIR_WAY: Final = 64
"""Own messages without an echo above which no further line is read from a pipe."""


class Talk:
    """One person's talk, from signing in to `/quit` or the end of what they type.

    A person at a terminal is told at once what could not be sent; lines from a pipe wait until
    they can be, and are never sent twice.
    """

    def __init__(
        self,
        seat: Seat,
        account: Account,
        typed: LinesIn,
        logs: LogFiles,
        signed_in: Callable[[], None] = lambda: None,
        password_from: str = "",
    ) -> None:
        """`password_from`: where the next sign-in finds the password, in words; empty: with who
        types it.
        """
        self._seat = seat
        self._account = account
        self._typed = typed
        self._at_terminal = os.isatty(typed.number)
        self._logs = logs
        self._signed_in = signed_in
        self._password_from = password_from
        self._code = ExitCode.DONE
        self._shown: ConnectionState | None = None
        self._leaving = False

    def run(self, room: str | None, *, follow_everyone: bool) -> ExitCode:
        """Talk until somebody leaves."""
        seat, account, session = self._seat, self._account, self._seat.session
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
            if seat.turn(self._typed.number if self._wants_to_read() else None):
                self._typed.read()
            ended = self._take_notices()
            self._show_news()
            self._tell_connection()
            if ended is not None:
                self._logs.write()
                return self._code if ended is ExitCode.DONE else ended
            self._pass_on()
            self._logs.write()

    def _wants_to_read(self) -> bool:
        if self._typed.ended or self._typed.waiting:
            return False
        if self._at_terminal:
            return self._shown is not None and self._shown is not ConnectionState.CONNECTING
        return self._may_say_more()

    def _may_say_more(self) -> bool:
        return self._seat.session.is_settled and self._seat.settled.awaited < ON_THEIR_WAY

    def _pass_on(self) -> None:
        """Bring what was typed on its way; at its end, leave once it has gone."""
        typed = self._typed
        while typed.waiting and (self._at_terminal or self._may_say_more()):
            self._submit(typed.waiting.popleft())
            self._show_news()
        if not typed.ended or typed.waiting or self._leaving or not self._is_proved():
            return
        self._leaving = True
        self._seat.session.submit("/quit")  # answered after all that was asked before

    def _submit(self, line: str | None) -> None:
        model = self._seat.model
        if line is None:
            self._not_sent(TOO_LONG, "")
        elif held := held_back(line, model.commands, model.user):
            # Where keys are heard, Tab takes what is offered. The line may hold a password.
            why = held.why.partition(" Tab:")[0].removeprefix("Not sent: ")
            instead = f" Did you mean {safe_text(masked(held.instead))}" if held.instead else ""
            self._not_sent(f"Not sent: {why}{instead}", "")
        else:
            self._seat.session.submit(line)

    def _is_proved(self) -> bool:
        """Whether `/quit` may follow; first servers do not say what they have taken by then."""
        return "/quit" in self._seat.model.commands or not self._seat.settled.awaited

    def _not_sent(self, why: str, line: str) -> None:
        self._code = ExitCode.UNCONFIRMED
        self._seat.remark(f"{why}: {safe_text(masked(line))}" if line else why)

    # What is told

    def _take_notices(self) -> ExitCode | None:
        ended: ExitCode | None = None
        for notice in self._seat.session.take_notices():
            match notice:
                case events.SignedIn():
                    self._signed_in()
                case events.KeyUnknown() if somebody_is_there():
                    self._seat.session.trust(ask_about_key(notice))
                case events.PasswordChanged() if self._password_from:
                    where = self._password_from
                    self._seat.remark(f"the password comes from {where}: change it there, too")
                case events.SignedOut(asked=True):
                    ended = ExitCode.DONE
                case events.TextReturned("/quit"):  # there is nobody to say it to
                    ended = ExitCode.DONE
                case events.TextReturned(text, is_told=True):
                    self._not_sent("not delivered", text)
                case events.TextReturned(text, reason):
                    self._not_sent(reason, text)
                case _:
                    ended = self._seat.ending(notice, self._account) or ended
        return ended

    def _tell_connection(self) -> None:
        model, state = self._seat.model, self._seat.model.connection.state
        if state is ConnectionState.RETRYING or state is self._shown:
            return
        self._shown = state
        if state is ConnectionState.ONLINE:
            how = "encrypted" if model.connection.encrypted else "unencrypted"
            self._seat.remark(
                f"connected to {model.server} as {model.user}, in {model.room}, {how}"
            )
        elif state is ConnectionState.WAITING:
            why = safe_text(model.connection.reason).rstrip(".")
            self._seat.remark(f"{why}; trying again until it works")

    def _show_news(self) -> None:
        for _, entry in self._seat.news():
            if entry.state is EntryState.UNCONFIRMED:
                self._not_sent("not confirmed, it may have arrived or not", entry.text)
            elif entry.state is not EntryState.REFUSED:  # of that a notice tells
                self._seat.say(said_line(entry) or other_line(entry))

"""`chat-tui --send`: send messages to a room, wait for their confirmation, and quit."""

from __future__ import annotations

import time
from typing import Final

from chat_server.wire import TextLine, published_form
from chat_tui import events
from chat_tui.account import Account
from chat_tui.events import ConnectionState
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.interactive import MAX_PENDING
from chat_tui.headless.line_io import LineProblem, LineReader
from chat_tui.headless.runner import HeadlessRunner
from chat_tui.input import holds_secret, redact, sending_problem, to_composer_text
from chat_tui.model import EntryKind, EntryState
from chat_tui.sanitize import safe_text

DELIVERY_TIMEOUT: Final = 120.0
"""Seconds in which the servers have to reach each other again while lines wait for delivery. The
servers keep for 120 s what they may have to send to each other again."""

_LOST_STATES = frozenset({ConnectionState.WAITING, ConnectionState.RETRYING})


class SendJob:
    """A job that sends each line as a message, even if it begins with "/". Empty lines are skipped.

    A line that looks like a password is not sent: the whole room would read it.

    The job does not reconnect: its caller decides whether to try again.
    """

    def __init__(
        self,
        runner: HeadlessRunner,
        account: Account,
        room: str,
        lines: LineReader,
        delivery_timeout: float = DELIVERY_TIMEOUT,
    ) -> None:
        """`delivery_timeout`: seconds in which the servers have to reach each other again."""
        self._runner = runner
        self._account = account
        self._room = room
        self._lines = lines
        self._sent = self._confirmed = 0  # counts of lines
        self._failed = False
        self._leaving = False
        self._delivery_timeout = delivery_timeout
        self._waiting_since: float | None = None  # the servers cannot reach each other

    def run(self) -> ExitCode:
        """Send all lines. Return DONE only if the server has confirmed every line."""
        runner, account = self._runner, self._account
        runner.session.sign_in(
            account.host,
            account.port,
            account.user,
            account.password,
            room=self._room,
            plaintext=account.plaintext,
            others=account.others,
            uses_history=False,
        )
        while True:
            if runner.run_once(self._lines.fd if self._wants_to_read() else None):
                self._lines.read()
            self._process_new_entries()
            for notice in runner.session.take_notices():
                if isinstance(notice, events.TextReturned):
                    self._fail(f"{safe_text(notice.reason)}: {safe_text(redact(notice.text))[:60]}")
                elif isinstance(notice, events.SignedOut) and notice.requested:
                    return self._result()
                elif (code := runner.exit_code_for(notice, account)) is not None:
                    return code
            if runner.model.connection.state in _LOST_STATES:
                runner.log(safe_text(runner.model.connection.reason))
                runner.session.cancel()
                return self._result()
            if self._is_delivery_overdue():
                runner.log("the servers still cannot reach each other")
                runner.session.cancel()
                return self._result()
            if runner.session.can_send_now and not self._leaving:
                self._advance()

    def _is_delivery_overdue(self) -> bool:
        """Return True if the servers have been without each other for too long."""
        if self._runner.model.servers_connected:
            self._waiting_since = None
            return False
        now = time.monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        return now - self._waiting_since >= self._delivery_timeout

    def _wants_to_read(self) -> bool:
        lines = self._lines
        return self._has_capacity() and not lines.ended and not lines.lines

    def _has_capacity(self) -> bool:
        pending = self._sent - self._confirmed
        return self._runner.session.can_send_now and pending < MAX_PENDING

    def _advance(self) -> None:
        if self._runner.model.room != self._room:  # an error entry has given the reason
            self._failed = True
            self._leave()
            return
        lines = self._lines
        while lines.lines and self._has_capacity():
            self._send(lines.lines.popleft())
        ordered = self._runner.model.capabilities.ordered_quit
        if lines.ended and not lines.lines and (ordered or self._sent == self._confirmed):
            self._leave()

    def _send(self, line: str | LineProblem) -> None:
        if isinstance(line, LineProblem):
            self._fail(line.value)
            return
        text = published_form(line)
        if holds_secret(line, self._account.user):
            self._fail("Not sent: the line looks like a password")
        elif problem := sending_problem(TextLine(text)):
            self._fail(f"{problem}: {safe_text(text)[:60]}…")
        elif text:
            self._sent += 1
            self._runner.session.submit(to_composer_text([text]))

    def _leave(self) -> None:
        self._leaving = True
        self._runner.session.submit("/quit")

    def _process_new_entries(self) -> None:
        for _, entry in self._runner.take_new_entries():
            if entry.kind is EntryKind.ERROR:
                self._runner.log(entry.text)
            elif entry.own and entry.state is EntryState.SENT:
                self._confirmed += 1

    def _fail(self, reason: str) -> None:
        self._failed = True
        self._runner.log(reason)

    def _result(self) -> ExitCode:
        self._process_new_entries()
        if self._confirmed < self._sent:
            self._runner.log(
                f"{self._confirmed} of {self._sent} lines are confirmed. "
                "The others may or may not have arrived"
            )
        unread = bool(self._lines.lines) or not self._lines.ended
        done = not (self._failed or unread) and self._confirmed == self._sent
        return ExitCode.DONE if done else ExitCode.UNCONFIRMED

"""`chat-tui --send`: say something in a room, wait for the proof that it arrived, and leave."""

from __future__ import annotations

from chat_server.wire.protocol import Text, published_form
from chat_tui import events
from chat_tui.account import Account
from chat_tui.events import ConnectionState
from chat_tui.headless.exit_code import ExitCode
from chat_tui.headless.interactive import ON_THEIR_WAY
from chat_tui.headless.line_io import TOO_LONG, LinesIn
from chat_tui.headless.runner import Seat
from chat_tui.input.parser import composed, sending_problem
from chat_tui.input.redaction import holds_secret, masked
from chat_tui.model.entries import EntryKind, EntryState
from chat_tui.sanitize import safe_text

_LOST = frozenset({ConnectionState.WAITING, ConnectionState.RETRYING})


class Send:
    """Each line is said as it stands, also where it begins with "/"; empty ones are left out.

    What looks like a password is not said: the whole room would read it.

    It comes back to no lost connection: whoever calls it knows best whether to try again.
    """

    def __init__(self, seat: Seat, account: Account, room: str, lines: LinesIn) -> None:
        self._seat = seat
        self._account = account
        self._room = room
        self._lines = lines
        self._said = self._proved = 0  # lines
        self._failed = False
        self._leaving = False

    def run(self) -> ExitCode:
        """Say it all. DONE only where the server has taken every line."""
        seat, account = self._seat, self._account
        seat.session.sign_in(
            account.host,
            account.port,
            account.user,
            account.password,
            room=self._room,
            plaintext=account.plaintext,
        )
        while True:
            if seat.turn(self._lines.number if self._wants_to_read() else None):
                self._lines.read()
            self._look_at_news()
            for notice in seat.session.take_notices():
                if isinstance(notice, events.TextReturned):
                    self._fail(f"{safe_text(notice.reason)}: {safe_text(masked(notice.text))[:60]}")
                elif isinstance(notice, events.SignedOut) and notice.asked:
                    return self._result()
                elif (code := seat.ending(notice, account)) is not None:
                    return code
            if seat.model.connection.state in _LOST:
                seat.remark(safe_text(seat.model.connection.reason))
                seat.session.cancel()
                return self._result()
            if seat.session.is_settled and not self._leaving:
                self._go_on()

    def _wants_to_read(self) -> bool:
        lines = self._lines
        return self._may_say_more() and not lines.ended and not lines.waiting

    def _may_say_more(self) -> bool:
        on_their_way = self._said - self._proved
        return self._seat.session.is_settled and on_their_way < ON_THEIR_WAY

    def _go_on(self) -> None:
        if self._seat.model.room != self._room:  # why, the news have told
            self._failed = True
            self._leave()
            return
        lines = self._lines
        while lines.waiting and self._may_say_more():
            self._say(lines.waiting.popleft())
        modern = "/quit" in self._seat.model.commands  # else it answers before all is taken
        if lines.ended and not lines.waiting and (modern or self._said == self._proved):
            self._leave()

    def _say(self, line: str | None) -> None:
        text = published_form(line) if line is not None else ""
        if line is None:
            self._fail(TOO_LONG)
        elif holds_secret(line, self._account.user):
            self._fail("Not sent: a line that looks like a password")
        elif problem := sending_problem(Text(text)):
            self._fail(f"{problem}: {safe_text(text)[:60]}…")
        elif text:
            self._said += 1
            self._seat.session.submit(composed([text]))

    def _leave(self) -> None:
        self._leaving = True
        self._seat.session.submit("/quit")

    def _look_at_news(self) -> None:
        for _, entry in self._seat.news():
            if entry.kind is EntryKind.ERROR:
                self._seat.remark(entry.text)
            elif entry.own and entry.state is EntryState.SENT:
                self._proved += 1

    def _fail(self, why: str) -> None:
        self._failed = True
        self._seat.remark(why)

    def _result(self) -> ExitCode:
        self._look_at_news()
        if self._proved < self._said:
            self._seat.remark(
                f"{self._proved} of {self._said} lines are known to have arrived; "
                "the next may have, or not"
            )
        unread = bool(self._lines.waiting) or not self._lines.ended
        done = not (self._failed or unread) and self._proved == self._said
        return ExitCode.DONE if done else ExitCode.UNCONFIRMED

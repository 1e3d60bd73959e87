"""Changing our password, and how we learn what became of it."""

from __future__ import annotations

from collections.abc import Callable

from chat_server.wire.protocol import LineTooLong
from chat_tui import events
from chat_tui.events import Event
from chat_tui.input.parser import command
from chat_tui.input.redaction import PASSWD
from chat_tui.protocol.pending_requests import Kind, Origin, Request, request
from chat_tui.protocol.send_queue import Outbound

_NOT_HERE = "This server lets nobody change a password"


class PasswordChange:
    """What has no answer when the connection ends may have been done.

    Whoever comes back by itself has to know the password that holds: so what is typed as a command
    counts like what was asked for in the form.
    """

    def __init__(self, out: Outbound, tell: Callable[[Event], None]) -> None:
        self._out = out
        self._tell = tell
        self._asked: list[tuple[Request, str]] = []  # and the new password
        self._unanswered: list[str] = []  # the new passwords whose answers may still come

    def ask(self, old: str, new: str, now: float) -> None:
        """Ask for it; both are words of a line. The answer comes as an event."""
        if PASSWD not in self._out.commands:
            self._tell(events.PasswordRefused(_NOT_HERE))
            return
        asked = request(command(PASSWD, old, new), Origin.OWN)
        try:
            self._out.send(asked, now)
        except LineTooLong as problem:
            self._tell(events.PasswordRefused(f"Not sent: a {problem}"))
            return
        self._asked.append((asked, new))

    def typed(self, asked: Request, arguments: tuple[str, ...]) -> None:
        """A command was sent; it may be the one that does it."""
        if asked.kind is Kind.PASSWORD and len(arguments) == 2:
            self._asked.append((asked, arguments[1]))

    def granted(self, asked: Request | None) -> None:
        """The server says that it changed a password: for this request, or for one given up."""
        new = self._take(asked) or (self._unanswered.pop(0) if self._unanswered else None)
        if new is not None:
            self._tell(events.PasswordChanged(new))

    def refused(self, asked: Request, reason: str) -> None:
        """The server says that it did not."""
        if self._take(asked) is not None:
            self._tell(events.PasswordRefused(reason))

    def unanswered(self, asked: Request) -> None:
        """No answer came in time."""
        new = self._take(asked)
        if new is not None:
            self._unanswered.append(new)
            self._tell(events.PasswordUnknown(new))

    def settle(self) -> None:
        """The connection is over."""
        for asked, _ in list(self._asked):
            self.unanswered(asked)

    def _take(self, asked: Request | None) -> str | None:
        found = next((new for other, new in self._asked if other is asked), None)
        self._asked = [known for known in self._asked if known[0] is not asked]
        return found

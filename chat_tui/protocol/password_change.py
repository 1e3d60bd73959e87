"""Changing our password, and how we learn what became of it."""

from __future__ import annotations

from collections.abc import Callable

from chat_server.wire import LineTooLongError
from chat_tui import events
from chat_tui.events import Event
from chat_tui.input import PASSWD, make_command
from chat_tui.protocol.pending_requests import Request, RequestKind, RequestOrigin, make_request
from chat_tui.protocol.send_queue import SendQueue

_UNSUPPORTED = "This server lets nobody change a password"


class PasswordChange:
    """What has no answer when the connection ends may have been done.

    Whoever comes back by itself has to know the password that holds: so what is typed as a command
    counts like what was asked for in the form.
    """

    def __init__(self, sender: SendQueue, emit: Callable[[Event], None]) -> None:
        self._sender = sender
        self._emit = emit
        self._pending: list[tuple[Request, str]] = []  # and the new password
        self._unanswered: list[str] = []  # the new passwords whose answers may still come

    def request(self, old: str, new: str, now: float) -> None:
        """Ask for it; both are words of a line. The answer comes as an event."""
        if not self._sender.capabilities.password_change:
            self._emit(events.PasswordChangeFailed(_UNSUPPORTED))
            return
        request = make_request(make_command(PASSWD, old, new), RequestOrigin.INTERNAL)
        try:
            self._sender.send(request, now)
        except LineTooLongError as problem:
            self._emit(events.PasswordChangeFailed(f"Not sent: a {problem}"))
            return
        self._pending.append((request, new))

    def command_sent(self, request: Request, arguments: tuple[str, ...]) -> None:
        """A command was sent; it may be the one that does it."""
        if request.kind is RequestKind.PASSWORD and len(arguments) == 2:
            self._pending.append((request, arguments[1]))

    def succeeded(self, request: Request | None) -> None:
        """The server says that it changed a password: for this request, or for one given up."""
        new = self._take(request) or (self._unanswered.pop(0) if self._unanswered else None)
        if new is not None:
            self._emit(events.PasswordChanged(new))

    def rejected(self, request: Request, reason: str) -> None:
        """The server says that it did not."""
        if self._take(request) is not None:
            self._emit(events.PasswordChangeFailed(reason))

    def unanswered(self, request: Request) -> None:
        """No answer came in time."""
        new = self._take(request)
        if new is not None:
            self._unanswered.append(new)
            self._emit(events.PasswordChangeUncertain(new))

    def settle(self) -> None:
        """The connection is over."""
        for request, _ in list(self._pending):
            self.unanswered(request)

    def _take(self, request: Request | None) -> str | None:
        found = next((new for other, new in self._pending if other is request), None)
        self._pending = [known for known in self._pending if known[0] is not request]
        return found

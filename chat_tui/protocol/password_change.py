"""PasswordChange: change the user's password, and report the outcome."""

from __future__ import annotations

from collections.abc import Callable

from chat_server.wire import LineTooLongError
from chat_tui import events
from chat_tui.events import Event
from chat_tui.input import PASSWD, make_command
from chat_tui.protocol.pending_requests import Request, RequestKind, RequestOrigin, make_request
from chat_tui.protocol.send_queue import SendQueue

_UNSUPPORTED = "This server does not let users change their password"


class PasswordChange:
    """The pending password changes. Without a reply, a change may or may not have been made.

    To reconnect, the client must know the current password. A `/passwd` command that the user
    types is therefore tracked like a change requested in the form.
    """

    def __init__(self, sender: SendQueue, emit: Callable[[Event], None]) -> None:
        self._sender = sender
        self._emit = emit
        self._pending: list[tuple[Request, str]] = []  # with the new password
        self._unanswered: list[str] = []  # new passwords whose replies may still come

    def request(self, old: str, new: str, now: float) -> None:
        """Request a change. Neither password may contain white space. The outcome is an event."""
        if not self._sender.capabilities.password_change:
            self._emit(events.PasswordChangeFailed(_UNSUPPORTED))
            return
        request = make_request(make_command(PASSWD, old, new), RequestOrigin.INTERNAL)
        try:
            self._sender.send(request, now)
        except LineTooLongError as error:
            self._emit(events.PasswordChangeFailed(f"Not sent: a {error}"))
            return
        self._pending.append((request, new))

    def command_sent(self, request: Request, arguments: tuple[str, ...]) -> None:
        """Track a command that the user typed, if it changes the password."""
        if request.kind is RequestKind.PASSWORD and len(arguments) == 2:
            self._pending.append((request, arguments[1]))

    def succeeded(self, request: Request | None) -> None:
        """Report a change that the server confirmed, for this request or for an expired one."""
        new = self._take(request) or (self._unanswered.pop(0) if self._unanswered else None)
        if new is not None:
            self._emit(events.PasswordChanged(new))

    def rejected(self, request: Request, reason: str) -> None:
        """Report a change that the server rejected."""
        if self._take(request) is not None:
            self._emit(events.PasswordChangeFailed(reason))

    def unanswered(self, request: Request) -> None:
        """Report a change without a reply."""
        new = self._take(request)
        if new is not None:
            self._unanswered.append(new)
            self._emit(events.PasswordChangeUncertain(new))

    def abandon_pending(self) -> None:
        """Report all pending changes as uncertain: the connection has ended."""
        for request, _ in list(self._pending):
            self.unanswered(request)

    def _take(self, request: Request | None) -> str | None:
        found = next((new for other, new in self._pending if other is request), None)
        self._pending = [pending for pending in self._pending if pending[0] is not request]
        return found

"""LoginPhase: from the server's login prompt to its list of commands."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from chat_server.wire import (
    ErrorReply,
    LineTooLongError,
    Reply,
    ServerLine,
    encode_line,
    operator_replies,
    replies,
)
from chat_tui import events
from chat_tui.events import Event
from chat_tui.protocol.phase import Ended, EndReason, LoggedIn, Phase, ProtocolState

PROMPT_TIMEOUT: Final = 10.0
"""Seconds in which a chat server sends its first line."""

LOGIN_REPLY_SECONDS: Final = 1.5
"""Seconds after the LOGIN line after which the client reports that the server checks the password.
One check takes a quarter of a second."""

COMMANDS_TIMEOUT: Final = 5.0
"""Seconds after a successful login in which the list of commands has to arrive."""

_TLS_ONLY_HINT: Final = "That port accepts TLS only: leave out --plaintext, or plaintext = true"
"""Shown instead of the server's text, which is written for a user of netcat."""

_PERMANENT_REJECTIONS: Final = frozenset(
    {
        replies.AUTHENTICATION_FAILED,
        replies.INVALID_LOGIN_FORMAT,
        operator_replies.BANNED_ACCOUNT,
        operator_replies.BANNED_ADDRESS,
    }
)
"""Rejections that a retry with the same credentials does not change. A temporary ban has another
text, with the time to wait."""


class LoginPhase(Phase):
    """The login on one connection.

    The outcome is `LoggedIn`, or `Ended` with the reason for which the login failed.
    """

    state = ProtocolState.LOGIN

    def __init__(self, user: str, password: str, emit: Callable[[Event], None], now: float) -> None:
        super().__init__(emit)
        self._login_line = f"LOGIN {user} {password}"
        self._deadline = now + PROMPT_TIMEOUT
        self._report_pending_at = inf
        self._prompted = False
        self._accepted = False
        self._commands: list[str] = []
        self._lines: list[bytes] = []

    @property
    def is_login_pending(self) -> bool:
        """See `ClientProtocol.is_login_pending`."""
        return self._prompted and not self._accepted and self.outcome is None

    def take_lines(self) -> list[bytes]:
        """Return the lines to send since the last call, each with its LF."""
        taken, self._lines = self._lines, []
        return taken

    def receive(self, line: ServerLine, now: float) -> None:
        """Handle a line from the server.

        A line that is not part of the login is shown as it is. Legacy servers send a welcome.
        """
        if isinstance(line, ErrorReply):
            after = replies.parse_retry_after(line.text)
            reason = _TLS_ONLY_HINT if line.text == replies.TLS_ONLY else line.text
            self._reject(reason, retry=line.text not in _PERMANENT_REJECTIONS, after=after or 0.0)
        elif isinstance(line, Reply):
            self._handle_reply(line.text, now)
        elif not self._prompted:
            self._reject("No chat server answers there", retry=True)

    def tick(self, now: float) -> None:
        """End the phase if the server has missed a deadline."""
        if now >= self._report_pending_at:
            self._report_pending_at = inf
            self._emit(events.PasswordCheckPending())
        if now < self._deadline:
            return
        if self._accepted:
            self._finish()
        else:
            self._reject("No chat server answers there", retry=True)

    def connection_lost(self, reason: str) -> None:
        """End the phase: the connection ended before the login did."""
        if not self._prompted:
            reason = f"{reason} before it asked for a login"
        self._reject(reason, retry=True)

    def _handle_reply(self, text: str, now: float) -> None:
        if text == replies.SHUTTING_DOWN:
            self._reject(text, retry=True)
        elif not self._prompted and text.startswith("Login using:"):
            self._log_in(now)
        elif self._prompted and not self._accepted and text == replies.LOGIN_SUCCESSFUL:
            self._accepted = True
            self._report_pending_at = inf
            self._deadline = now + COMMANDS_TIMEOUT
        elif not (self._accepted and self._take_commands(text)):
            self._emit(events.LogNotice(text, "reply"))

    def _log_in(self, now: float) -> None:
        self._prompted = True
        # No deadline: to give up and log in again would lose the place in the server's queue. TCP
        # keepalive ends a connection whose server has vanished.
        self._deadline = inf
        self._report_pending_at = now + LOGIN_REPLY_SECONDS
        try:
            self._lines.append(encode_line(self._login_line))
        except LineTooLongError:
            self._reject("This name and password are too long for a line", retry=False)

    def _take_commands(self, text: str) -> bool:
        part = replies.parse_available_commands(text)
        if part is None:
            return False
        self._commands += part.items
        if not part.more:
            self._finish()
        return True

    def _finish(self) -> None:
        self.outcome = LoggedIn(tuple(self._commands))

    def _reject(self, reason: str, *, retry: bool, after: float = 0.0) -> None:
        failure = events.SignInFailed(reason, retry, after)
        self.outcome = Ended(EndReason.REJECTED, failure)

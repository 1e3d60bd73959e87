"""The talk before a session: from the login line of the server to its list of commands."""

from __future__ import annotations

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

PROMPT_TIMEOUT: Final = 10.0
"""Seconds in which a chat server says its first line."""

LOGIN_TIMEOUT: Final = 60.0
"""Seconds that a login may take: passwords are hashed one after the other, and slowly."""

COMMANDS_TIMEOUT: Final = 5.0
"""Seconds after a successful login in which the list of commands has to come."""

_IN_TLS: Final = "That port is for encryption alone: leave out --plaintext, or plaintext = true"
"""What a server means whose words are for somebody at netcat."""

_PERMANENT_REJECTIONS: Final = frozenset(
    {
        replies.AUTHENTICATION_FAILED,
        replies.INVALID_LOGIN_FORMAT,
        operator_replies.BANNED_ACCOUNT,
        operator_replies.BANNED_ADDRESS,
    }
)
"""Refusals that another try with the same words will not change. A ban that ends says when."""


class LoginPhase:
    """Signing in on one connection: takes the server's lines, gives ours and the outcome.

    `outcome` is None as long as it is open; then the commands that the server listed, or why it
    did not take us in.
    """

    def __init__(self, user: str, password: str, now: float) -> None:
        self._login_line = f"LOGIN {user} {password}"
        self._deadline = now + PROMPT_TIMEOUT
        self._prompted = False
        self._accepted = False
        self._commands: list[str] = []
        self.outcome: tuple[str, ...] | events.SignInFailed | None = None

    def receive(self, line: ServerLine, now: float) -> bytes | events.LogNotice | None:
        """Take a line; what has to be sent because of it, or shown.

        A line that is no part of signing in (the first servers say welcome) is shown as it is.
        """
        if isinstance(line, ErrorReply):
            after = replies.parse_retry_after(line.text)
            reason = _IN_TLS if line.text == replies.TLS_ONLY else line.text
            self._reject(reason, retry=line.text not in _PERMANENT_REJECTIONS, after=after or 0.0)
            return None
        if not isinstance(line, Reply):
            if not self._prompted:
                self._reject("No chat server answers there", retry=True)
            return None
        text = line.text
        if text == replies.SHUTTING_DOWN:
            self._reject(text, retry=True)
        elif not self._prompted and text.startswith("Login using:"):
            return self._log_in(now)
        elif self._prompted and not self._accepted and text == replies.LOGIN_SUCCESSFUL:
            self._accepted = True
            self._deadline = now + COMMANDS_TIMEOUT
        elif self._accepted and self._take_commands(text):
            pass
        else:
            return events.LogNotice(text, "reply")
        return None

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self.outcome is not None or now < self._deadline:
            return
        if self._accepted:
            self.outcome = tuple(self._commands)
        elif self._prompted:
            self._reject("The server does not answer the login", retry=True)
        else:
            self._reject("No chat server answers there", retry=True)

    def connection_lost(self, reason: str) -> None:
        """The connection ended."""
        if not self._prompted:
            reason = f"{reason} before it asked for a login"
        self._reject(reason, retry=True)

    def _log_in(self, now: float) -> bytes | None:
        self._prompted = True
        self._deadline = now + LOGIN_TIMEOUT
        try:
            return encode_line(self._login_line)
        except LineTooLongError:
            self._reject("This name and password are too long for a line", retry=False)
            return None

    def _take_commands(self, text: str) -> bool:
        part = replies.parse_available_commands(text)
        if part is None:
            return False
        self._commands += part.items
        if not part.more:
            self.outcome = tuple(self._commands)
        return True

    def _reject(self, reason: str, *, retry: bool, after: float = 0.0) -> None:
        if self.outcome is None:
            self.outcome = events.SignInFailed(reason, retry, after)

"""With which password a session comes back, once it was asked to be another one. Pure."""

from __future__ import annotations

from typing import Final

from chat_server.wire import replies
from chat_tui import events
from chat_tui.account import Account

Outcome = events.PasswordChanged | events.PasswordRefused | events.PasswordUnknown

UNKNOWN: Final = (
    "No answer came: your password may be the new one or the old. If you have to sign in, "
    "try the new one first"
)
"""What is known when the connection ends before the answer."""

NOT_CHANGED: Final = "Your password was not changed: the server still takes the old one only"
"""How the doubt ends where the new one is refused."""

CHANGED_AFTER_ALL: Final = "Your password was changed: the server takes the new one"
"""How it ends where it is not."""


def after(account: Account, outcome: Outcome) -> tuple[Account, events.ServerLine | None]:
    """Who comes back from now on, and what the log has to tell: only what no answer told."""
    match outcome:
        case events.PasswordUnknown(new):
            return account.in_doubt(new), events.ServerLine(UNKNOWN, "error")
        case events.PasswordChanged(new):
            told = events.ServerLine(CHANGED_AFTER_ALL, "reply") if account.before else None
            return account.with_password(new), told
        case events.PasswordRefused(reason) if account.before and reason == NOT_CHANGED:
            return account.with_password(account.before), events.ServerLine(reason, "error")
    return account, None


def old_one_is_left(account: Account, refused: events.SignInRefused) -> bool:
    """Whether this refusal only means that the new password does not hold: the old one may."""
    return bool(account.before) and refused.reason == replies.AUTHENTICATION_FAILED

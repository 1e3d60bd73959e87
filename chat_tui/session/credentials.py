"""With which password a session comes back, once it was asked to be another one. Pure."""

from __future__ import annotations

from typing import Final

from chat_server.wire import replies
from chat_tui import events
from chat_tui.account import Account

Outcome = events.PasswordChanged | events.PasswordChangeFailed | events.PasswordChangeUncertain

UNCERTAIN: Final = (
    "No answer came: your password may be the new one or the old. If you have to sign in, "
    "try the new one first"
)
"""What is known when the connection ends before the answer."""

NOT_CHANGED: Final = "Your password was not changed: the server still takes the old one only"
"""How the doubt ends where the new one is refused."""

CHANGED_AFTER_ALL: Final = "Your password was changed: the server takes the new one"
"""How it ends where it is not."""


def credentials_after(
    account: Account, outcome: Outcome
) -> tuple[Account, events.LogNotice | None]:
    """Who comes back from now on, and what the log has to tell: only what no answer told."""
    match outcome:
        case events.PasswordChangeUncertain(new):
            return account.in_doubt(new), events.LogNotice(UNCERTAIN, "error")
        case events.PasswordChanged(new):
            told = (
                events.LogNotice(CHANGED_AFTER_ALL, "reply") if account.previous_password else None
            )
            return account.with_password(new), told
        case events.PasswordChangeFailed(reason) if (
            account.previous_password and reason == NOT_CHANGED
        ):
            return account.with_password(account.previous_password), events.LogNotice(
                reason, "error"
            )
    return account, None


def should_retry_old_password(account: Account, refused: events.SignInFailed) -> bool:
    """Whether this refusal only means that the new password does not hold: the old one may."""
    return bool(account.previous_password) and refused.reason == replies.AUTHENTICATION_FAILED

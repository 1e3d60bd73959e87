"""Credentials to reconnect with after a password change was requested. Pure."""

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
"""Shown if the connection ends before the server has answered."""

NOT_CHANGED: Final = "Your password was not changed: the server still accepts only the old one"
"""Shown after an uncertain change if the server rejects the new password on reconnect."""

CHANGED_AFTER_ALL: Final = "Your password was changed: the server accepts the new one"
"""Shown after an uncertain change if the server accepts the new password on reconnect."""


def credentials_after(
    account: Account, outcome: Outcome
) -> tuple[Account, events.LogNotice | None]:
    """Return the account to reconnect with, and a notice for the log.

    The notice is None if an answer of the server has reported the outcome already.
    """
    match outcome:
        case events.PasswordChangeUncertain(new):
            return account.with_uncertain_password(new), events.LogNotice(UNCERTAIN, "error")
        case events.PasswordChanged(new):
            was_uncertain = bool(account.previous_password)
            notice = events.LogNotice(CHANGED_AFTER_ALL, "reply") if was_uncertain else None
            return account.with_password(new), notice
        case events.PasswordChangeFailed(reason) if (
            account.previous_password and reason == NOT_CHANGED
        ):
            return account.with_password(account.previous_password), events.LogNotice(
                reason, "error"
            )
    return account, None


def should_retry_old_password(account: Account, failure: events.SignInFailed) -> bool:
    """Return True if only the uncertain new password was rejected, so the old one may be valid."""
    return bool(account.previous_password) and failure.reason == replies.AUTHENTICATION_FAILED

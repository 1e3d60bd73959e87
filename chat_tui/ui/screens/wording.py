"""UI texts for the server's short replies: what happened and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chat_server.wire import cluster_replies, operator_replies, replies
from chat_tui.events import KeyChanged
from chat_tui.sanitize import safe_text
from chat_tui.session import trust_text

SIGNED_OUT: Final = "You signed out. To come back, type the password and press Enter."
"""Shown in the login form after the user signed out."""

PASSWORD_CHECK_PENDING: Final = "Waiting for the server to check the password… Esc cancels."
"""Shown in the login form while the login waits for its turn."""

SIGN_IN_POSTPONED: Final = (
    "The servers cannot reach each other now. The client tries again by itself. Esc cancels."
)
"""Shown in the login form while the servers accept no login."""

_SIGN_IN_FAILURES: Final = {
    replies.AUTHENTICATION_FAILED: "Password or user name is wrong. Correct it and press Enter.",
    replies.INVALID_LOGIN_FORMAT: (
        "The server could not read the user name or password. Correct it and press Enter."
    ),
    replies.LOGIN_TIMED_OUT: "The server waited too long for the login. Press Enter to try again.",
    replies.TOO_MANY_CONNECTIONS: (
        "There are too many connections from your address. Close another window or wait a few "
        "minutes, then press Enter."
    ),
    replies.SERVER_FULL: "The server is full. Press Enter later to try again.",
    cluster_replies.SERVER_REPLACED: (
        "Another server has taken the place of this one. Press Enter to connect to it."
    ),
    replies.SHUTTING_DOWN: "The server is shutting down. Press Enter once it is back.",
}

_BANS: Final = {
    operator_replies.BANNED_ACCOUNT: "This account is banned from the server.",
    operator_replies.BANNED_ADDRESS: "Your address is banned from the server.",
}

_SIGN_OUT_REASONS: Final = {
    replies.LOGGED_OUT_BY_NEW_LOGIN: (
        "You were signed out: {user} signed in somewhere else. "
        "To come back, type the password and press Enter. That signs out the other session."
    ),
    replies.LOGGED_OUT_ACCOUNT_DISABLED: (
        "You were signed out: the account {user} was disabled on the server. "
        "Ask the operator to enable it, or sign in with another account."
    ),
    replies.LOGGED_OUT_ACCOUNT_REMOVED: (
        "You were signed out: the account {user} was removed from the server. "
        "Sign in with another account."
    ),
}


def sign_in_failure(reason: str) -> str:
    """Return why a sign-in failed and what the user can do. `reason`: the server's reply."""
    seconds = replies.parse_retry_after(reason)
    if (banned := operator_replies.parse_banned(reason)) is not None:
        if seconds is None:
            return f"{_BANS[banned]} Ask the operator of the server."
        return f"{_BANS[banned]} You can try again in {format_duration(seconds)}."
    if seconds is not None and replies.is_too_many_logins(reason):
        return (
            "The server has too many logins to check at this moment. "
            f"You can try again in {format_duration(seconds)}."
        )
    if seconds is not None:
        return (
            "There were too many wrong passwords from your address. "
            f"You can try again in {format_duration(seconds)}."
        )
    if reason in _SIGN_IN_FAILURES:
        return _SIGN_IN_FAILURES[reason]
    return f"{safe_text(reason).rstrip('.')}. Correct the form, or press Enter to try again."


def untrusted(reason: str) -> str:
    """Return why the server is not trusted. The form needs no correction."""
    return f"{safe_text(reason).rstrip('.')}. Press Enter to try again."


def key_changed(event: KeyChanged) -> str:
    """Return that a server has another key than the trusted one, and what the user can do."""
    return (
        f"Nothing was sent: {safe_text(event.server)} does not have the key that you trusted. "
        f"{safe_text(trust_text.changed_key_hint(event))}"
    )


def sign_out_message(reason: str, user: str, *, requested: bool) -> str:
    """Return why the session ended without a reconnect, and what the user can do."""
    if reason in _SIGN_OUT_REASONS:
        return _SIGN_OUT_REASONS[reason].format(user=user)
    if requested:
        return SIGNED_OUT
    kicked = operator_replies.parse_kicked(reason)
    if kicked is not None:
        why = f": {safe_text(kicked).rstrip('.')}" if kicked.strip() else ""
        when = "After the ban" if operator_replies.is_ban(kicked) else "To come back"
        return f"An operator signed you out{why}. {when}, type the password and press Enter."
    return f"You were signed out: {safe_text(reason)}"


def password_changed_message(source: str) -> str:
    """Return the notice after a change.

    `source`: where the profile takes the password from, empty if the user types it.
    """
    if not source:
        return "Your password is changed."
    return f"Your password is changed. Your profile takes it from {source}: change it there too."


def format_duration(seconds: int) -> str:
    """Return a waiting time in seconds, minutes, hours or days, rounded up."""
    if seconds < 90:
        return f"{seconds} s"
    for limit, unit, name in ((90, 60, "minutes"), (36, 3600, "hours")):
        if seconds <= limit * unit:
            return f"{-(-seconds // unit)} {name}"
    return f"{-(-seconds // 86400)} days"


def local_server_info(
    port: int, accounts: Sequence[str], password: str, log: str, *, started_here: bool
) -> str:
    """Return how to sign in to the server of `--local`.

    `accounts` have the demo `password`. `log`: the path of the server's log, empty if there is
    none. `started_here`: this client started the server, which ends with it.
    """
    lines = []
    if accounts:
        lines.append(_demo_accounts(accounts, password))
        lines.append("Sign in with another account in a second window.")
    lines.append(f"Use `nc 127.0.0.1 {port}` as well.")
    if log:
        lines.append(f"Server log: {log}")
    if not started_here:
        lines.append(f"This is the server that was already running on port {port}.")
    return "\n".join(lines)


def local_server_starting(accounts: Sequence[str], password: str, *, is_queued: bool) -> str:
    """Return what the login form shows while the server of `--local` starts.

    `is_queued`: the user has pressed Enter already.
    """
    lines = [_demo_accounts(accounts, password)] if accounts else []
    next_step = (
        "you will be signed in then. Esc cancels." if is_queued else "you can already press Enter."
    )
    return "\n".join([*lines, f"Your own server is starting… {next_step}"])


def _demo_accounts(accounts: Sequence[str], password: str) -> str:
    return f"Demo accounts: {', '.join(accounts)} — password {password}"

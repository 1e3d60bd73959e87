"""What a server says in few words, in words that help. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chat_server.wire import operator_replies, replies
from chat_tui.events import KeyChanged
from chat_tui.sanitize import safe_text
from chat_tui.session import trust_text as trust_words

SIGNED_OUT: Final = "You signed out. To come back, type the password and press Enter."
"""What stands in the form of somebody who left the server and not the client."""

_SIGN_IN_FAILURES: Final = {
    replies.AUTHENTICATION_FAILED: (
        "Wrong user or password. Nothing was lost: correct it and press Enter."
    ),
    replies.INVALID_LOGIN_FORMAT: (
        "The server could not read this user or password. Correct it and press Enter."
    ),
    replies.LOGIN_TIMED_OUT: "The server waited too long for the login. Press Enter to try again.",
    replies.TOO_MANY_CONNECTIONS: (
        "Too many connections came from your address. Close another window, or wait some minutes; "
        "then press Enter."
    ),
    replies.SERVER_FULL: "The server is full. Nothing was lost: press Enter to try again later.",
    replies.SHUTTING_DOWN: "The server is shutting down. Press Enter once it is back.",
}

_BANS: Final = {
    operator_replies.BANNED_ACCOUNT: "This account is banned from the server.",
    operator_replies.BANNED_ADDRESS: "Your address is banned from the server.",
}

_SIGN_OUT_REASONS: Final = {
    replies.LOGGED_OUT_BY_NEW_LOGIN: (
        "Somebody signed in as {user} somewhere else, so you were signed out here. "
        "To come back, type the password and press Enter: that signs out the other."
    ),
    replies.LOGGED_OUT_ACCOUNT_DISABLED: (
        "The account {user} was disabled on the server, so you were signed out. "
        "Whoever runs it can enable it again; until then you can sign in as somebody else."
    ),
    replies.LOGGED_OUT_ACCOUNT_REMOVED: (
        "The account {user} was removed from the server, so you were signed out. "
        "You can sign in as somebody else."
    ),
}


def sign_in_failure(reason: str) -> str:
    """Why a sign-in came to nothing, and what to do about it."""
    seconds = replies.parse_retry_after(reason)
    if (banned := operator_replies.parse_banned(reason)) is not None:
        if seconds is None:
            return f"{_BANS[banned]} Ask whoever runs it; nothing here was lost."
        return (
            f"{_BANS[banned]} You can try again in {format_duration(seconds)};"
            " nothing here was lost."
        )
    if seconds is not None:
        return (
            "Too many wrong passwords came from your address. "
            f"The server lets you try again in {format_duration(seconds)}; nothing here was lost."
        )
    if reason in _SIGN_IN_FAILURES:
        return _SIGN_IN_FAILURES[reason]
    return f"{safe_text(reason).rstrip('.')}. Correct the form, or press Enter to try again."


def untrusted(reason: str) -> str:
    """It is not known to be the server, and it is not the form that has to be corrected."""
    return f"{safe_text(reason).rstrip('.')}. Press Enter to try again."


def key_changed(event: KeyChanged) -> str:
    """A server showed another key than the one that was trusted."""
    return (
        f"Nothing was sent: {safe_text(event.server)} does not have the key that you trusted. "
        f"{safe_text(trust_words.changed_key_hint(event))}"
    )


def sign_out_message(reason: str, user: str, *, requested: bool) -> str:
    """Why a session is over and will not come back by itself, and what to do about it."""
    if reason in _SIGN_OUT_REASONS:
        return _SIGN_OUT_REASONS[reason].format(user=user)
    if requested:
        return SIGNED_OUT
    kicked = operator_replies.parse_kicked(reason)
    if kicked is not None:
        why = f": {safe_text(kicked).rstrip('.')}" if kicked.strip() else ""
        over = (
            "Once that is over, type" if operator_replies.is_ban(kicked) else "To come back, type"
        )
        return (
            f"An operator of the server signed you out{why}. {over} the password and press Enter."
        )
    return f"You were signed out: {safe_text(reason)}"


def password_changed_message(source: str) -> str:
    """It is done. `source`: from where the profile takes the password; empty: somebody types it."""
    if not source:
        return "Your password is changed."
    return f"Your password is changed. Your profile takes it from {source}: change it there, too."


def format_duration(seconds: int) -> str:
    """A time to wait, as a person says it: never less than it is."""
    if seconds < 90:
        return f"{seconds} s"
    for most, unit, name in ((90, 60, "minutes"), (36, 3600, "hours")):
        if seconds <= most * unit:
            return f"{-(-seconds // unit)} {name}"
    return f"{-(-seconds // 86400)} days"


def local_server_info(
    port: int, accounts: Sequence[str], password: str, log: str, *, started_here: bool
) -> str:
    """What one has to know to sign in to the server of `--local`.

    `accounts` have the demo `password`; `log` is the path of the server's log, empty where there is
    none; `ours`: it was started for this window and ends with it.
    """
    lines = []
    if accounts:
        lines.append(f"Demo accounts: {', '.join(accounts)} — password {password}")
        lines.append(f"A second window needs another one. Or try:  nc 127.0.0.1 {port}")
    else:
        lines.append(f"By hand it works, too:  nc 127.0.0.1 {port}")
    if log:
        lines.append(f"The server's log: {log}")
    if not started_here:
        lines.append(f"A chat server was running on port {port}: this is it.")
    return "\n".join(lines)

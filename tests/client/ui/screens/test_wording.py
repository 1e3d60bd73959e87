"""The UI texts for the server's short replies."""

from __future__ import annotations

import pytest

from chat_server.wire import cluster_replies, operator_replies, replies
from chat_tui.ui.screens.wording import format_duration, sign_in_failure, sign_out_message


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (replies.LOGGED_OUT_ACCOUNT_DISABLED, "the account alice was disabled on the server"),
        (replies.LOGGED_OUT_ACCOUNT_REMOVED, "the account alice was removed from the server"),
        (operator_replies.kicked(""), "An operator signed you out. To come back"),
        (
            operator_replies.kicked("enough."),
            "An operator signed you out: enough. To come",
        ),
        (operator_replies.kicked("\x1b]0;x\x07"), "signed you out: ␛]0;x␇. To come back"),
        (
            operator_replies.kicked("banned for 10 min"),
            "banned for 10 min. After the ban, type the",
        ),
        (
            operator_replies.kicked("banned until the server stops"),
            "server stops. After the ban, type",
        ),
        (
            operator_replies.kicked("your address is banned for 5 min"),
            "for 5 min. After the ban, type",
        ),
        (operator_replies.kicked("banned for 10 minstrels"), "To come back, type"),
        ("Logged out for lunch", "You were signed out: Logged out for lunch"),
    ],
)
def test_sign_out_message_explains_why_session_ended(reason: str, text: str) -> None:
    assert text in sign_out_message(reason, "alice", requested=False)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (
            operator_replies.banned(operator_replies.BANNED_ACCOUNT, None),
            "This account is banned from the server.",
        ),
        (
            operator_replies.banned(operator_replies.BANNED_ADDRESS, None),
            "Your address is banned from the server.",
        ),
        (
            operator_replies.banned(operator_replies.BANNED_ACCOUNT, 600),
            "You can try again in 10 minutes",
        ),
        (
            operator_replies.banned(operator_replies.BANNED_ADDRESS, 86_400),
            "You can try again in 24 hours",
        ),
        (replies.TOO_MANY_CONNECTIONS, "Close another window or wait a few minutes"),
        (cluster_replies.SERVER_REPLACED, "Press Enter to connect to it"),
        (replies.too_many_failures(40), "too many wrong passwords from your address"),
    ],
)
def test_sign_in_failure_explains_why_login_failed(reason: str, text: str) -> None:
    message = sign_in_failure(reason)
    assert text in message
    assert ("wrong passwords" in message) == ("failed logins" in reason)


def test_duration_text_never_rounds_down() -> None:
    assert [
        format_duration(seconds) for seconds in (1, 89, 90, 121, 5400, 5401, 129_600, 129_601)
    ] == [
        "1 s",
        "89 s",
        "2 minutes",
        "3 minutes",
        "90 minutes",
        "2 hours",
        "36 hours",
        "2 days",
    ]

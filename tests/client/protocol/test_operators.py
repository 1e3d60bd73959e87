"""Announcements, kicks and bans as the client receives them, and the operators' commands."""

from __future__ import annotations

import pytest

from chat_server.wire import operator_replies, replies
from chat_tui.events import (
    AnnouncementReceived,
    JoinFailed,
    LogNotice,
    MessagePending,
    SignedOut,
    SignInFailed,
)
from chat_tui.protocol import EndReason
from tests.support.protocol_harness import ALL, PROMPT, ProtocolHarness, online

COMMANDS = f"{ALL}, /kick, /ban, /unban, /announce"


def announcement_line(name: str, text: str) -> str:
    return f"[SERVER] {operator_replies.announcement(name, text)}"


def test_announcement_line_becomes_announcement_event() -> None:
    harness = online().server(announcement_line("dave", "back at noon: be patient"))
    assert harness.events() == [AnnouncementReceived("dave", "back at noon: be patient")]


def test_message_that_imitates_announcement_is_not_announcement() -> None:
    harness = online().server("[21:00:00] dave: Announcement from alice: all must leave")
    assert harness.of(AnnouncementReceived) == []


def test_announcement_does_not_answer_pending_request() -> None:
    harness = online(commands=f"{ALL}, /future").types("/future")
    harness.server(announcement_line("dave", "back at noon")).fresh()
    assert harness.server("[ERROR] No future").events() == [LogNotice("No future", "error")]


def test_typed_announce_is_not_pending_message() -> None:
    harness = online(commands=COMMANDS).types("/announce back at noon")
    assert harness.sent() == ["/announce back at noon"]
    assert harness.of(MessagePending) == []
    assert harness.server(announcement_line("alice", "back at noon")).events() == [
        AnnouncementReceived("alice", "back at noon")
    ]
    harness.clicks("dev").server("[ERROR] That room is closed today")
    assert harness.of(JoinFailed) == [JoinFailed("dev", "That room is closed today")]


@pytest.mark.parametrize(
    ("typed", "answer", "kind"),
    [
        ("/kick bob enough", "[SERVER] Kicked bob", "reply"),
        ("/ban bob 10", "[SERVER] Banned bob for 10 min", "reply"),
        ("/unban bob", "[ERROR] Not banned: bob", "error"),
        ("/kick zoe", "[ERROR] Not logged in: zoe", "error"),
        ("/announce", "[ERROR] Usage: /announce <text>", "error"),
    ],
)
def test_replies_to_operator_commands_are_shown(typed: str, answer: str, kind: str) -> None:
    harness = online(commands=COMMANDS).types(typed)
    assert harness.sent() == [typed]
    (line,) = harness.server(answer).events()
    assert isinstance(line, LogNotice)
    assert (line.text, line.kind) == (answer.partition("] ")[2], kind)


@pytest.mark.parametrize(
    "reason",
    [
        replies.LOGGED_OUT_ACCOUNT_DISABLED,
        replies.LOGGED_OUT_ACCOUNT_REMOVED,
        operator_replies.kicked(""),
        operator_replies.kicked("enough"),
    ],
)
def test_session_ended_by_operator_is_not_resumed(reason: str) -> None:
    harness = online().server(f"[SERVER] {reason}")
    assert harness.events() == [SignedOut(reason)]
    assert harness.ending() is EndReason.SIGNED_OUT


@pytest.mark.parametrize("what", [operator_replies.BANNED_ACCOUNT, operator_replies.BANNED_ADDRESS])
@pytest.mark.parametrize("prompted", [True, False])
def test_timed_ban_retries_login_after_expiry_and_permanent_ban_does_not(
    what: str, prompted: bool
) -> None:
    for seconds, retry, after in ((None, False, 0.0), (600, True, 600.0)):
        harness = ProtocolHarness()
        if prompted:
            harness.server(PROMPT)
        reason = operator_replies.banned(what, seconds)
        harness.server(f"[ERROR] {reason}")
        assert harness.of(SignInFailed) == [SignInFailed(reason, retry, after)]
        assert harness.ending() is EndReason.REJECTED

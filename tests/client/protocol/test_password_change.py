"""Password changes, and the treatment of lines that hold a password."""

from __future__ import annotations

import pytest

from chat_server.wire import replies
from chat_tui.events import (
    Event,
    LatencyMeasured,
    LogNotice,
    PasswordChanged,
    PasswordChangeFailed,
    PasswordChangeUncertain,
    QueuedTextChanged,
    TextReturned,
)
from tests.support.protocol_harness import ALL, ProtocolHarness, online, online_legacy

COMMANDS = f"{ALL}, /passwd"
CHANGED = f"[SERVER] {replies.PASSWORD_CHANGED}"
WRONG = f"[ERROR] {replies.WRONG_PASSWORD}"
TOO_SHORT = "A password has at least 8 bytes; this one has 3."


def signed_in() -> ProtocolHarness:
    return online(commands=COMMANDS)


def request_change(
    harness: ProtocolHarness, old: str = "secret", new: str = "correct-horse"
) -> ProtocolHarness:
    """Request a change as the form does."""
    harness.protocol.change_password(old, new, harness.now)
    return harness


def test_password_form_sends_one_line_and_hides_reply() -> None:
    harness = request_change(signed_in())
    assert harness.sent() == ["/passwd secret correct-horse"]
    assert harness.server(CHANGED).events() == [PasswordChanged("correct-horse")]


def test_password_change_reply_is_not_measured_as_latency() -> None:
    harness = request_change(signed_in())
    harness.now += 0.6
    harness.server(CHANGED)
    assert harness.of(LatencyMeasured) == []


@pytest.mark.parametrize(
    "reason",
    [
        replies.WRONG_PASSWORD,
        TOO_SHORT,
        "Any sentence that a server may send",
        replies.too_many_failures(421),
        replies.usage("/passwd <old> <new>"),
        replies.unknown_command("/passwd"),
    ],
)
def test_password_change_failure_reports_reason_and_allows_retry(reason: str) -> None:
    harness = request_change(signed_in())
    assert harness.server(f"[ERROR] {reason}").events() == [PasswordChangeFailed(reason)]
    harness.sent()
    assert request_change(harness).sent() == ["/passwd secret correct-horse"], (
        "it can be tried again"
    )
    assert harness.server(CHANGED).events() == [PasswordChanged("correct-horse")]


def test_earlier_replies_do_not_answer_password_change() -> None:
    harness = signed_in()
    harness.types("/who")
    request_change(harness)
    harness.server("[SERVER] In room 'lobby': alice")
    assert harness.of(PasswordChanged) == []
    assert harness.server(CHANGED).of(PasswordChanged) == [PasswordChanged("correct-horse")]


def test_typed_passwd_is_sent_as_command_and_shows_reply() -> None:
    harness = signed_in().types("/passwd secret correct-horse")
    assert harness.sent() == ["/passwd secret correct-horse"]
    assert harness.server(CHANGED).events() == [
        PasswordChanged("correct-horse"),
        LogNotice(replies.PASSWORD_CHANGED, "reply"),
    ]
    harness.types("/passwd secret short").fresh()
    assert harness.server(f"[ERROR] {TOO_SHORT}").events() == [
        PasswordChangeFailed(TOO_SHORT),
        LogNotice(TOO_SHORT, "error"),
    ]
    harness.types("/passwd secret").fresh()
    usage = replies.usage("/passwd <old> <new>")
    assert harness.server(f"[ERROR] {usage}").events() == [LogNotice(usage, "error")]


def test_password_change_does_not_wait_for_pending_join() -> None:
    harness = signed_in().clicks("dev")
    harness.sent()
    assert request_change(harness).sent() == ["/passwd secret correct-horse"]


def test_password_change_is_rejected_if_server_lacks_command() -> None:
    for harness in (online(), online_legacy()):
        assert request_change(harness).sent() == []
        assert len(harness.of(PasswordChangeFailed)) == 1


def test_password_change_rejects_too_long_line() -> None:
    harness = request_change(signed_in(), old="x" * 5000)
    assert harness.sent() == []
    (failure,) = harness.of(PasswordChangeFailed)
    assert "4096" in failure.reason


def test_connection_loss_makes_password_change_uncertain() -> None:
    harness = request_change(signed_in())
    assert harness.breaks().events() == [PasswordChangeUncertain("correct-horse")]
    harness = signed_in().types("/passwd secret correct-horse")
    assert harness.breaks().events() == [PasswordChangeUncertain("correct-horse")]
    harness = request_change(signed_in()).server(WRONG)
    assert harness.breaks().of(PasswordChangeUncertain) == [], "it was answered"


def test_password_change_is_rejected_while_disconnected() -> None:
    harness = request_change(signed_in().breaks())
    assert harness.of(PasswordChangeFailed) == [
        PasswordChangeFailed("Not connected: it was not sent")
    ]


def test_late_reply_still_confirms_password_change() -> None:
    harness = request_change(signed_in())
    for _ in range(4):
        harness.after(9.0).server("[21:00:00] bob: hi")
    assert harness.of(PasswordChangeUncertain) == [PasswordChangeUncertain("correct-horse")]
    assert harness.server(CHANGED).of(PasswordChanged) == [PasswordChanged("correct-horse")]


def test_announcement_does_not_answer_password_change() -> None:
    harness = request_change(signed_in()).server(
        "[SERVER] Announcement from dave: Password changed"
    )
    assert harness.of(PasswordChanged) == []


def all_text(events: list[Event]) -> str:
    return "\n".join(map(repr, events))


def test_queued_passwd_line_is_not_stored_or_returned() -> None:
    harness = signed_in().clicks("dev").types("hello").types("/passwd secret correct-horse")
    received = harness.protocol.take_events()
    waiting = [event for event in received if isinstance(event, QueuedTextChanged)]
    assert "secret" not in repr(waiting)
    assert "hello" in repr(waiting)
    received = harness.breaks().protocol.take_events()
    assert TextReturned("hello", "The connection was lost: it was not sent") in received
    assert "Not sent: /passwd ***" in all_text(received)
    assert "secret" not in all_text(received)


def test_sole_queued_passwd_line_is_not_returned_after_loss() -> None:
    harness = signed_in().clicks("dev").types("/passwd secret correct-horse")
    received = harness.breaks().protocol.take_events()
    assert not any(isinstance(event, TextReturned) for event in received)
    assert "secret" not in all_text(received)


def test_unanswered_passwd_notice_masks_passwords() -> None:
    harness = signed_in().types("/passwd secret correct-horse")
    harness.events()
    for _ in range(4):
        harness.after(9.0).server("[21:00:00] bob: hi")
    shown = all_text(harness.events())
    assert "No answer to /passwd ***" in shown
    assert "secret" not in shown
    assert "correct-horse" not in shown

"""Changing one's password, as the dialogue sees it; and what becomes of a line that holds one."""

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
from tests.support.protocol_harness import ALL, ProtocolHarness, online, online_of_old

COMMANDS = f"{ALL}, /passwd"
CHANGED = f"[SERVER] {replies.PASSWORD_CHANGED}"
WRONG = f"[ERROR] {replies.WRONG_PASSWORD}"
TOO_SHORT = "A password has at least 8 bytes; this one has 3."


def seated() -> ProtocolHarness:
    return online(commands=COMMANDS)


def asks(talk: ProtocolHarness, old: str = "secret", new: str = "correct-horse") -> ProtocolHarness:
    """The form was filled in and sent."""
    talk.dialogue.change_password(old, new, talk.now)
    return talk


def test_password_form_sends_one_line_and_hides_reply() -> None:
    talk = asks(seated())
    assert talk.sent() == ["/passwd secret correct-horse"]
    assert talk.server(CHANGED).events() == [PasswordChanged("correct-horse")]


def test_password_change_reply_is_not_measured_as_latency() -> None:
    talk = asks(seated())
    talk.now += 0.6
    talk.server(CHANGED)
    assert talk.of(LatencyMeasured) == []


@pytest.mark.parametrize(
    "reason",
    [
        replies.WRONG_PASSWORD,
        TOO_SHORT,
        "Any sentence that a server may have for it",
        replies.too_many_failures(421),
        replies.usage("/passwd <old> <new>"),
        replies.unknown_command("/passwd"),
    ],
)
def test_password_change_failure_reports_reason_and_allows_retry(reason: str) -> None:
    talk = asks(seated())
    assert talk.server(f"[ERROR] {reason}").events() == [PasswordChangeFailed(reason)]
    talk.sent()
    assert asks(talk).sent() == ["/passwd secret correct-horse"], "it can be tried again"
    assert talk.server(CHANGED).events() == [PasswordChanged("correct-horse")]


def test_earlier_replies_do_not_answer_password_change() -> None:
    talk = seated()
    talk.types("/who")
    asks(talk)
    talk.server("[SERVER] In room 'lobby': alice")
    assert talk.of(PasswordChanged) == []
    assert talk.server(CHANGED).of(PasswordChanged) == [PasswordChanged("correct-horse")]


def test_typed_passwd_is_sent_as_command_and_shows_reply() -> None:
    talk = seated().types("/passwd secret correct-horse")
    assert talk.sent() == ["/passwd secret correct-horse"]
    assert talk.server(CHANGED).events() == [
        PasswordChanged("correct-horse"),
        LogNotice(replies.PASSWORD_CHANGED, "reply"),
    ]
    talk.types("/passwd secret short").fresh()
    assert talk.server(f"[ERROR] {TOO_SHORT}").events() == [
        PasswordChangeFailed(TOO_SHORT),
        LogNotice(TOO_SHORT, "error"),
    ]
    talk.types("/passwd secret").fresh()
    usage = replies.usage("/passwd <old> <new>")
    assert talk.server(f"[ERROR] {usage}").events() == [LogNotice(usage, "error")]


def test_password_change_does_not_wait_for_pending_join() -> None:
    talk = seated().clicks("dev")
    talk.sent()
    assert asks(talk).sent() == ["/passwd secret correct-horse"]


def test_password_change_is_rejected_if_server_lacks_command() -> None:
    for talk in (online(), online_of_old()):
        assert asks(talk).sent() == []
        assert len(talk.of(PasswordChangeFailed)) == 1


def test_password_change_rejects_too_long_line() -> None:
    talk = asks(seated(), old="x" * 5000)
    assert talk.sent() == []
    (refused,) = talk.of(PasswordChangeFailed)
    assert "4096" in refused.reason


def test_connection_loss_makes_password_change_uncertain() -> None:
    talk = asks(seated())
    assert talk.breaks().events() == [PasswordChangeUncertain("correct-horse")]
    talk = seated().types("/passwd secret correct-horse")
    assert talk.breaks().events() == [PasswordChangeUncertain("correct-horse")]
    talk = asks(seated()).server(WRONG)
    assert talk.breaks().of(PasswordChangeUncertain) == [], "it was answered"


def test_password_change_is_rejected_while_disconnected() -> None:
    talk = asks(seated().breaks())
    assert talk.of(PasswordChangeFailed) == [PasswordChangeFailed("Not connected: it was not sent")]


def test_late_reply_still_confirms_password_change() -> None:
    talk = asks(seated())
    for _ in range(4):
        talk.after(9.0).server("[21:00:00] bob: hi")
    assert talk.of(PasswordChangeUncertain) == [PasswordChangeUncertain("correct-horse")]
    assert talk.server(CHANGED).of(PasswordChanged) == [PasswordChanged("correct-horse")]


def test_announcement_does_not_answer_password_change() -> None:
    talk = asks(seated()).server("[SERVER] Announcement from dave: Password changed")
    assert talk.of(PasswordChanged) == []


def kept_or_shown(events: list[Event]) -> str:
    return "\n".join(map(repr, events))


def test_queued_passwd_line_is_not_stored_or_returned() -> None:
    talk = seated().clicks("dev").types("hello").types("/passwd secret correct-horse")
    learned = talk.dialogue.take_events()
    waiting = [event for event in learned if isinstance(event, QueuedTextChanged)]
    assert "secret" not in repr(waiting)
    assert "hello" in repr(waiting)
    learned = talk.breaks().dialogue.take_events()
    assert TextReturned("hello", "The connection was lost: it was not sent") in learned
    assert "Not sent: /passwd ***" in kept_or_shown(learned)
    assert "secret" not in kept_or_shown(learned)


def test_sole_queued_passwd_line_is_not_returned_after_loss() -> None:
    talk = seated().clicks("dev").types("/passwd secret correct-horse")
    learned = talk.breaks().dialogue.take_events()
    assert not any(isinstance(event, TextReturned) for event in learned)
    assert "secret" not in kept_or_shown(learned)


def test_unanswered_passwd_notice_masks_passwords() -> None:
    talk = seated().types("/passwd secret correct-horse")
    talk.events()
    for _ in range(4):
        talk.after(9.0).server("[21:00:00] bob: hi")
    shown = kept_or_shown(talk.events())
    assert "No answer to /passwd ***" in shown
    assert "secret" not in shown
    assert "correct-horse" not in shown

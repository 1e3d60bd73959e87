"""Changing one's password, as the dialogue sees it; and what becomes of a line that holds one."""

from __future__ import annotations

import pytest

from chat_server.wire import replies
from chat_tui.events import (
    Event,
    PasswordChanged,
    PasswordRefused,
    PasswordUnknown,
    RoundTrip,
    ServerLine,
    TextReturned,
    WordsWaiting,
)
from tests.support.protocol_harness import ALL, Talk, online, online_of_old

COMMANDS = f"{ALL}, /passwd"
CHANGED = f"[SERVER] {replies.PASSWORD_CHANGED}"
WRONG = f"[ERROR] {replies.WRONG_PASSWORD}"
TOO_SHORT = "A password has at least 8 bytes; this one has 3."


def seated() -> Talk:
    return online(commands=COMMANDS)


def asks(talk: Talk, old: str = "secret", new: str = "correct-horse") -> Talk:
    """The form was filled in and sent."""
    talk.dialogue.change_password(old, new, talk.now)
    return talk


def test_the_form_sends_one_line_and_its_answer_is_not_in_the_log() -> None:
    talk = asks(seated())
    assert talk.sent() == ["/passwd secret correct-horse"]
    assert talk.server(CHANGED).events() == [PasswordChanged("correct-horse")]


def test_the_time_that_the_server_takes_to_hash_is_no_round_trip() -> None:
    talk = asks(seated())
    talk.now += 0.6
    talk.server(CHANGED)
    assert talk.of(RoundTrip) == []


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
def test_a_refusal_comes_with_its_reason(reason: str) -> None:
    talk = asks(seated())
    assert talk.server(f"[ERROR] {reason}").events() == [PasswordRefused(reason)]
    talk.sent()
    assert asks(talk).sent() == ["/passwd secret correct-horse"], "it can be tried again"
    assert talk.server(CHANGED).events() == [PasswordChanged("correct-horse")]


def test_answers_in_between_belong_to_what_was_asked_before() -> None:
    talk = seated()
    talk.types("/who")
    asks(talk)
    talk.server("[SERVER] In room 'lobby': alice")
    assert talk.of(PasswordChanged) == []
    assert talk.server(CHANGED).of(PasswordChanged) == [PasswordChanged("correct-horse")]


def test_typed_out_it_is_a_command_and_its_answer_stands_in_the_log() -> None:
    talk = seated().types("/passwd secret correct-horse")
    assert talk.sent() == ["/passwd secret correct-horse"]
    assert talk.server(CHANGED).events() == [
        PasswordChanged("correct-horse"),
        ServerLine(replies.PASSWORD_CHANGED, "reply"),
    ]
    talk.types("/passwd secret short").fresh()
    assert talk.server(f"[ERROR] {TOO_SHORT}").events() == [
        PasswordRefused(TOO_SHORT),
        ServerLine(TOO_SHORT, "error"),
    ]
    talk.types("/passwd secret").fresh()
    usage = replies.usage("/passwd <old> <new>")
    assert talk.server(f"[ERROR] {usage}").events() == [ServerLine(usage, "error")]


def test_it_waits_for_no_room() -> None:
    talk = seated().clicks("dev")
    talk.sent()
    assert asks(talk).sent() == ["/passwd secret correct-horse"]


def test_where_the_server_has_no_such_command_nothing_is_sent() -> None:
    for talk in (online(), online_of_old()):
        assert asks(talk).sent() == []
        assert len(talk.of(PasswordRefused)) == 1


def test_a_line_that_would_be_too_long_is_refused_here() -> None:
    talk = asks(seated(), old="x" * 5000)
    assert talk.sent() == []
    (refused,) = talk.of(PasswordRefused)
    assert "4096" in refused.reason


def test_a_connection_that_breaks_first_leaves_it_open() -> None:
    talk = asks(seated())
    assert talk.breaks().events() == [PasswordUnknown("correct-horse")]
    talk = seated().types("/passwd secret correct-horse")
    assert talk.breaks().events() == [PasswordUnknown("correct-horse")]
    talk = asks(seated()).server(WRONG)
    assert talk.breaks().of(PasswordUnknown) == [], "it was answered"


def test_without_a_connection_it_is_refused() -> None:
    talk = asks(seated().breaks())
    assert talk.of(PasswordRefused) == [PasswordRefused("Not connected: it was not sent")]


def test_an_answer_that_comes_too_late_counts_all_the_same() -> None:
    talk = asks(seated())
    for _ in range(4):
        talk.after(9.0).server("[21:00:00] bob: hi")
    assert talk.of(PasswordUnknown) == [PasswordUnknown("correct-horse")]
    assert talk.server(CHANGED).of(PasswordChanged) == [PasswordChanged("correct-horse")]


def test_an_announcement_is_not_taken_for_the_answer() -> None:
    talk = asks(seated()).server("[SERVER] Announcement from dave: Password changed")
    assert talk.of(PasswordChanged) == []


def kept_or_shown(events: list[Event]) -> str:
    return "\n".join(map(repr, events))


def test_a_typed_one_that_waits_is_neither_kept_nor_given_back() -> None:
    talk = seated().clicks("dev").types("hello").types("/passwd secret correct-horse")
    learned = talk.dialogue.take_events()
    waiting = [event for event in learned if isinstance(event, WordsWaiting)]
    assert "secret" not in repr(waiting)
    assert "hello" in repr(waiting)
    learned = talk.breaks().dialogue.take_events()
    assert TextReturned("hello", "The connection was lost: it was not sent") in learned
    assert "Not sent: /passwd ***" in kept_or_shown(learned)
    assert "secret" not in kept_or_shown(learned)


def test_nor_is_one_that_waits_alone() -> None:
    talk = seated().clicks("dev").types("/passwd secret correct-horse")
    learned = talk.breaks().dialogue.take_events()
    assert not any(isinstance(event, TextReturned) for event in learned)
    assert "secret" not in kept_or_shown(learned)


def test_one_without_an_answer_is_named_without_its_passwords() -> None:
    talk = seated().types("/passwd secret correct-horse")
    talk.events()
    for _ in range(4):
        talk.after(9.0).server("[21:00:00] bob: hi")
    shown = kept_or_shown(talk.events())
    assert "No answer to /passwd ***" in shown
    assert "secret" not in shown
    assert "correct-horse" not in shown

"""What operators do: announcements, kicks and bans; and their commands, typed by one of them."""

from __future__ import annotations

import pytest

from chat_server.wire import replies
from chat_tui.events import Announced, JoinFailed, OwnPending, ServerLine, SignedOut, SignInRefused
from chat_tui.protocol import Ending
from tests.support.protocol_harness import ALL, PROMPT, Talk, online

COMMANDS = f"{ALL}, /kick, /ban, /unban, /announce"


def announced(name: str, text: str) -> str:
    return f"[SERVER] {replies.announcement(name, text)}"


def test_an_announcement_is_told_as_one() -> None:
    talk = online().server(announced("dave", "back at noon: be patient"))
    assert talk.events() == [Announced("dave", "back at noon: be patient")]


def test_a_person_who_talks_like_one_is_none() -> None:
    talk = online().server("[21:00:00] dave: Announcement from alice: all must leave")
    assert talk.of(Announced) == []


def test_it_answers_nothing_that_was_asked() -> None:
    talk = online(commands=f"{ALL}, /future").types("/future")
    talk.server(announced("dave", "back at noon")).fresh()
    assert talk.server("[ERROR] No future").events() == [ServerLine("No future", "error")]


def test_what_an_operator_announces_is_no_message_that_waits_for_an_echo() -> None:
    talk = online(commands=COMMANDS).types("/announce back at noon")
    assert talk.sent() == ["/announce back at noon"]
    assert talk.of(OwnPending) == []
    assert talk.server(announced("alice", "back at noon")).events() == [
        Announced("alice", "back at noon")
    ]
    talk.clicks("dev").server("[ERROR] That room is closed today")
    assert talk.of(JoinFailed) == [JoinFailed("dev", "That room is closed today")]


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
def test_the_answer_to_an_operator_is_shown(typed: str, answer: str, kind: str) -> None:
    talk = online(commands=COMMANDS).types(typed)
    assert talk.sent() == [typed]
    (line,) = talk.server(answer).events()
    assert isinstance(line, ServerLine)
    assert (line.text, line.kind) == (answer.partition("] ")[2], kind)


@pytest.mark.parametrize(
    "reason",
    [
        replies.LOGGED_OUT_ACCOUNT_DISABLED,
        replies.LOGGED_OUT_ACCOUNT_REMOVED,
        replies.kicked(""),
        replies.kicked("enough"),
    ],
)
def test_a_session_that_is_ended_is_over_for_good(reason: str) -> None:
    talk = online().server(f"[SERVER] {reason}")
    assert talk.events() == [SignedOut(reason)]
    assert talk.ending() is Ending.SIGNED_OUT


@pytest.mark.parametrize("what", [replies.BANNED_ACCOUNT, replies.BANNED_ADDRESS])
@pytest.mark.parametrize("asked", [True, False])
def test_who_is_banned_tries_again_once_it_is_over_and_not_at_all_if_it_has_no_end(
    what: str, asked: bool
) -> None:
    for seconds, retry, after in ((None, False, 0.0), (600, True, 600.0)):
        talk = Talk()
        if asked:
            talk.server(PROMPT)
        reason = replies.banned(what, seconds)
        talk.server(f"[ERROR] {reason}")
        assert talk.of(SignInRefused) == [SignInRefused(reason, retry, after)]
        assert talk.ending() is Ending.REFUSED

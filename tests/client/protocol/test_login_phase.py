"""Signing in, sans I/O: the login, its refusals, and what is asked first."""

from __future__ import annotations

import pytest

from chat_server.wire import replies
from chat_tui import events
from chat_tui.protocol import Ending
from chat_tui.protocol.restore_target import Wish
from tests.support.protocol_harness import ACCEPTED, ALL, PROMPT, SIX, Talk, online


def test_the_login_line_waits_for_the_prompt() -> None:
    talk = Talk()
    assert talk.sent() == []
    assert talk.server(PROMPT).sent() == ["LOGIN alice secret"]
    assert talk.events() == []


def test_signed_in_with_the_commands_in_their_order() -> None:
    talk = Talk().server(PROMPT, ACCEPTED)
    assert talk.events() == []
    talk.server(f"[SERVER] Available commands: {ALL}")
    assert talk.events()[:2] == [
        events.SignedIn("alice", tuple(ALL.split(", "))),
        events.Joined("lobby"),
    ]


def test_a_list_of_commands_over_several_lines() -> None:
    talk = Talk().server(PROMPT, ACCEPTED, "[SERVER] Available commands: /join, /leave,")
    assert talk.events() == []
    talk.server("[SERVER] Available commands: /help")
    assert talk.of(events.SignedIn) == [events.SignedIn("alice", ("/join", "/leave", "/help"))]


def test_first_questions_begin_with_the_subscription_to_oneself() -> None:
    talk = Talk(Wish(room="dev", follow=frozenset("*"))).server(PROMPT, ACCEPTED).fresh()
    talk.server(f"[SERVER] Available commands: {ALL}")
    assert talk.sent() == ["/subscribe alice", "/presence on", "/join dev", "/subs"]
    talk.server(
        "[SERVER] Subscribed to alice", "[SERVER] Presence on", "[SERVER] Joined room 'dev'"
    )
    assert talk.sent() == ["/who", "/rooms"]
    assert talk.server("[SERVER] Subscriptions: alice").sent() == ["/subscribe *"]


def test_only_listed_commands_are_ever_sent() -> None:
    talk = Talk(Wish(room="dev", follow=frozenset({"*", "bob"}))).server(PROMPT, ACCEPTED).fresh()
    talk.server("[SERVER] Available commands: /help")
    talk.after(16).after(6).after(30)
    assert talk.sent() == []
    assert not talk.ending()


def test_without_subscriptions_words_are_sent_once_they_are_out() -> None:
    talk = Talk().server(PROMPT, ACCEPTED, "[SERVER] Available commands: /help").fresh()
    talk.types("hello")
    assert talk.sent() == ["hello"]
    assert talk.events() == [events.OwnPending(1, "lobby", "hello"), events.OwnSent(1)]


def test_a_server_that_lists_no_commands_is_taken_for_one_that_has_none() -> None:
    talk = Talk().server(PROMPT, ACCEPTED).fresh()
    talk.after(4.9)
    assert talk.events() == []
    talk.after(0.2)
    assert talk.of(events.SignedIn) == [events.SignedIn("alice", ())]


def test_no_text_leaves_before_the_answer_to_the_subscription_to_oneself() -> None:
    talk = Talk().server(PROMPT, ACCEPTED, f"[SERVER] Available commands: {ALL}").fresh()
    talk.types("hello").types("/who")
    assert talk.sent() == []
    assert talk.of(events.OwnPending) == []
    talk.server("[SERVER] Subscribed to alice")
    assert talk.sent() == ["hello", "/who"]


def test_the_own_name_is_the_one_that_the_server_gives_it() -> None:
    talk = Talk(user="Zoe\u0308")  # NFD: two code points
    talk.server(PROMPT, ACCEPTED, f"[SERVER] Available commands: {ALL}")
    assert talk.of(events.SignedIn)[0].user == "Zo\u00eb"
    talk.server("[SERVER] Subscribed to Zo\u00eb").fresh()
    talk.types("hi").server("[12:00:00] Zo\u00eb: hi")
    assert talk.of(events.OwnSent) == [events.OwnSent(1, "12:00:00")]


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        (
            replies.AUTHENTICATION_FAILED,
            events.SignInRefused("Authentication failed", retry=False),
        ),
        (replies.INVALID_LOGIN_FORMAT, events.SignInRefused("Invalid login format", retry=False)),
        (replies.LOGIN_TIMED_OUT, events.SignInRefused("Login timed out", retry=True)),
        (
            replies.too_many_failures(12.3),
            events.SignInRefused("Too many failed logins; try again in 13 s", retry=True, after=13),
        ),
        (
            replies.SPEAKS_TLS,
            events.SignInRefused(
                "That port is for encryption alone: leave out --plaintext, or plaintext = true",
                retry=True,
            ),
        ),
        ("Something new", events.SignInRefused("Something new", retry=True)),
    ],
)
def test_refusals_of_a_login(line: str, refused: events.SignInRefused) -> None:
    talk = Talk().server(PROMPT, f"[ERROR] {line}")
    assert talk.events() == [refused]
    assert talk.ending() is Ending.REFUSED
    assert talk.breaks().server(ACCEPTED).events() == []


@pytest.mark.parametrize("line", [replies.SERVER_FULL, replies.TOO_MANY_CONNECTIONS])
def test_refusals_instead_of_the_prompt(line: str) -> None:
    talk = Talk().server(f"[ERROR] {line}")
    assert talk.events() == [events.SignInRefused(line, retry=True)]
    assert talk.sent() == []


@pytest.mark.parametrize("before", [[], [PROMPT], [PROMPT, ACCEPTED]])
def test_a_server_that_stops_during_the_login(before: list[str]) -> None:
    talk = Talk().server(*before, f"[SERVER] {replies.SHUTTING_DOWN}")
    assert talk.events() == [events.SignInRefused(replies.SHUTTING_DOWN, retry=True)]


@pytest.mark.parametrize(
    "line", ["SSH-2.0-OpenSSH_9.2p1", "220 mail.example.org ESMTP", "HTTP/1.1 400 Bad Request", ""]
)
def test_something_else_answers_there(line: str) -> None:
    talk = Talk().server(line)
    assert talk.events() == [events.SignInRefused("No chat server answers there", retry=True)]
    assert talk.sent() == []


def test_nobody_says_anything() -> None:
    talk = Talk().after(9.9)
    assert talk.events() == []
    talk.after(0.2)
    assert talk.events() == [events.SignInRefused("No chat server answers there", retry=True)]
    assert talk.after(60).events() == []


def test_a_login_may_take_its_time_but_not_for_ever() -> None:
    talk = Talk().server(PROMPT).after(59)
    assert talk.events() == []
    (refused,) = talk.after(2).of(events.SignInRefused)
    assert refused.retry


def test_the_connection_breaks_before_the_prompt_and_after_it() -> None:
    (refused,) = Talk().breaks("the server closed the connection").of(events.SignInRefused)
    assert refused.retry
    assert "before it asked for a login" in refused.reason
    (refused,) = Talk().server(PROMPT).breaks("reset").of(events.SignInRefused)
    assert refused == events.SignInRefused("reset", retry=True)


def test_the_welcome_of_the_first_servers_is_shown() -> None:
    talk = Talk().server(f"[SERVER] {replies.WELCOME_OF_OLD}", PROMPT)
    assert talk.events() == [events.ServerLine(replies.WELCOME_OF_OLD, "reply")]
    assert talk.sent() == ["LOGIN alice secret"]


def test_a_second_prompt_gets_no_second_password() -> None:
    assert Talk().server(PROMPT, PROMPT).sent() == ["LOGIN alice secret"]


def test_a_password_too_long_for_a_line_is_not_sent() -> None:
    talk = Talk(user="a" * 5000).server(PROMPT)
    (refused,) = talk.of(events.SignInRefused)
    assert not refused.retry
    assert talk.sent() == []


def test_what_is_typed_before_the_session_comes_back() -> None:
    talk = Talk().server(PROMPT).types("hello\nworld").clicks("dev").toggles("bob")
    assert talk.events() == [
        events.TextReturned("hello\nworld", "Not connected: it was not sent"),
        events.JoinFailed("dev", "Not connected"),
    ]


def test_signing_in_again_asks_for_the_room_and_what_is_missing_of_the_subscriptions() -> None:
    wish = Wish("dev", frozenset({"*", "bob", "carol"}), again=True)
    talk = Talk(wish).server(PROMPT, ACCEPTED, f"[SERVER] Available commands: {ALL}")
    assert talk.of(events.Joined) == []  # the log of the room stays in sight
    talk.sent()
    talk.server(
        "[SERVER] Subscribed to alice", "[SERVER] Presence on", "[SERVER] Joined room 'dev'"
    )
    assert talk.of(events.Joined) == [events.Joined("dev")]
    assert talk.sent() == ["/who", "/rooms"]
    talk.server("[SERVER] Subscriptions: alice, bob")
    assert talk.sent() == ["/subscribe *", "/subscribe carol"]
    assert talk.of(events.SubscriptionsListed) == [events.SubscriptionsListed(("bob",))]
    talk.server("[SERVER] Subscribed to *", "[SERVER] Subscribed to carol")
    assert talk.of(events.Followed) == [events.Followed("*"), events.Followed("carol")]
    assert talk.dialogue.wish == Wish("dev", frozenset({"*", "bob", "carol"}), again=True)


def test_after_a_mere_cut_nothing_is_subscribed_to_again() -> None:
    talk = Talk(Wish("lobby", frozenset({"*", "bob"}), again=True))
    talk.server(PROMPT, ACCEPTED, f"[SERVER] Available commands: {ALL}")
    assert talk.of(events.Joined) == [events.Joined("lobby")]
    talk.server("[SERVER] Subscribed to alice", "[SERVER] Presence on")
    talk.server("[SERVER] In room 'lobby': alice", "[SERVER] Active rooms: lobby (1)").fresh()
    talk.server("[SERVER] Subscriptions: *, alice, bob")
    assert talk.sent() == []


def test_the_room_that_was_cannot_be_had_again() -> None:
    talk = Talk(Wish("dev", again=True)).server(PROMPT, ACCEPTED).fresh()
    talk.server(f"[SERVER] Available commands: {ALL}", "[SERVER] Subscribed to alice")
    talk.types("meant for dev")
    talk.server("[SERVER] Presence on").fresh()
    talk.server("[ERROR] Invalid room name: dev")
    assert talk.events() == [
        events.Joined("lobby"),
        events.JoinFailed("dev", "Invalid room name: dev"),
        events.TextReturned("meant for dev", "Invalid room name: dev"),
    ]
    assert talk.sent() == ["/who", "/rooms"]
    assert talk.dialogue.wish.room == "lobby"


def test_messages_heard_on_the_way_back_belong_to_the_lobby() -> None:
    talk = Talk(Wish("dev", again=True)).server(PROMPT, ACCEPTED)
    talk.server(f"[SERVER] Available commands: {ALL}", "[12:00:00] bob: in the lobby")
    (arrived,) = talk.of(events.MessageArrived)
    assert arrived.room == "lobby"
    talk.server(
        "[SERVER] Subscribed to alice", "[SERVER] Presence on", "[SERVER] Joined room 'dev'"
    )
    (arrived,) = talk.server("[12:00:00] bob: in dev").of(events.MessageArrived)
    assert arrived.room == "dev"


def test_subscriptions_are_asked_for_a_few_at_a_time() -> None:
    names = frozenset(f"user{n:02}" for n in range(30))
    talk = Talk(Wish("lobby", names, again=True)).server(PROMPT, ACCEPTED)
    talk.server(f"[SERVER] Available commands: {ALL}", "[SERVER] Subscribed to alice")
    talk.server("[SERVER] Presence on").fresh()
    talk.server("[SERVER] In room 'lobby': alice", "[SERVER] Active rooms: lobby (1)")
    talk.server("[SERVER] Subscriptions: alice")
    asked = talk.sent()
    assert asked == [f"/subscribe user{n:02}" for n in range(8)]
    talk.types("not behind all of them")
    assert talk.sent() == ["not behind all of them"]
    for n in range(30):
        talk.server(f"[SERVER] Subscribed to user{n:02}")
        asked += talk.sent()
    assert asked == [f"/subscribe user{n:02}" for n in range(30)]


def test_what_can_not_be_subscribed_to_again_is_said_once() -> None:
    talk = online(Wish("lobby", frozenset({"bob", "carol", "dave"}), again=True), subs="alice")
    talk.server("[ERROR] No such user: bob", "[SERVER] Subscribed to carol")
    assert talk.of(events.ServerLine) == []
    talk.server("[ERROR] No such user: dave")
    (line,) = talk.of(events.ServerLine)
    assert line.kind == "error"
    assert "bob, dave" in line.text
    assert talk.dialogue.wish.follow == {"carol"}


def test_a_second_loss_while_subscriptions_come_back_forgets_none() -> None:
    names = frozenset(f"user{n:02}" for n in range(30))
    talk = online(Wish("dev", names, again=True), room="dev", subs="alice")
    talk.server("[SERVER] Subscribed to user00").breaks()
    assert talk.dialogue.wish == Wish("dev", names, again=True)


def test_a_loss_during_the_login_keeps_the_wish() -> None:
    wish = Wish("dev", frozenset({"bob"}), again=True)
    talk = Talk(wish).server(PROMPT).breaks()
    assert talk.dialogue.wish == wish


def test_six_commands_are_a_server_of_old() -> None:
    talk = Talk(Wish(room="dev", follow=frozenset("*"))).server(PROMPT)
    assert talk.sent() == ["LOGIN alice secret"]
    talk.server(ACCEPTED, f"[SERVER] Available commands: {SIX}")
    assert talk.sent() == ["/subscribe alice"]
    assert talk.server("[SERVER] Subscribed to alice").sent() == ["/join dev"]
    assert talk.server("[SERVER] Joined room 'dev'").sent() == ["/subs"]

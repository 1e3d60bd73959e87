"""The first servers of the protocol, sans I/O (section 6 of the contract)."""

from __future__ import annotations

import pytest

from chat_server.wire import replies
from chat_tui import events
from chat_tui.protocol import Ending
from chat_tui.protocol.restore_target import Wish
from tests.support.protocol_harness import ACCEPTED, PROMPT, SIX, Talk, online_of_old


def test_one_line_and_then_its_answer() -> None:
    talk = online_of_old().types("/rooms").types("/subs").toggles("bob")
    assert talk.sent() == ["/rooms"]
    assert talk.server("[SERVER] Active rooms: dev, lobby").sent() == ["/subs"]
    assert talk.of(events.RoomsListed) == [events.RoomsListed((("dev", None), ("lobby", None)))]
    assert talk.server("[SERVER] Subscriptions: none").sent() == ["/subscribe bob"]


def test_any_reply_is_the_answer() -> None:
    talk = online_of_old().types("/subs").types("/rooms").fresh()
    talk.server("[SERVER] You follow nobody")
    assert talk.of(events.ServerLine) == [events.ServerLine("You follow nobody", "reply")]
    assert talk.sent() == ["/rooms"]


def test_a_message_is_followed_after_its_echo() -> None:
    talk = online_of_old().types("one\ntwo\nthree")
    assert [event.text for event in talk.of(events.OwnPending)] == ["one", "two", "three"]
    assert talk.sent() == ["one"]
    assert talk.server("[12:00:00] alice: one").sent() == ["two"]
    assert talk.server("[12:00:00] bob: two").sent() == []
    assert talk.server("[12:00:00] alice: two").sent() == ["three"]


def test_a_message_is_followed_after_a_while_where_no_echo_comes() -> None:
    talk = online_of_old().types("one\ntwo").fresh()
    assert talk.after(0.1).sent() == []
    assert talk.after(0.11).sent() == ["two"]
    talk.server("[12:00:00] alice: two")
    assert talk.of(events.OwnUnconfirmed) == [events.OwnUnconfirmed(1)]


def test_an_echo_may_come_back_trimmed() -> None:
    talk = online_of_old().types("  indented")
    assert talk.sent() == ["  indented"]
    talk.server("[12:00:00] alice: indented")
    assert talk.of(events.OwnSent) == [events.OwnSent(1, "12:00:00")]


@pytest.mark.parametrize("text", ["//slash", " /join dev", "one\n/join dev", "one\n  //two"])
def test_no_text_with_a_slash_at_its_start_is_sent(text: str) -> None:
    talk = online_of_old().types(text)
    assert talk.sent() == []
    (returned,) = talk.of(events.TextReturned)
    assert returned.text == text


@pytest.mark.parametrize("text", ["/dance", "/help", "/who", "/presence on", "/"])
def test_no_unknown_command_is_sent(text: str) -> None:
    talk = online_of_old().types(text)
    assert talk.sent() == []
    (returned,) = talk.of(events.TextReturned)
    assert returned.text == text
    assert "aloud" in returned.reason


def test_quitting_where_there_is_no_such_command() -> None:
    talk = online_of_old().types("/quit")
    assert talk.sent() == []
    assert talk.events() == [events.SignedOut("Goodbye", asked=True)]
    assert talk.ending() is Ending.SIGNED_OUT


def test_a_refused_subscription_is_shown_to_who_clicked() -> None:
    talk = online_of_old().toggles("bob").server(f"[ERROR] {replies.CANNOT_SUBSCRIBE_OF_OLD}")
    assert talk.of(events.ServerLine) == [
        events.ServerLine(replies.CANNOT_SUBSCRIBE_OF_OLD, "error")
    ]


def test_where_one_cannot_hear_oneself_words_count_as_sent_once_out() -> None:
    talk = Talk().server(PROMPT, ACCEPTED, f"[SERVER] Available commands: {SIX}")
    talk.server(f"[ERROR] {replies.CANNOT_SUBSCRIBE_OF_OLD}")
    assert talk.of(events.ServerLine) == []
    talk.server("[SERVER] Active rooms: lobby", "[SERVER] Subscriptions: none").fresh()
    talk.types("one\ntwo")
    assert talk.events() == [
        events.OwnPending(1, "lobby", "one"),
        events.OwnSent(1),
        events.OwnPending(2, "lobby", "two"),
        events.OwnSent(2),
    ]
    assert talk.sent() == ["one"]
    assert talk.after(0.25).sent() == ["two"]


def test_what_can_not_be_followed_again_is_said_once() -> None:
    talk = Talk(Wish("dev", frozenset({"bob", "carol"}), again=True))
    talk.server(PROMPT, ACCEPTED, f"[SERVER] Available commands: {SIX}")
    talk.server("[SERVER] Subscribed to alice", "[SERVER] Joined room 'dev'")
    talk.server("[SERVER] Subscriptions: alice", "[SERVER] Active rooms: dev").fresh()
    talk.server(f"[ERROR] {replies.CANNOT_SUBSCRIBE_OF_OLD}", "[SERVER] Subscribed to carol")
    (line,) = talk.of(events.ServerLine)
    assert "bob" in line.text


def test_a_room_with_a_name_of_its_own_time() -> None:
    assert online_of_old().clicks("room#1!").sent() == ["/join room#1!"]
    assert online_of_old().clicks("two words").sent() == []


def test_a_click_waits_for_what_is_on_its_way_and_holds_what_follows() -> None:
    talk = online_of_old().types("for the lobby").clicks("dev").types("for dev")
    assert talk.sent() == ["for the lobby"]
    assert talk.server("[12:00:00] alice: for the lobby").sent() == ["/join dev"]
    assert talk.server("[SERVER] Joined room 'dev'").sent() == ["/rooms"]
    assert talk.server("[SERVER] Active rooms: dev, lobby").sent() == ["for dev"]


def test_a_join_answered_in_other_words_gives_back_what_waits() -> None:
    talk = online_of_old().clicks("dev").types("for dev").fresh()
    talk.server("[ERROR] Nope")
    assert talk.events() == [
        events.JoinFailed("dev", "Nope"),
        events.TextReturned("for dev", "Nope"),
    ]


def test_a_silent_server_is_asked_for_a_sign_of_life_though_a_line_is_unanswered() -> None:
    talk = online_of_old().types("/subs")
    assert talk.sent() == ["/subs"]
    talk.after(16)
    assert talk.sent() == []
    talk.after(5)
    assert talk.sent() == ["/rooms"]
    talk.after(11)
    assert talk.ending() is Ending.LOST


def test_lines_that_never_went_out_are_unconfirmed_too() -> None:
    talk = online_of_old().types("one\ntwo\nthree").fresh()
    assert talk.breaks().of(events.OwnUnconfirmed) == [
        events.OwnUnconfirmed(1),
        events.OwnUnconfirmed(2),
        events.OwnUnconfirmed(3),
    ]

"""What we say, sans I/O: pending, sent, unconfirmed, never lost and never a command by mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire.protocol import (
    CLIENT_LINE_LIMIT,
    Text,
    decode_line,
    parse_client_line,
    published_form,
)
from chat_tui import events
from chat_tui.input.parser import composed, put_back, typed_lines
from chat_tui.protocol import Ending
from tests.support.protocol_harness import online


def test_pending_until_the_echo() -> None:
    talk = online().types("hello")
    assert talk.events() == [events.OwnPending(1, "lobby", "hello")]
    assert talk.sent() == ["hello"]
    talk.server("[12:34:56] bob: hello")
    assert len(talk.of(events.MessageArrived)) == 1
    talk.server("[12:34:57] alice: hello")
    assert talk.events() == [events.OwnSent(1, "12:34:57")]


def test_equal_texts_are_matched_one_by_one() -> None:
    talk = online().types("ha").types("ha").types("ha").fresh()
    for n in (1, 2, 3):
        talk.server("[12:00:00] alice: ha")
        assert talk.events() == [events.OwnSent(n, "12:00:00")]
    talk.server("[12:00:00] alice: ha")
    assert len(talk.of(events.MessageArrived)) == 1


def test_an_echo_of_a_later_one_leaves_the_earlier_ones_unconfirmed() -> None:
    talk = online().types("one").types("two").types("three").fresh()
    talk.server("[12:00:00] alice: three")
    assert talk.events() == [
        events.OwnUnconfirmed(1),
        events.OwnUnconfirmed(2),
        events.OwnSent(3, "12:00:00"),
    ]


def test_what_the_broken_connection_leaves_open() -> None:
    talk = online().types("one").types("two").types("three")
    talk.server("[12:00:00] alice: one").fresh()
    assert talk.breaks().events() == [events.OwnUnconfirmed(2), events.OwnUnconfirmed(3)]
    assert talk.types("four").of(events.TextReturned) == [
        events.TextReturned("four", "Not connected: it was not sent")
    ]


def test_own_words_that_we_did_not_say_here_are_shown() -> None:
    talk = online().server("[12:00:00] alice: from elsewhere")
    (arrived,) = talk.of(events.MessageArrived)
    assert arrived.message.author == "alice"


def test_past_words_prove_nothing() -> None:
    talk = online().types("hello").fresh()
    talk.server("[2026-11-22T12:00:00.000001+01:00] alice: hello")
    assert [type(event) for event in talk.events()] == [events.MessageArrived]


def test_actions_and_private_words_of_our_own_prove_nothing() -> None:
    talk = online().types("hello").fresh()
    talk.server("[12:00:00] * alice hello", "[12:00:00] alice -> bob: hello")
    assert [type(event) for event in talk.events()] == [events.MessageArrived] * 2


def test_unsubscribing_from_oneself_is_undone_before_the_next_word() -> None:
    talk = online().types("/unsubscribe alice").types("hello")
    assert talk.sent() == ["/unsubscribe alice", "/subscribe alice", "hello"]
    talk.fresh().server("[SERVER] Unsubscribed from alice", "[SERVER] Subscribed to alice")
    assert talk.events() == [events.ServerLine("Unsubscribed from alice", "reply")]
    talk.server("[12:00:00] alice: hello")
    assert talk.events() == [events.OwnSent(1, "12:00:00")]


def test_unsubscribing_from_oneself_in_another_form_of_the_name() -> None:
    talk = online(user="Zo\u00eb").types("/unsubscribe Zoe\u0308")
    assert talk.sent() == ["/unsubscribe Zoe\u0308", "/subscribe Zo\u00eb"]


def test_subscribing_to_oneself_by_hand_is_answered_and_changes_nothing() -> None:
    talk = online().types("/subscribe alice").server("[SERVER] Subscribed to alice")
    learned = talk.events()
    assert events.ServerLine("Subscribed to alice", "reply") in learned
    assert not [event for event in learned if isinstance(event, events.Followed)]
    assert talk.dialogue.wish.follow == frozenset()


def test_the_end_of_following_everyone_is_not_the_end_of_hearing_oneself() -> None:
    talk = online(subs="*, alice").types("/unsubscribe *")
    assert talk.sent() == ["/unsubscribe *"]
    talk.server("[SERVER] Unsubscribed from *")
    assert talk.of(events.Unfollowed) == [events.Unfollowed("*")]


def test_several_lines_are_texts_whatever_they_begin_with() -> None:
    talk = online().types("/join dev\n//two\n\n   \n three\t\n")
    assert talk.sent() == ["//join dev", "///two", " three"]
    assert [event.text for event in talk.of(events.OwnPending)] == ["/join dev", "//two", " three"]


def test_a_line_end_after_a_command_makes_no_second_line() -> None:
    assert online().types("/rooms\r\n").sent() == ["/rooms"]


def test_white_space_before_a_slash_makes_a_text() -> None:
    assert online().types(" /join dev").sent() == [" /join dev"]


def test_words_are_brought_to_the_form_in_which_they_come_back() -> None:
    talk = online().types("a\x1b[31mb\u202ec \t ")
    assert talk.sent() == ["a[31mbc"]
    talk.server("[12:00:00] alice: a[31mbc")
    assert talk.of(events.OwnSent) == [events.OwnSent(1, "12:00:00")]


@pytest.mark.parametrize("nothing", ["", "  ", "\n\n", "\x1b\x07", " \t\u202e", "\u2028"])
def test_what_would_vanish_is_not_sent(nothing: str) -> None:
    talk = online().types(nothing)
    assert talk.sent() == []
    assert talk.events() == []


def test_a_long_line_comes_back_whole_with_all_that_came_with_it() -> None:
    fits = "x" * (CLIENT_LINE_LIMIT - 1)
    talk = online().types(fits)
    assert talk.sent() == [fits]
    talk.events()
    for text in (fits + "x", f"one\n{fits}x\nthree", "/msg bob " + fits, "//" + fits):
        (returned,) = talk.types(text).of(events.TextReturned)
        assert returned.text == text
        assert "4096" in returned.reason
        assert talk.sent() == []


def test_lone_surrogates_are_dropped() -> None:
    assert online().types("a\ud800b").sent() == ["ab"]


def test_forced_out_leaves_what_was_pending_unconfirmed() -> None:
    talk = online().types("one").clicks("dev").types("two").fresh()
    talk.server("[SERVER] Logged out due to new login")
    assert talk.events() == [
        events.OwnUnconfirmed(1),
        events.TextReturned("two", "The connection was lost: it was not sent"),
        events.SignedOut("Logged out due to new login"),
    ]
    assert talk.ending() is Ending.SIGNED_OUT


@given(st.text(max_size=60))
def test_no_text_of_several_lines_is_ever_a_command(text: str) -> None:
    talk = online().types(f"first\n{text}\nlast")
    for line in talk.sent():
        asked = parse_client_line(decode_line(line.encode()))
        assert isinstance(asked, Text)
        assert published_form(asked.text) == asked.text


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
def test_what_comes_back_says_the_same_when_it_is_sent_again(texts: list[str]) -> None:
    said = [published_form(text.replace("\n", "").replace("\r", "")) for text in texts]
    said = [text for text in said if text]
    if said:
        assert typed_lines(composed(said)) == [Text(text) for text in said]


@pytest.mark.parametrize(
    ("returned", "draft", "stands"),
    [
        ("hello", "", "hello"),
        ("hello", "  ", "hello"),
        ("/join dev", "", "/join dev"),
        ("hello", "wor", "hello\nwor"),
        ("//slash", "wor ", "/slash\nwor "),
        ("hello", "//slash", "hello\n/slash"),
        ("one\n/two", "wor", "one\n/two\nwor"),
        ("hello", "/msg bob psst", "/msg bob psst"),
        ("/msg bob psst", "hello", "hello"),
        ("", "hello", "hello"),
    ],
)
def test_what_stands_in_the_composer_when_something_comes_back(
    returned: str, draft: str, stands: str
) -> None:
    assert put_back(returned, draft) == stands

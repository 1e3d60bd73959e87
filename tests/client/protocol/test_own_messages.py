"""Own messages: pending, sent, unconfirmed, and never taken for a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire.protocol import (
    CLIENT_LINE_LIMIT,
    TextLine,
    decode_line,
    parse_client_line,
    published_form,
)
from chat_tui import events
from chat_tui.input.parser import merge_into_draft, parse_input, to_composer_text
from chat_tui.protocol import EndReason
from tests.support.protocol_harness import online


def test_own_message_is_pending_until_echo() -> None:
    harness = online().types("hello")
    assert harness.events() == [events.MessagePending(1, "lobby", "hello")]
    assert harness.sent() == ["hello"]
    harness.server("[12:34:56] bob: hello")
    assert len(harness.of(events.MessageArrived)) == 1
    harness.server("[12:34:57] alice: hello")
    assert harness.events() == [events.MessageSent(1, "12:34:57")]


def test_echoes_of_equal_texts_are_matched_in_order() -> None:
    harness = online().types("ha").types("ha").types("ha").fresh()
    for n in (1, 2, 3):
        harness.server("[12:00:00] alice: ha")
        assert harness.events() == [events.MessageSent(n, "12:00:00")]
    harness.server("[12:00:00] alice: ha")
    assert len(harness.of(events.MessageArrived)) == 1


def test_echo_of_later_message_marks_earlier_messages_unconfirmed() -> None:
    harness = online().types("one").types("two").types("three").fresh()
    harness.server("[12:00:00] alice: three")
    assert harness.events() == [
        events.MessageUnconfirmed(1),
        events.MessageUnconfirmed(2),
        events.MessageSent(3, "12:00:00"),
    ]


def test_lost_connection_leaves_pending_messages_unconfirmed() -> None:
    harness = online().types("one").types("two").types("three")
    harness.server("[12:00:00] alice: one").fresh()
    assert harness.breaks().events() == [events.MessageUnconfirmed(2), events.MessageUnconfirmed(3)]
    assert harness.types("four").of(events.TextReturned) == [
        events.TextReturned("four", "Not connected: it was not sent")
    ]


def test_own_message_from_other_client_is_shown() -> None:
    harness = online().server("[12:00:00] alice: from elsewhere")
    (arrived,) = harness.of(events.MessageArrived)
    assert arrived.message.author == "alice"


def test_past_message_does_not_confirm_pending_message() -> None:
    harness = online().types("hello").fresh()
    harness.server("[2026-11-22T12:00:00.000001+01:00] alice: hello")
    assert [type(event) for event in harness.events()] == [events.MessageArrived]


def test_own_action_or_private_message_does_not_confirm_pending_message() -> None:
    harness = online().types("hello").fresh()
    harness.server("[12:00:00] * alice hello", "[12:00:00] alice -> bob: hello")
    assert [type(event) for event in harness.events()] == [events.MessageArrived] * 2


def test_self_unsubscription_is_undone_before_next_message() -> None:
    harness = online().types("/unsubscribe alice").types("hello")
    assert harness.sent() == ["/unsubscribe alice", "/subscribe alice", "hello"]
    harness.fresh().server("[SERVER] Unsubscribed from alice", "[SERVER] Subscribed to alice")
    assert harness.events() == [events.LogNotice("Unsubscribed from alice", "reply")]
    harness.server("[12:00:00] alice: hello")
    assert harness.events() == [events.MessageSent(1, "12:00:00")]


def test_self_unsubscription_is_recognized_in_other_unicode_form() -> None:
    harness = online(user="Zo\u00eb").types("/unsubscribe Zoe\u0308")
    assert harness.sent() == ["/unsubscribe Zoe\u0308", "/subscribe Zo\u00eb"]


def test_typed_self_subscription_shows_reply_and_changes_nothing() -> None:
    harness = online().types("/subscribe alice").server("[SERVER] Subscribed to alice")
    received = harness.events()
    assert events.LogNotice("Subscribed to alice", "reply") in received
    assert not [event for event in received if isinstance(event, events.Followed)]
    assert harness.protocol.restore_target.subscriptions == frozenset()


def test_unsubscribe_from_everyone_keeps_self_subscription() -> None:
    harness = online(subs="*, alice").types("/unsubscribe *")
    assert harness.sent() == ["/unsubscribe *"]
    harness.server("[SERVER] Unsubscribed from *")
    assert harness.of(events.Unfollowed) == [events.Unfollowed("*")]


def test_multiline_input_is_always_text() -> None:
    harness = online().types("/join dev\n//two\n\n   \n three\t\n")
    assert harness.sent() == ["//join dev", "///two", " three"]
    assert [event.text for event in harness.of(events.MessagePending)] == [
        "/join dev",
        "//two",
        " three",
    ]


def test_trailing_line_end_keeps_command_single_line() -> None:
    assert online().types("/rooms\r\n").sent() == ["/rooms"]


def test_leading_space_before_slash_makes_text() -> None:
    assert online().types(" /join dev").sent() == [" /join dev"]


def test_sent_text_is_normalized_to_echoed_form() -> None:
    harness = online().types("a\x1b[31mb\u202ec \t ")
    assert harness.sent() == ["a[31mbc"]
    harness.server("[12:00:00] alice: a[31mbc")
    assert harness.of(events.MessageSent) == [events.MessageSent(1, "12:00:00")]


@pytest.mark.parametrize("typed", ["", "  ", "\n\n", "\x1b\x07", " \t\u202e", "\u2028"])
def test_text_without_visible_characters_is_not_sent(typed: str) -> None:
    harness = online().types(typed)
    assert harness.sent() == []
    assert harness.events() == []


def test_too_long_line_returns_whole_input() -> None:
    fits = "x" * (CLIENT_LINE_LIMIT - 1)
    harness = online().types(fits)
    assert harness.sent() == [fits]
    harness.events()
    for text in (fits + "x", f"one\n{fits}x\nthree", "/msg bob " + fits, "//" + fits):
        (returned,) = harness.types(text).of(events.TextReturned)
        assert returned.text == text
        assert "4096" in returned.reason
        assert harness.sent() == []


def test_lone_surrogates_are_removed_from_sent_text() -> None:
    assert online().types("a\ud800b").sent() == ["ab"]


def test_forced_logout_leaves_pending_message_unconfirmed() -> None:
    harness = online().types("one").clicks("dev").types("two").fresh()
    harness.server("[SERVER] Logged out due to new login")
    assert harness.events() == [
        events.MessageUnconfirmed(1),
        events.TextReturned("two", "The connection was lost: it was not sent"),
        events.SignedOut("Logged out due to new login"),
    ]
    assert harness.ending() is EndReason.SIGNED_OUT


@given(st.text(max_size=60))
def test_multiline_text_never_parses_as_command(text: str) -> None:
    harness = online().types(f"first\n{text}\nlast")
    for line in harness.sent():
        parsed = parse_client_line(decode_line(line.encode()))
        assert isinstance(parsed, TextLine)
        assert published_form(parsed.text) == parsed.text


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
def test_returned_text_parses_to_same_messages_when_resent(texts: list[str]) -> None:
    published = [published_form(text.replace("\n", "").replace("\r", "")) for text in texts]
    published = [text for text in published if text]
    if published:
        assert parse_input(to_composer_text(published)) == [TextLine(text) for text in published]


@pytest.mark.parametrize(
    ("returned", "draft", "merged"),
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
def test_returned_text_is_merged_into_draft(returned: str, draft: str, merged: str) -> None:
    assert merge_into_draft(returned, draft) == merged

"""The protocol with one of the first servers (docs/protocol.md, section 6)."""

from __future__ import annotations

import pytest

from chat_server.wire import replies
from chat_tui import events
from chat_tui.protocol import EndReason
from chat_tui.protocol.restore_target import RestoreTarget
from tests.support.protocol_harness import ACCEPTED, PROMPT, SIX, ProtocolHarness, online_legacy


def test_legacy_server_gets_next_line_only_after_reply() -> None:
    harness = online_legacy().types("/rooms").types("/subs").toggles("bob")
    assert harness.sent() == ["/rooms"]
    assert harness.server("[SERVER] Active rooms: dev, lobby").sent() == ["/subs"]
    assert harness.of(events.RoomsListed) == [events.RoomsListed((("dev", None), ("lobby", None)))]
    assert harness.server("[SERVER] Subscriptions: none").sent() == ["/subscribe bob"]


def test_legacy_server_any_reply_answers_pending_request() -> None:
    harness = online_legacy().types("/subs").types("/rooms").fresh()
    harness.server("[SERVER] You follow nobody")
    assert harness.of(events.LogNotice) == [events.LogNotice("You follow nobody", "reply")]
    assert harness.sent() == ["/rooms"]


def test_legacy_server_gets_next_message_after_echo() -> None:
    harness = online_legacy().types("one\ntwo\nthree")
    assert [event.text for event in harness.of(events.MessagePending)] == ["one", "two", "three"]
    assert harness.sent() == ["one"]
    assert harness.server("[12:00:00] alice: one").sent() == ["two"]
    assert harness.server("[12:00:00] bob: two").sent() == []
    assert harness.server("[12:00:00] alice: two").sent() == ["three"]


def test_legacy_server_gets_next_message_after_timeout_without_echo() -> None:
    harness = online_legacy().types("one\ntwo").fresh()
    assert harness.after(0.1).sent() == []
    assert harness.after(0.11).sent() == ["two"]
    harness.server("[12:00:00] alice: two")
    assert harness.of(events.MessageUnconfirmed) == [events.MessageUnconfirmed(1)]


def test_legacy_server_trimmed_echo_confirms_message() -> None:
    harness = online_legacy().types("  indented")
    assert harness.sent() == ["  indented"]
    harness.server("[12:00:00] alice: indented")
    assert harness.of(events.MessageSent) == [events.MessageSent(1, "12:00:00")]


@pytest.mark.parametrize("text", ["//slash", " /join dev", "one\n/join dev", "one\n  //two"])
def test_legacy_server_text_starting_with_slash_is_returned(text: str) -> None:
    harness = online_legacy().types(text)
    assert harness.sent() == []
    (returned,) = harness.of(events.TextReturned)
    assert returned.text == text


@pytest.mark.parametrize("text", ["/dance", "/help", "/who", "/presence on", "/"])
def test_legacy_server_unknown_command_is_returned(text: str) -> None:
    harness = online_legacy().types(text)
    assert harness.sent() == []
    (returned,) = harness.of(events.TextReturned)
    assert returned.text == text
    assert "would publish it" in returned.reason


def test_legacy_server_quit_closes_connection_without_sending() -> None:
    harness = online_legacy().types("/quit")
    assert harness.sent() == []
    assert harness.events() == [events.SignedOut("Goodbye", requested=True)]
    assert harness.ending() is EndReason.SIGNED_OUT


def test_legacy_server_subscription_error_is_shown_after_click() -> None:
    harness = online_legacy().toggles("bob").server(f"[ERROR] {replies.LEGACY_CANNOT_SUBSCRIBE}")
    assert harness.of(events.LogNotice) == [
        events.LogNotice(replies.LEGACY_CANNOT_SUBSCRIBE, "error")
    ]


def test_legacy_server_without_self_subscription_confirms_messages_when_sent() -> None:
    harness = ProtocolHarness().server(PROMPT, ACCEPTED, f"[SERVER] Available commands: {SIX}")
    harness.server(f"[ERROR] {replies.LEGACY_CANNOT_SUBSCRIBE}")
    assert harness.of(events.LogNotice) == []
    harness.server("[SERVER] Active rooms: lobby", "[SERVER] Subscriptions: none").fresh()
    harness.types("one\ntwo")
    assert harness.events() == [
        events.MessagePending(1, "lobby", "one"),
        events.MessageSent(1),
        events.MessagePending(2, "lobby", "two"),
        events.MessageSent(2),
    ]
    assert harness.sent() == ["one"]
    assert harness.after(0.25).sent() == ["two"]


def test_legacy_server_failed_resubscriptions_are_reported_once() -> None:
    harness = ProtocolHarness(RestoreTarget("dev", frozenset({"bob", "carol"}), is_reconnect=True))
    harness.server(PROMPT, ACCEPTED, f"[SERVER] Available commands: {SIX}")
    harness.server("[SERVER] Subscribed to alice", "[SERVER] Joined room 'dev'")
    harness.server("[SERVER] Subscriptions: alice", "[SERVER] Active rooms: dev").fresh()
    harness.server(f"[ERROR] {replies.LEGACY_CANNOT_SUBSCRIBE}", "[SERVER] Subscribed to carol")
    (line,) = harness.of(events.LogNotice)
    assert "bob" in line.text


def test_legacy_server_room_names_may_hold_punctuation() -> None:
    assert online_legacy().clicks("room#1!").sent() == ["/join room#1!"]
    assert online_legacy().clicks("two words").sent() == []


def test_legacy_server_room_click_waits_for_echo_and_queues_later_text() -> None:
    harness = online_legacy().types("for the lobby").clicks("dev").types("for dev")
    assert harness.sent() == ["for the lobby"]
    assert harness.server("[12:00:00] alice: for the lobby").sent() == ["/join dev"]
    assert harness.server("[SERVER] Joined room 'dev'").sent() == ["/rooms"]
    assert harness.server("[SERVER] Active rooms: dev, lobby").sent() == ["for dev"]


def test_legacy_server_unknown_join_error_returns_queued_text() -> None:
    harness = online_legacy().clicks("dev").types("for dev").fresh()
    harness.server("[ERROR] Nope")
    assert harness.events() == [
        events.JoinFailed("dev", "Nope"),
        events.TextReturned("for dev", "Nope"),
    ]


def test_legacy_server_is_pinged_even_if_reply_is_outstanding() -> None:
    harness = online_legacy().types("/subs")
    assert harness.sent() == ["/subs"]
    harness.after(16)
    assert harness.sent() == []
    harness.after(5)
    assert harness.sent() == ["/rooms"]
    harness.after(11)
    assert harness.ending() is EndReason.LOST


def test_legacy_server_unsent_lines_are_unconfirmed_after_loss() -> None:
    harness = online_legacy().types("one\ntwo\nthree").fresh()
    assert harness.breaks().of(events.MessageUnconfirmed) == [
        events.MessageUnconfirmed(1),
        events.MessageUnconfirmed(2),
        events.MessageUnconfirmed(3),
    ]

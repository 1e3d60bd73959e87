"""Which line answers which request, what the log shows, and timeouts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire import replies
from chat_tui import events
from chat_tui.protocol import EndReason
from tests.support.protocol_harness import ProtocolHarness, online


def new_log_lines(harness: ProtocolHarness) -> list[str]:
    """Return the lines that the log has got since the last call."""
    return [line.text for line in harness.of(events.LogNotice)]


def test_replies_to_client_requests_are_not_shown() -> None:
    harness = online().after(16)
    assert harness.sent() == ["/rooms"]
    harness.server("[SERVER] Active rooms: lobby (2), dev (3)")
    received = harness.events()
    assert events.RoomsListed((("lobby", 2), ("dev", 3))) in received
    assert not [event for event in received if isinstance(event, events.LogNotice)]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/rooms", "Active rooms: lobby (1)"),
        ("/subs", "Subscriptions: none"),
        ("/who", "In room 'lobby': alice"),
        ("/who dev", "In room 'dev': none"),
        ("/presence off", "Presence off"),
        ("/subscribe bob", "Subscribed to bob"),
        ("/unsubscribe bob", "Unsubscribed from bob"),
        ("/help", "/join <room> - move to a room"),
        ("/new thing", "A new thing"),
    ],
)
def test_replies_to_typed_commands_are_shown(typed: str, answer: str) -> None:
    harness = online().types(typed)
    assert harness.sent() == [typed]
    assert new_log_lines(harness.server(f"[SERVER] {answer}")) == [answer]


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("/who nowhere", "No such room: nowhere"),
        ("/who a b", "Usage: /who [room]"),
        ("/subscribe nobody", "No such user: nobody"),
        ("/presence maybe", "Usage: /presence on|off"),
        ("/dance", "Unknown command: /dance (try /help)"),
        ("/", "Unknown command: / (try /help)"),
    ],
)
def test_errors_to_typed_commands_are_shown(typed: str, error: str) -> None:
    harness = online().types(typed).server(f"[ERROR] {error}")
    assert harness.of(events.LogNotice) == [events.LogNotice(error, "error")]


def test_typed_command_is_sent_unchanged() -> None:
    assert online().types("/ban bob  two  spaces ").sent() == ["/ban bob  two  spaces"]


def test_replies_to_typed_and_client_requests_are_matched_in_order() -> None:
    harness = online().after(16).types("/rooms")
    assert harness.sent() == ["/rooms", "/rooms"]
    assert new_log_lines(harness.server("[SERVER] Active rooms: lobby (1)")) == []
    assert new_log_lines(harness.server("[SERVER] Active rooms: lobby (2)")) == [
        "Active rooms: lobby (2)"
    ]


def test_follow_click_shows_only_errors() -> None:
    harness = online().toggles("bob").server("[SERVER] Subscribed to bob")
    assert harness.sent() == ["/subscribe bob"]
    assert harness.events() == [events.Followed("bob")]
    harness.toggles("gone").server("[ERROR] No such user: gone")
    assert harness.of(events.LogNotice) == [events.LogNotice("No such user: gone", "error")]


def test_follow_toggle_starts_from_last_requested_state() -> None:
    harness = online(subs="*, bob").toggles("bob").toggles("bob").toggles("bob").toggles("*")
    assert harness.sent() == [
        "/unsubscribe bob",
        "/subscribe bob",
        "/unsubscribe bob",
        "/unsubscribe *",
    ]
    assert harness.protocol.restore_target.subscriptions == frozenset()
    harness.server("[SERVER] Unsubscribed from bob", "[SERVER] Subscribed to bob")
    harness.server("[SERVER] Unsubscribed from bob", "[SERVER] Unsubscribed from *")
    harness.fresh().toggles("bob")
    assert harness.sent() == ["/subscribe bob"]


def test_follow_toggle_of_own_name_sends_nothing() -> None:
    assert online().toggles("alice").sent() == []


def test_own_name_is_removed_from_subscription_list() -> None:
    harness = online().types("/subs").server("[SERVER] Subscriptions: *, alice, bob")
    assert harness.of(events.SubscriptionsListed) == [events.SubscriptionsListed(("*", "bob"))]


def test_unknown_server_lines_are_shown_unchanged() -> None:
    harness = online().server(
        "[SERVER] The moon is full", "[ERROR] You are muted", "*** hello ***", "[12:00] odd", ""
    )
    assert harness.of(events.LogNotice) == [
        events.LogNotice("The moon is full", "reply"),
        events.LogNotice("You are muted", "error"),
        events.LogNotice("*** hello ***", "reply"),
        events.LogNotice("[12:00] odd", "reply"),
    ]


def test_unsolicited_error_does_not_consume_pending_request() -> None:
    harness = online().after(16)
    assert new_log_lines(harness.server("[ERROR] You are muted")) == ["You are muted"]
    harness.server("[SERVER] Active rooms: lobby (7)")
    assert harness.of(events.RoomsListed) == [events.RoomsListed((("lobby", 7),))]


def test_member_list_is_joined_from_many_lines() -> None:
    names = [f"user-{n:04}" for n in range(5000)]
    harness = online().types("/who").fresh()
    lines = replies.members("lobby", names)
    assert len(lines) > 40
    for line in lines:
        harness.server(f"[SERVER] {line}")
    received = harness.events()
    assert [e for e in received if isinstance(e, events.MembersListed)] == [
        events.MembersListed("lobby", tuple(names))
    ]
    assert len([e for e in received if isinstance(e, events.LogNotice)]) == len(lines)


def test_room_and_subscription_lists_are_joined_from_many_lines() -> None:
    counted = [("lobby", 0), *((f"room-{n:03}", n) for n in range(500))]
    harness = online().after(16).types("/subs").fresh()
    for line in replies.active_rooms(counted):
        harness.server(f"[SERVER] {line}")
    assert harness.of(events.RoomsListed) == [events.RoomsListed(tuple(counted))]
    names = [f"user-{n:03}" for n in range(500)]
    for line in replies.subscriptions(["*", *names]):
        harness.server(f"[SERVER] {line}")
    assert harness.of(events.SubscriptionsListed) == [events.SubscriptionsListed(("*", *names))]


def test_presence_notices_between_list_lines_update_the_list() -> None:
    harness = online().types("/who").fresh()
    harness.server(
        "[SERVER] In room 'lobby': alice, bob,",
        "[SERVER] zed joined room 'lobby'",
        "[SERVER] bob left room 'lobby'",
        "[SERVER] dave left room 'lobby'",
        "[SERVER] elsa joined room 'dev'",
        "[12:00:00] carol: in between",
        "[SERVER] In room 'lobby': carol, dave",
    )
    received = harness.events()
    assert [e for e in received if isinstance(e, events.MembersListed)] == [
        events.MembersListed("lobby", ("alice", "carol", "zed"))
    ]
    assert events.PersonJoined("zed", "lobby") in received
    assert len([e for e in received if isinstance(e, events.MessageArrived)]) == 1


def test_room_notices_between_list_lines_update_the_list() -> None:
    harness = online().after(16).fresh()
    harness.server(
        "[SERVER] Active rooms: lobby (1), a (1),",
        "[SERVER] Room 'a' closed",
        "[SERVER] Room 'b' opened",
        "[SERVER] Active rooms: z (2)",
    )
    assert harness.of(events.RoomsListed) == [
        events.RoomsListed((("lobby", 1), ("z", 2), ("b", None)))
    ]


def test_incomplete_list_is_dropped_at_next_reply() -> None:
    harness = online().after(16).types("/subs").fresh()
    harness.server("[SERVER] Active rooms: lobby (1),", "[SERVER] Subscriptions: none")
    received = harness.events()
    assert events.SubscriptionsListed(()) in received
    assert not [event for event in received if isinstance(event, events.RoomsListed)]


def test_skipped_request_is_reported_as_unanswered() -> None:
    harness = online().types("/who").types("/subs").fresh()
    harness.server("[SERVER] Subscriptions: none")
    assert new_log_lines(harness) == ["No answer to /who", "Subscriptions: none"]


def test_pending_request_times_out() -> None:
    harness = online().types("/who").fresh()
    for _ in range(6):
        harness.after(5).server("[12:00:00] bob: still here")
    assert new_log_lines(harness) == []
    assert new_log_lines(harness.after(1)) == ["No answer to /who"]


def test_late_reply_to_client_request_is_not_shown() -> None:
    harness = online().after(16)
    assert harness.sent() == ["/rooms"]
    for _ in range(7):
        harness.after(5).server("[12:00:00] bob: still here")
    harness.fresh().server("[SERVER] Active rooms: lobby (1),", "[SERVER] Active rooms: dev (1)")
    assert new_log_lines(harness) == []


def test_latency_is_measured_only_on_undelayed_reply() -> None:
    harness = online().after(16)
    harness.now += 0.025
    harness.server("[SERVER] Active rooms: lobby (1)")
    (trip,) = harness.of(events.LatencyMeasured)
    assert trip.seconds == pytest.approx(0.025)
    harness.types("hello").types("/subs")
    harness.server("[12:00:00] alice: hello", "[SERVER] Subscriptions: none")
    assert harness.of(events.LatencyMeasured) == []


def test_presence_changes_trigger_rate_limited_rooms_refresh() -> None:
    harness = online().after(3)
    for n in range(100):
        harness.server(f"[SERVER] user{n} joined room 'lobby'").after(0.01)
    assert harness.sent() == ["/rooms"]
    harness.server("[SERVER] Active rooms: lobby (101)", "[SERVER] Room 'dev' opened")
    assert harness.after(1).sent() == []
    assert harness.after(1).sent() == ["/rooms"]


def test_presence_notices_become_join_leave_and_room_events() -> None:
    harness = online().server(
        "[SERVER] bob joined room 'lobby'",
        "[SERVER] bob left room 'lobby'",
        "[SERVER] Room 'dev' opened",
        "[SERVER] Room 'dev' closed",
        "[SERVER] alice joined room 'lobby'",
    )
    assert harness.events() == [
        events.PersonJoined("bob", "lobby"),
        events.PersonLeft("bob", "lobby"),
        events.RoomOpened("dev"),
        events.RoomClosed("dev"),
    ]


def test_client_polls_members_if_presence_is_off() -> None:
    harness = online().types("/presence off").server("[SERVER] Presence off").fresh()
    assert harness.after(16).sent() == ["/rooms", "/who"]


def test_silent_server_gets_heartbeat_and_is_then_lost() -> None:
    harness = online().after(16)
    assert harness.sent() == ["/rooms"]
    harness.after(4)
    assert harness.sent() == []  # the room request counts as the heartbeat
    harness.after(9.9)
    assert harness.ending() is None
    harness.after(0.2)
    assert harness.ending() is EndReason.LOST
    assert harness.protocol.final_message == "The server does not answer any more"


def test_any_received_byte_keeps_connection_alive() -> None:
    harness = online()
    for _ in range(20):
        harness.after(19)
        harness.protocol.bytes_received(harness.now)
    assert harness.ending() is None


def test_typed_quit_signs_out_instead_of_losing_connection() -> None:
    harness = online().types("/quit")
    assert harness.sent() == ["/quit"]
    harness.server("[SERVER] Goodbye")
    assert harness.events() == [events.SignedOut("Goodbye", requested=True)]
    assert harness.ending() is EndReason.SIGNED_OUT
    assert harness.breaks().events() == []


def test_connection_loss_after_quit_counts_as_sign_out() -> None:
    harness = online().types("last words").types("/quit").fresh()
    harness.breaks()
    assert harness.events() == [
        events.MessageUnconfirmed(1),
        events.SignedOut("Goodbye", requested=True),
    ]


def test_unrequested_goodbye_is_shown_as_line() -> None:
    harness = online().server("[SERVER] Goodbye")
    assert new_log_lines(harness) == ["Goodbye"]
    assert harness.ending() is None


@pytest.mark.parametrize(
    "line",
    [
        replies.LOGGED_OUT_BY_NEW_LOGIN,
        replies.LOGGED_OUT_ACCOUNT_REMOVED,
        "Logged out: kicked by bob",
    ],
)
def test_forced_logout_signs_out_with_reason(line: str) -> None:
    harness = online().server(f"[SERVER] {line}", "[12:00:00] bob: too late")
    assert harness.events() == [events.SignedOut(line)]
    assert harness.ending() is EndReason.SIGNED_OUT
    assert harness.breaks().events() == []


def test_shutdown_notice_becomes_reason_of_lost_connection() -> None:
    harness = online().server("[SERVER] Server is shutting down")
    assert harness.events() == [events.LogNotice("Server is shutting down", "notice")]
    harness.breaks("the server closed the connection")
    assert harness.ending() is EndReason.LOST
    assert harness.protocol.final_message == "Server is shutting down"


def test_oversize_server_line_is_shown_as_error() -> None:
    harness = online()
    harness.protocol.receive_oversize(harness.now)
    (line,) = harness.of(events.LogNotice)
    assert line.kind == "error"


@given(st.lists(st.text(max_size=80), max_size=30))
def test_arbitrary_server_lines_never_break_protocol(lines: list[str]) -> None:
    for harness in (ProtocolHarness(), online().types("/who").clicks("dev").types("x")):
        for line in lines:
            harness.server(line, f"[SERVER] {line}", f"[ERROR] {line}", f"[12:00:00] {line}")
        harness.after(40).breaks()
        assert harness.ending() is not None

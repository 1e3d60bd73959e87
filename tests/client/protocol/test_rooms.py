"""Room changes: no text may reach a room other than the one that it was typed for."""

from __future__ import annotations

from chat_server.wire import replies
from chat_tui import events
from chat_tui.protocol import EndReason
from chat_tui.protocol.restore_target import RestoreTarget
from tests.support.protocol_harness import ProtocolHarness, online


def answer_room_requests(harness: ProtocolHarness, room: str) -> ProtocolHarness:
    """Answer the requests that the client makes after it has joined a room."""
    assert harness.sent() == ["/who", "/rooms"]
    harness.server(f"[SERVER] In room '{room}': alice", "[SERVER] Active rooms: lobby (0)")
    return harness.fresh()


def test_room_click_joins_without_showing_reply() -> None:
    harness = online().clicks("dev")
    assert harness.sent() == ["/join dev"]
    assert harness.events() == []
    harness.server("[SERVER] Joined room 'dev'")
    received = harness.events()
    assert events.Joined("dev") in received
    assert not [event for event in received if isinstance(event, events.LogNotice)]
    answer_room_requests(harness, "dev")


def test_text_typed_after_room_click_waits_for_join_reply() -> None:
    harness = online().clicks("dev").types("hello dev").types("/rooms").types("more")
    assert harness.sent() == ["/join dev"]
    assert harness.of(events.MessagePending) == []
    harness.server("[SERVER] Joined room 'dev'")
    assert harness.of(events.MessagePending) == [
        events.MessagePending(1, "dev", "hello dev"),
        events.MessagePending(2, "dev", "more"),
    ]
    assert harness.sent() == ["/who", "/rooms", "hello dev", "/rooms", "more"]


def test_queued_text_is_reported_for_storage() -> None:
    harness = (
        online().clicks("dev").types("hello").types("//slash").clicks("ops").types("/me waves")
    )
    harness.types("psst", "bob")
    reported = [
        e for e in harness.protocol.take_events() if isinstance(e, events.QueuedTextChanged)
    ]
    assert reported[-1].texts == {"dev": "hello\n/slash", "ops": "/me waves", "@bob": "psst"}
    harness.server("[SERVER] Joined room 'dev'")
    reported = [
        e for e in harness.protocol.take_events() if isinstance(e, events.QueuedTextChanged)
    ]
    assert reported[-1].texts == {"ops": "/me waves", "@bob": "psst"}
    harness.breaks()
    reported = [
        e for e in harness.protocol.take_events() if isinstance(e, events.QueuedTextChanged)
    ]
    assert reported[-1].texts == {}


def test_text_typed_before_room_click_goes_to_old_room() -> None:
    harness = online().types("in the lobby").clicks("dev")
    assert harness.sent() == ["in the lobby", "/join dev"]
    assert harness.of(events.MessagePending) == [events.MessagePending(1, "lobby", "in the lobby")]
    harness.server("[12:00:00] alice: in the lobby", "[SERVER] Joined room 'dev'")
    assert harness.of(events.MessageSent) == [events.MessageSent(1, "12:00:00")]


def test_failed_join_returns_queued_text() -> None:
    harness = online().clicks("dev").types("hello").types("//slash").fresh()
    harness.server("[ERROR] Invalid room name: dev")
    assert harness.events() == [
        events.JoinFailed("dev", "Invalid room name: dev"),
        events.TextReturned("hello\n/slash", "Invalid room name: dev"),
    ]
    assert harness.sent() == []


def test_join_of_room_that_looks_like_an_open_one_fails_with_its_name() -> None:
    harness = online().clicks("dev").types("hello").fresh()
    refusal = replies.similar_room("dev", "Dev")
    harness.server(f"[ERROR] {refusal}")
    assert refusal == "Can't open dev: it looks like room 'Dev'"
    assert harness.events() == [
        events.JoinFailed("dev", refusal),
        events.TextReturned("hello", refusal),
    ]
    assert harness.clicks("Dev").sent() == ["/join Dev"]


def test_returned_single_text_keeps_slash_escape() -> None:
    harness = online().clicks("dev").types("//slash").fresh()
    (returned,) = harness.server("[ERROR] Invalid room name: dev").of(events.TextReturned)
    assert returned.text == "//slash"


def test_unknown_join_error_counts_as_failure() -> None:
    harness = online().clicks("dev").types("hello").fresh()
    harness.server("[ERROR] Room 'dev' is private")
    assert harness.events() == [
        events.JoinFailed("dev", "Room 'dev' is private"),
        events.TextReturned("hello", "Room 'dev' is private"),
    ]


def test_typed_join_shows_reply_in_new_room() -> None:
    harness = online().types("/join dev").types("hello")
    assert harness.sent() == ["/join dev"]
    harness.server("[SERVER] Joined room 'dev'")
    received = harness.events()
    shown = events.LogNotice("Joined room 'dev'", "reply")
    assert received.index(events.Joined("dev")) < received.index(shown)
    assert events.MessagePending(1, "dev", "hello") in received


def test_failed_typed_join_is_reported_once() -> None:
    harness = online().types("/join a b").types("hello")
    harness.server("[ERROR] Usage: /join <room>")
    assert harness.events() == [
        events.JoinFailed("", "Usage: /join <room>"),
        events.TextReturned("hello", "Usage: /join <room>"),
    ]


def test_leave_joins_lobby() -> None:
    harness = online(RestoreTarget("dev"), room="dev").types("/leave").types("hello")
    assert harness.sent() == ["/leave"]
    harness.server("[SERVER] Joined room 'lobby'")
    assert harness.of(events.MessagePending) == [events.MessagePending(1, "lobby", "hello")]


def test_already_in_room_reply_confirms_join() -> None:
    harness = online().types("/join lobby").types("hello").fresh()
    harness.server("[SERVER] You are already in room 'lobby'")
    received = harness.events()
    assert events.Joined("lobby") in received
    assert events.MessagePending(1, "lobby", "hello") in received


def test_click_on_current_room_sends_nothing() -> None:
    harness = online().clicks("lobby")
    assert harness.sent() == []
    assert harness.events() == [events.Joined("lobby")]


def test_successive_room_clicks_join_only_first_and_last() -> None:
    harness = online().clicks("a").clicks("b").clicks("c").clicks("d")
    assert harness.sent() == ["/join a"]
    harness.server("[SERVER] Joined room 'a'")
    assert harness.sent() == ["/who", "/rooms", "/join d"]


def test_text_typed_between_room_clicks_goes_to_first_room() -> None:
    harness = online().clicks("a").types("for a").clicks("b").types("for b")
    assert harness.sent() == ["/join a"]
    harness.server("[SERVER] Joined room 'a'")
    assert harness.sent() == ["/who", "/rooms", "for a", "/join b"]
    harness.server("[SERVER] In room 'a': alice", "[SERVER] Active rooms: lobby (0), a (1)")
    harness.server("[12:00:00] alice: for a", "[SERVER] Joined room 'b'")
    assert harness.of(events.MessagePending) == [
        events.MessagePending(1, "a", "for a"),
        events.MessagePending(2, "b", "for b"),
    ]


def test_failed_join_returns_only_text_for_that_room() -> None:
    harness = online().clicks("a").types("for a").types("/subs").clicks("b").types("for b").fresh()
    harness.server("[ERROR] Invalid room name: a")
    (returned,) = harness.of(events.TextReturned)
    assert returned.text == "for a"
    assert harness.sent() == ["/subs", "/join b"]
    harness.server("[SERVER] Subscriptions: alice", "[SERVER] Joined room 'b'")
    assert harness.of(events.MessagePending) == [events.MessagePending(1, "b", "for b")]


def test_unanswered_join_times_out_and_returns_queued_text() -> None:
    harness = online().clicks("dev").types("hello").fresh()
    for _ in range(6):
        harness.after(5).server("[12:00:00] bob: still here")
    assert harness.of(events.TextReturned) == []
    harness.after(1)
    received = harness.events()
    assert events.JoinFailed("dev", "The server did not answer") in received
    assert events.TextReturned("hello", "The server did not answer") in received
    # Late, but the client follows the server.
    assert harness.server("[SERVER] Joined room 'dev'").of(events.Joined) == [events.Joined("dev")]


def test_reply_to_later_request_fails_unanswered_join() -> None:
    harness = online().clicks("dev").types("hello").toggles("bob").fresh()
    harness.server("[SERVER] Subscribed to bob")
    received = harness.events()
    assert events.TextReturned("hello", "The server did not answer") in received
    assert events.Followed("bob") in received


def test_slow_server_does_not_time_out_join() -> None:
    """A server that takes our lines at its rate limit makes progress, so no request expires."""
    harness = online()
    for n in range(40):
        harness.types(f"line {n}")
    harness.clicks("dev").types("in dev").fresh()
    for n in range(40):
        harness.after(2).server(f"[12:00:00] alice: line {n}")
    assert harness.of(events.TextReturned) == []
    harness.after(2).server("[SERVER] Joined room 'dev'")
    assert harness.of(events.MessagePending) == [events.MessagePending(41, "dev", "in dev")]


def test_click_on_invalid_room_name_fails_without_request() -> None:
    harness = online().clicks("no such room").clicks("").clicks("x" * 33).clicks("none")
    assert harness.sent() == []
    assert harness.of(events.JoinFailed) == [
        events.JoinFailed("no such room", "Invalid room name: no such room"),
        events.JoinFailed("", "Invalid room name: "),
        events.JoinFailed("x" * 33, f"Invalid room name: {'x' * 33}"),
        events.JoinFailed("none", "Invalid room name: none"),
    ]


def test_clicked_room_name_is_canonicalized() -> None:
    assert online().clicks(" Cafe\u0301 ").sent() == ["/join Caf\u00e9"]


def test_unrequested_join_notice_changes_room() -> None:
    harness = online().server("[SERVER] Joined room 'jail'", "[12:00:00] bob: hi")
    received = harness.events()
    assert events.Joined("jail") in received
    assert events.LogNotice("Joined room 'jail'", "reply") in received
    assert harness.types("hi").of(events.MessagePending) == [events.MessagePending(1, "jail", "hi")]


def test_connection_loss_during_join_returns_queued_text() -> None:
    harness = online().clicks("dev").types("one").types("two").fresh()
    harness.breaks()
    assert harness.ending() is EndReason.LOST
    assert harness.events() == [
        events.TextReturned("one\ntwo", "The connection was lost: it was not sent")
    ]
    assert harness.protocol.restore_target.room == "dev"


def test_connection_loss_during_join_returns_queued_command() -> None:
    harness = online().clicks("dev").types("/subs").fresh()
    assert [e.text for e in harness.breaks().of(events.TextReturned)] == ["/subs"]


def test_connection_loss_returns_queued_text_and_reports_queued_commands() -> None:
    harness = online().clicks("dev").types("one").types("/msg bob psst").types("two").fresh()
    assert harness.breaks().events() == [
        events.TextReturned("one\ntwo", "The connection was lost: it was not sent"),
        events.LogNotice("Not sent: /msg bob psst", "error"),
    ]


def test_restore_target_is_last_requested_room() -> None:
    harness = online().clicks("a").types("for a").types("/join b").types("for b").clicks("c")
    assert harness.protocol.restore_target.room == "c"
    assert (
        online(RestoreTarget("dev"), room="dev").types("/join a/b").protocol.restore_target.room
        == "dev"
    )
    assert (
        online(RestoreTarget("dev"), room="dev").types("/leave").protocol.restore_target.room
        == "lobby"
    )


def test_message_that_imitates_join_reply_is_not_reply() -> None:
    harness = online().clicks("dev").types("hello").fresh()
    harness.server(
        "[12:00:00] bob: [SERVER] Joined room 'dev'", "[12:00:00] bob: Joined room 'dev'"
    )
    assert [type(event) for event in harness.events()] == [events.MessageArrived] * 2
    assert harness.sent() == []


def test_presence_notices_do_not_answer_join() -> None:
    harness = online().clicks("dev").types("hello").fresh()
    harness.server(
        "[SERVER] bob joined room 'lobby'",
        "[SERVER] bob left room 'lobby'",
        "[SERVER] Room 'dev' opened",
        "[SERVER] Room 'dev' closed",
        "[SERVER] Server is shutting down",
    )
    assert harness.sent() == []
    assert harness.of(events.TextReturned) == []

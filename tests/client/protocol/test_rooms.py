"""Changing rooms, sans I/O: nothing typed may land in a room that it was not meant for."""

from __future__ import annotations

from chat_tui import events
from chat_tui.protocol import EndReason
from chat_tui.protocol.restore_target import RestoreTarget
from tests.support.protocol_harness import ProtocolHarness, online


def asked_for_the_new_room(talk: ProtocolHarness, room: str) -> ProtocolHarness:
    """Answer what is asked on entering a room."""
    assert talk.sent() == ["/who", "/rooms"]
    talk.server(f"[SERVER] In room '{room}': alice", "[SERVER] Active rooms: lobby (0)")
    return talk.fresh()


def test_room_click_joins_without_showing_reply() -> None:
    talk = online().clicks("dev")
    assert talk.sent() == ["/join dev"]
    assert talk.events() == []
    talk.server("[SERVER] Joined room 'dev'")
    learned = talk.events()
    assert events.Joined("dev") in learned
    assert not [event for event in learned if isinstance(event, events.LogNotice)]
    asked_for_the_new_room(talk, "dev")


def test_text_typed_after_room_click_waits_for_join_reply() -> None:
    talk = online().clicks("dev").types("hello dev").types("/rooms").types("more")
    assert talk.sent() == ["/join dev"]
    assert talk.of(events.MessagePending) == []
    talk.server("[SERVER] Joined room 'dev'")
    assert talk.of(events.MessagePending) == [
        events.MessagePending(1, "dev", "hello dev"),
        events.MessagePending(2, "dev", "more"),
    ]
    assert talk.sent() == ["/who", "/rooms", "hello dev", "/rooms", "more"]


def test_queued_text_is_reported_for_storage() -> None:
    talk = online().clicks("dev").types("hello").types("//slash").clicks("ops").types("/me waves")
    talk.types("psst", "bob")
    told = [e for e in talk.dialogue.take_events() if isinstance(e, events.QueuedTextChanged)]
    assert told[-1].texts == {"dev": "hello\n/slash", "ops": "/me waves", "@bob": "psst"}
    talk.server("[SERVER] Joined room 'dev'")
    told = [e for e in talk.dialogue.take_events() if isinstance(e, events.QueuedTextChanged)]
    assert told[-1].texts == {"ops": "/me waves", "@bob": "psst"}
    talk.breaks()
    told = [e for e in talk.dialogue.take_events() if isinstance(e, events.QueuedTextChanged)]
    assert told[-1].texts == {}


def test_text_typed_before_room_click_goes_to_old_room() -> None:
    talk = online().types("in the lobby").clicks("dev")
    assert talk.sent() == ["in the lobby", "/join dev"]
    assert talk.of(events.MessagePending) == [events.MessagePending(1, "lobby", "in the lobby")]
    talk.server("[12:00:00] alice: in the lobby", "[SERVER] Joined room 'dev'")
    assert talk.of(events.MessageSent) == [events.MessageSent(1, "12:00:00")]


def test_failed_join_returns_queued_text() -> None:
    talk = online().clicks("dev").types("hello").types("//slash").fresh()
    talk.server("[ERROR] Invalid room name: dev")
    assert talk.events() == [
        events.JoinFailed("dev", "Invalid room name: dev"),
        events.TextReturned("hello\n/slash", "Invalid room name: dev"),
    ]
    assert talk.sent() == []


def test_returned_single_text_keeps_slash_escape() -> None:
    talk = online().clicks("dev").types("//slash").fresh()
    (returned,) = talk.server("[ERROR] Invalid room name: dev").of(events.TextReturned)
    assert returned.text == "//slash"


def test_unknown_join_error_counts_as_failure() -> None:
    talk = online().clicks("dev").types("hello").fresh()
    talk.server("[ERROR] Room 'dev' is private")
    assert talk.events() == [
        events.JoinFailed("dev", "Room 'dev' is private"),
        events.TextReturned("hello", "Room 'dev' is private"),
    ]


def test_typed_join_shows_reply_in_new_room() -> None:
    talk = online().types("/join dev").types("hello")
    assert talk.sent() == ["/join dev"]
    talk.server("[SERVER] Joined room 'dev'")
    learned = talk.events()
    shown = events.LogNotice("Joined room 'dev'", "reply")
    assert learned.index(events.Joined("dev")) < learned.index(shown)
    assert events.MessagePending(1, "dev", "hello") in learned


def test_failed_typed_join_is_reported_once() -> None:
    talk = online().types("/join a b").types("hello")
    talk.server("[ERROR] Usage: /join <room>")
    assert talk.events() == [
        events.JoinFailed("", "Usage: /join <room>"),
        events.TextReturned("hello", "Usage: /join <room>"),
    ]


def test_leave_joins_lobby() -> None:
    talk = online(RestoreTarget("dev"), room="dev").types("/leave").types("hello")
    assert talk.sent() == ["/leave"]
    talk.server("[SERVER] Joined room 'lobby'")
    assert talk.of(events.MessagePending) == [events.MessagePending(1, "lobby", "hello")]


def test_already_in_room_reply_confirms_join() -> None:
    talk = online().types("/join lobby").types("hello").fresh()
    talk.server("[SERVER] You are already in room 'lobby'")
    learned = talk.events()
    assert events.Joined("lobby") in learned
    assert events.MessagePending(1, "lobby", "hello") in learned


def test_click_on_current_room_sends_nothing() -> None:
    talk = online().clicks("lobby")
    assert talk.sent() == []
    assert talk.events() == [events.Joined("lobby")]


def test_successive_room_clicks_join_only_first_and_last() -> None:
    talk = online().clicks("a").clicks("b").clicks("c").clicks("d")
    assert talk.sent() == ["/join a"]
    talk.server("[SERVER] Joined room 'a'")
    assert talk.sent() == ["/who", "/rooms", "/join d"]


def test_text_typed_between_room_clicks_goes_to_first_room() -> None:
    talk = online().clicks("a").types("for a").clicks("b").types("for b")
    assert talk.sent() == ["/join a"]
    talk.server("[SERVER] Joined room 'a'")
    assert talk.sent() == ["/who", "/rooms", "for a", "/join b"]
    talk.server("[SERVER] In room 'a': alice", "[SERVER] Active rooms: lobby (0), a (1)")
    talk.server("[12:00:00] alice: for a", "[SERVER] Joined room 'b'")
    assert talk.of(events.MessagePending) == [
        events.MessagePending(1, "a", "for a"),
        events.MessagePending(2, "b", "for b"),
    ]


def test_failed_join_returns_only_text_for_that_room() -> None:
    talk = online().clicks("a").types("for a").types("/subs").clicks("b").types("for b").fresh()
    talk.server("[ERROR] Invalid room name: a")
    (returned,) = talk.of(events.TextReturned)
    assert returned.text == "for a"
    assert talk.sent() == ["/subs", "/join b"]
    talk.server("[SERVER] Subscriptions: alice", "[SERVER] Joined room 'b'")
    assert talk.of(events.MessagePending) == [events.MessagePending(1, "b", "for b")]


def test_unanswered_join_times_out_and_returns_queued_text() -> None:
    talk = online().clicks("dev").types("hello").fresh()
    for _ in range(6):
        talk.after(5).server("[12:00:00] bob: still here")
    assert talk.of(events.TextReturned) == []
    talk.after(1)
    learned = talk.events()
    assert events.JoinFailed("dev", "The server did not answer") in learned
    assert events.TextReturned("hello", "The server did not answer") in learned
    # Too late, but so it is.
    assert talk.server("[SERVER] Joined room 'dev'").of(events.Joined) == [events.Joined("dev")]


def test_reply_to_later_request_fails_unanswered_join() -> None:
    talk = online().clicks("dev").types("hello").toggles("bob").fresh()
    talk.server("[SERVER] Subscribed to bob")
    learned = talk.events()
    assert events.TextReturned("hello", "The server did not answer") in learned
    assert events.Followed("bob") in learned


def test_slow_server_does_not_time_out_join() -> None:
    """Our lines wait there at the rate that it allows: as long as it takes some, all is well."""
    talk = online()
    for n in range(40):
        talk.types(f"line {n}")
    talk.clicks("dev").types("in dev").fresh()
    for n in range(40):
        talk.after(2).server(f"[12:00:00] alice: line {n}")
    assert talk.of(events.TextReturned) == []
    talk.after(2).server("[SERVER] Joined room 'dev'")
    assert talk.of(events.MessagePending) == [events.MessagePending(41, "dev", "in dev")]


def test_click_on_invalid_room_name_fails_without_request() -> None:
    talk = online().clicks("no such room").clicks("").clicks("x" * 33).clicks("none")
    assert talk.sent() == []
    assert talk.of(events.JoinFailed) == [
        events.JoinFailed("no such room", "Invalid room name: no such room"),
        events.JoinFailed("", "Invalid room name: "),
        events.JoinFailed("x" * 33, f"Invalid room name: {'x' * 33}"),
        events.JoinFailed("none", "Invalid room name: none"),
    ]


def test_clicked_room_name_is_canonicalized() -> None:
    assert online().clicks(" Cafe\u0301 ").sent() == ["/join Caf\u00e9"]


def test_unrequested_join_notice_changes_room() -> None:
    talk = online().server("[SERVER] Joined room 'jail'", "[12:00:00] bob: hi")
    learned = talk.events()
    assert events.Joined("jail") in learned
    assert events.LogNotice("Joined room 'jail'", "reply") in learned
    assert talk.types("hi").of(events.MessagePending) == [events.MessagePending(1, "jail", "hi")]


def test_connection_loss_during_join_returns_queued_text() -> None:
    talk = online().clicks("dev").types("one").types("two").fresh()
    talk.breaks()
    assert talk.ending() is EndReason.LOST
    assert talk.events() == [
        events.TextReturned("one\ntwo", "The connection was lost: it was not sent")
    ]
    assert talk.dialogue.restore_target.room == "dev"


def test_connection_loss_during_join_returns_queued_command() -> None:
    talk = online().clicks("dev").types("/subs").fresh()
    assert [e.text for e in talk.breaks().of(events.TextReturned)] == ["/subs"]


def test_connection_loss_returns_queued_text_and_reports_queued_commands() -> None:
    talk = online().clicks("dev").types("one").types("/msg bob psst").types("two").fresh()
    assert talk.breaks().events() == [
        events.TextReturned("one\ntwo", "The connection was lost: it was not sent"),
        events.LogNotice("Not sent: /msg bob psst", "error"),
    ]


def test_restore_target_is_last_requested_room() -> None:
    talk = online().clicks("a").types("for a").types("/join b").types("for b").clicks("c")
    assert talk.dialogue.restore_target.room == "c"
    assert (
        online(RestoreTarget("dev"), room="dev").types("/join a/b").dialogue.restore_target.room
        == "dev"
    )
    assert (
        online(RestoreTarget("dev"), room="dev").types("/leave").dialogue.restore_target.room
        == "lobby"
    )


def test_message_that_imitates_join_reply_is_not_reply() -> None:
    talk = online().clicks("dev").types("hello").fresh()
    talk.server("[12:00:00] bob: [SERVER] Joined room 'dev'", "[12:00:00] bob: Joined room 'dev'")
    assert [type(event) for event in talk.events()] == [events.MessageArrived] * 2
    assert talk.sent() == []


def test_presence_notices_do_not_answer_join() -> None:
    talk = online().clicks("dev").types("hello").fresh()
    talk.server(
        "[SERVER] bob joined room 'lobby'",
        "[SERVER] bob left room 'lobby'",
        "[SERVER] Room 'dev' opened",
        "[SERVER] Room 'dev' closed",
        "[SERVER] Server is shutting down",
    )
    assert talk.sent() == []
    assert talk.of(events.TextReturned) == []

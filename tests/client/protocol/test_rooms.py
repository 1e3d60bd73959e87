"""Changing rooms, sans I/O: nothing typed may land in a room that it was not meant for."""

from __future__ import annotations

from chat_tui import events
from chat_tui.protocol import Ending
from chat_tui.protocol.restore_target import Wish
from tests.support.protocol_harness import Talk, online


def asked_for_the_new_room(talk: Talk, room: str) -> Talk:
    """Answer what is asked on entering a room."""
    assert talk.sent() == ["/who", "/rooms"]
    talk.server(f"[SERVER] In room '{room}': alice", "[SERVER] Active rooms: lobby (0)")
    return talk.fresh()


def test_a_click_joins_and_shows_no_server_line() -> None:
    talk = online().clicks("dev")
    assert talk.sent() == ["/join dev"]
    assert talk.events() == []
    talk.server("[SERVER] Joined room 'dev'")
    learned = talk.events()
    assert events.Joined("dev") in learned
    assert not [event for event in learned if isinstance(event, events.ServerLine)]
    asked_for_the_new_room(talk, "dev")


def test_what_is_typed_after_a_click_waits_for_the_answer() -> None:
    talk = online().clicks("dev").types("hello dev").types("/rooms").types("more")
    assert talk.sent() == ["/join dev"]
    assert talk.of(events.OwnPending) == []
    talk.server("[SERVER] Joined room 'dev'")
    assert talk.of(events.OwnPending) == [
        events.OwnPending(1, "dev", "hello dev"),
        events.OwnPending(2, "dev", "more"),
    ]
    assert talk.sent() == ["/who", "/rooms", "hello dev", "/rooms", "more"]


def test_what_waits_is_told_so_that_it_can_be_kept() -> None:
    talk = online().clicks("dev").types("hello").types("//slash").clicks("ops").types("/me waves")
    talk.dialogue.submit("psst", talk.now, "bob")
    told = [e for e in talk.dialogue.take_events() if isinstance(e, events.WordsWaiting)]
    assert told[-1].texts == {"dev": "hello\n/slash", "ops": "/me waves", "@bob": "psst"}
    talk.server("[SERVER] Joined room 'dev'")
    told = [e for e in talk.dialogue.take_events() if isinstance(e, events.WordsWaiting)]
    assert told[-1].texts == {"ops": "/me waves", "@bob": "psst"}
    talk.breaks()
    told = [e for e in talk.dialogue.take_events() if isinstance(e, events.WordsWaiting)]
    assert told[-1].texts == {}


def test_what_was_typed_before_a_click_is_said_in_the_old_room() -> None:
    talk = online().types("in the lobby").clicks("dev")
    assert talk.sent() == ["in the lobby", "/join dev"]
    assert talk.of(events.OwnPending) == [events.OwnPending(1, "lobby", "in the lobby")]
    talk.server("[12:00:00] alice: in the lobby", "[SERVER] Joined room 'dev'")
    assert talk.of(events.OwnSent) == [events.OwnSent(1, "12:00:00")]


def test_a_refused_click_gives_back_what_was_typed() -> None:
    talk = online().clicks("dev").types("hello").types("//slash").fresh()
    talk.server("[ERROR] Invalid room name: dev")
    assert talk.events() == [
        events.JoinFailed("dev", "Invalid room name: dev"),
        events.TextReturned("hello\n/slash", "Invalid room name: dev"),
    ]
    assert talk.sent() == []


def test_a_single_text_comes_back_as_it_has_to_be_typed() -> None:
    talk = online().clicks("dev").types("//slash").fresh()
    (returned,) = talk.server("[ERROR] Invalid room name: dev").of(events.TextReturned)
    assert returned.text == "//slash"


def test_a_refusal_in_words_of_another_time_is_a_refusal() -> None:
    talk = online().clicks("dev").types("hello").fresh()
    talk.server("[ERROR] Room 'dev' is private")
    assert talk.events() == [
        events.JoinFailed("dev", "Room 'dev' is private"),
        events.TextReturned("hello", "Room 'dev' is private"),
    ]


def test_a_typed_join_shows_its_answer_in_the_new_room() -> None:
    talk = online().types("/join dev").types("hello")
    assert talk.sent() == ["/join dev"]
    talk.server("[SERVER] Joined room 'dev'")
    learned = talk.events()
    shown = events.ServerLine("Joined room 'dev'", "reply")
    assert learned.index(events.Joined("dev")) < learned.index(shown)
    assert events.OwnPending(1, "dev", "hello") in learned


def test_a_typed_join_that_is_refused_is_said_once() -> None:
    talk = online().types("/join a b").types("hello")
    talk.server("[ERROR] Usage: /join <room>")
    assert talk.events() == [
        events.JoinFailed("", "Usage: /join <room>"),
        events.TextReturned("hello", "Usage: /join <room>"),
    ]


def test_leave_is_a_join_of_the_lobby() -> None:
    talk = online(Wish("dev"), room="dev").types("/leave").types("hello")
    assert talk.sent() == ["/leave"]
    talk.server("[SERVER] Joined room 'lobby'")
    assert talk.of(events.OwnPending) == [events.OwnPending(1, "lobby", "hello")]


def test_already_there_is_an_answer_too() -> None:
    talk = online().types("/join lobby").types("hello").fresh()
    talk.server("[SERVER] You are already in room 'lobby'")
    learned = talk.events()
    assert events.Joined("lobby") in learned
    assert events.OwnPending(1, "lobby", "hello") in learned


def test_a_click_on_the_room_where_one_is_asks_nothing() -> None:
    talk = online().clicks("lobby")
    assert talk.sent() == []
    assert talk.events() == [events.Joined("lobby")]


def test_of_rooms_clicked_in_a_row_only_first_and_last_are_gone_to() -> None:
    talk = online().clicks("a").clicks("b").clicks("c").clicks("d")
    assert talk.sent() == ["/join a"]
    talk.server("[SERVER] Joined room 'a'")
    assert talk.sent() == ["/who", "/rooms", "/join d"]


def test_what_is_typed_between_two_clicks_is_said_in_the_first_room() -> None:
    talk = online().clicks("a").types("for a").clicks("b").types("for b")
    assert talk.sent() == ["/join a"]
    talk.server("[SERVER] Joined room 'a'")
    assert talk.sent() == ["/who", "/rooms", "for a", "/join b"]
    talk.server("[SERVER] In room 'a': alice", "[SERVER] Active rooms: lobby (0), a (1)")
    talk.server("[12:00:00] alice: for a", "[SERVER] Joined room 'b'")
    assert talk.of(events.OwnPending) == [
        events.OwnPending(1, "a", "for a"),
        events.OwnPending(2, "b", "for b"),
    ]


def test_a_refused_room_gives_back_only_what_was_meant_for_it() -> None:
    talk = online().clicks("a").types("for a").types("/subs").clicks("b").types("for b").fresh()
    talk.server("[ERROR] Invalid room name: a")
    (returned,) = talk.of(events.TextReturned)
    assert returned.text == "for a"
    assert talk.sent() == ["/subs", "/join b"]
    talk.server("[SERVER] Subscriptions: alice", "[SERVER] Joined room 'b'")
    assert talk.of(events.OwnPending) == [events.OwnPending(1, "b", "for b")]


def test_a_join_that_is_never_answered_gives_back_what_waits() -> None:
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


def test_a_later_answer_shows_that_a_join_will_not_be_answered() -> None:
    talk = online().clicks("dev").types("hello").toggles("bob").fresh()
    talk.server("[SERVER] Subscribed to bob")
    learned = talk.events()
    assert events.TextReturned("hello", "The server did not answer") in learned
    assert events.Followed("bob") in learned


def test_a_slow_server_is_no_silent_one() -> None:
    """Our lines wait there at the rate that it allows: as long as it takes some, all is well."""
    talk = online()
    for n in range(40):
        talk.types(f"line {n}")
    talk.clicks("dev").types("in dev").fresh()
    for n in range(40):
        talk.after(2).server(f"[12:00:00] alice: line {n}")
    assert talk.of(events.TextReturned) == []
    talk.after(2).server("[SERVER] Joined room 'dev'")
    assert talk.of(events.OwnPending) == [events.OwnPending(41, "dev", "in dev")]


def test_an_impossible_room_is_not_even_asked_for() -> None:
    talk = online().clicks("no such room").clicks("").clicks("x" * 33).clicks("none")
    assert talk.sent() == []
    assert talk.of(events.JoinFailed) == [
        events.JoinFailed("no such room", "Invalid room name: no such room"),
        events.JoinFailed("", "Invalid room name: "),
        events.JoinFailed("x" * 33, f"Invalid room name: {'x' * 33}"),
        events.JoinFailed("none", "Invalid room name: none"),
    ]


def test_a_room_name_is_brought_to_its_one_form() -> None:
    assert online().clicks(" Cafe\u0301 ").sent() == ["/join Caf\u00e9"]


def test_moved_by_the_server_of_its_own_accord() -> None:
    talk = online().server("[SERVER] Joined room 'jail'", "[12:00:00] bob: hi")
    learned = talk.events()
    assert events.Joined("jail") in learned
    assert events.ServerLine("Joined room 'jail'", "reply") in learned
    assert talk.types("hi").of(events.OwnPending) == [events.OwnPending(1, "jail", "hi")]


def test_lost_on_the_way_to_a_room() -> None:
    talk = online().clicks("dev").types("one").types("two").fresh()
    talk.breaks()
    assert talk.ending() is Ending.LOST
    assert talk.events() == [
        events.TextReturned("one\ntwo", "The connection was lost: it was not sent")
    ]
    assert talk.dialogue.wish.room == "dev"


def test_lost_with_a_command_that_was_still_waiting() -> None:
    talk = online().clicks("dev").types("/subs").fresh()
    assert [e.text for e in talk.breaks().of(events.TextReturned)] == ["/subs"]


def test_lost_with_text_and_commands_waiting_never_mixes_them() -> None:
    talk = online().clicks("dev").types("one").types("/msg bob psst").types("two").fresh()
    assert talk.breaks().events() == [
        events.TextReturned("one\ntwo", "The connection was lost: it was not sent"),
        events.ServerLine("Not sent: /msg bob psst", "error"),
    ]


def test_the_last_room_wanted_is_the_one_to_come_back_to() -> None:
    talk = online().clicks("a").types("for a").types("/join b").types("for b").clicks("c")
    assert talk.dialogue.wish.room == "c"
    assert online(Wish("dev"), room="dev").types("/join a/b").dialogue.wish.room == "dev"
    assert online(Wish("dev"), room="dev").types("/leave").dialogue.wish.room == "lobby"


def test_a_message_that_looks_like_an_answer_is_a_message() -> None:
    talk = online().clicks("dev").types("hello").fresh()
    talk.server("[12:00:00] bob: [SERVER] Joined room 'dev'", "[12:00:00] bob: Joined room 'dev'")
    assert [type(event) for event in talk.events()] == [events.MessageArrived] * 2
    assert talk.sent() == []


def test_no_notice_is_an_answer() -> None:
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

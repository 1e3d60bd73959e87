"""The model: how events change it."""

from __future__ import annotations

from datetime import datetime

import pytest

from chat_server.wire.protocol import Action, Message, PrivateMessage
from chat_tui import events
from chat_tui.events import ConnectionState
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.entries import Entry, EntryKind, EntryState
from chat_tui.model.location import Location
from chat_tui.model.panes import Pane

NOW = datetime(2026, 11, 22, 21, 3, 7)


@pytest.fixture
def model() -> ChatModel:
    model = ChatModel(lambda: NOW)
    model.begin("127.0.0.1:9000", "alice")
    model.apply(events.SignedIn("alice", ("/join", "/help")))
    model.apply(events.Joined("lobby"))
    model.take_changes()
    return model


def message_from(author: str, text: str, time: str = "12:00:00") -> events.MessageArrived:
    return events.MessageArrived("lobby", Message(time, author, text))


def only_entry(model: ChatModel) -> Entry:
    (entry,) = model.log
    return entry


def test_message_without_date_gets_day_of_arrival(model: ChatModel) -> None:
    model.apply(message_from("bob", "hi", "20:59:59"))
    entry = only_entry(model)
    assert (entry.kind, entry.author, entry.text, entry.own) == (
        EntryKind.MESSAGE,
        "bob",
        "hi",
        False,
    )
    assert entry.timestamp == datetime(2026, 11, 22, 20, 59, 59)
    assert model.take_changes() == {Pane.LOG}


@pytest.mark.parametrize("time", ["25:00:00", "12:60:00", "2026-13-01T00:00:00.000000+00:00"])
def test_invalid_message_time_becomes_current_time(model: ChatModel, time: str) -> None:
    model.apply(message_from("bob", "hi", time))
    assert only_entry(model).timestamp == NOW


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00.000000+14:00", "9999-12-31T23:59:59.999999-14:00"]
)
def test_message_times_at_calendar_limits_are_accepted(model: ChatModel, time: str) -> None:
    model.apply(message_from("bob", "hi", time))
    assert only_entry(model).text == "hi"


def test_past_message_keeps_its_date(model: ChatModel) -> None:
    instant = datetime(2026, 11, 20, 8, 0, 0, 5).astimezone()
    model.apply(message_from("bob", "hi", instant.isoformat(timespec="microseconds")))
    assert only_entry(model).timestamp == instant.replace(tzinfo=None)


def test_actions_and_private_messages_become_entries(model: ChatModel) -> None:
    model.apply(events.MessageArrived("lobby", Action("12:00:00", "bob", "waves")))
    model.apply(events.MessageArrived("lobby", PrivateMessage("12:00:00", "alice", "bob", "psst")))
    (action,) = model.log
    (private,) = model.log_of("@bob")
    assert (action.kind, action.own) == (EntryKind.ACTION, False)
    assert (private.kind, private.own, private.recipient) == (EntryKind.PRIVATE, True, "bob")


def test_own_message_entry_changes_from_pending_to_sent(model: ChatModel) -> None:
    model.apply(events.MessagePending(7, "lobby", "hello"))
    entry = only_entry(model)
    assert (entry.own, entry.state, entry.timestamp) == (True, EntryState.PENDING, NOW)
    assert model.log.take_changed() == set()
    model.apply(events.MessageSent(7, "21:03:05"))
    assert only_entry(model).state is EntryState.SENT
    assert only_entry(model).timestamp == NOW.replace(second=5)
    assert model.log.take_changed() == {entry.id}
    model.apply(events.MessageUnconfirmed(7))
    assert only_entry(model).state is EntryState.SENT


def test_own_message_is_settled_in_room_that_was_left(model: ChatModel) -> None:
    model.apply(events.MessagePending(1, "lobby", "hello"))
    model.apply(events.Joined("dev"))
    model.take_changes()
    model.apply(events.MessageSent(1))
    assert model.log_of("lobby")[0].state is EntryState.SENT
    assert Pane.LOG not in model.take_changes()


def test_unconfirmed_messages_are_listed_in_order_for_their_room(model: ChatModel) -> None:
    for own_id, text in enumerate(("one\t1", "two", "three")):
        model.apply(events.MessagePending(own_id, "lobby", text))
        model.apply(events.MessageUnconfirmed(own_id))
    assert [entry.text for entry in model.unconfirmed] == ["one    1", "two", "three"]
    model.apply(events.Joined("dev"))
    assert model.unconfirmed == []
    assert model.mark_resent(0) is None
    model.apply(events.Joined("lobby"))
    assert model.mark_resent(0) == "one\t1"
    assert model.log[0].state is EntryState.RESENT
    assert model.mark_resent(0) is None
    assert model.mark_resent(99) is None
    assert [entry.text for entry in model.unconfirmed] == ["two", "three"]


def test_unconfirmed_message_is_dropped_when_log_evicts_it(model: ChatModel) -> None:
    model.apply(events.MessagePending(1, "lobby", "old"))
    model.apply(events.MessageUnconfirmed(1))
    for n in range(10_000):
        model.apply(message_from("bob", str(n)))
    assert model.unconfirmed == []
    assert model.log.first == 1


def test_room_directory_follows_list_open_and_close_events(model: ChatModel) -> None:
    model.apply(events.RoomsListed((("lobby", 2), ("zoo", 1), ("dev", None))))
    assert [(r.name, r.members, r.current) for r in model.rooms.listed()] == [
        ("lobby", 2, True),
        ("dev", None, False),
        ("zoo", 1, False),
    ]
    model.apply(events.RoomOpened("ops"))
    model.apply(events.RoomClosed("zoo"))
    model.apply(events.RoomClosed("lobby"))
    assert [room.name for room in model.rooms.listed()] == ["lobby", "dev", "ops"]
    assert model.take_changes() == {Pane.ROOMS}


def test_current_room_is_always_listed(model: ChatModel) -> None:
    model.apply(events.Joined("dev"))
    assert model.room == "dev"
    model.apply(events.RoomsListed((("lobby", 1),)))
    model.apply(events.RoomClosed("dev"))
    assert [(r.name, r.current) for r in model.rooms.listed()] == [("lobby", False), ("dev", True)]


def test_joining_changes_every_pane(model: ChatModel) -> None:
    model.apply(events.Joined("dev"))
    assert model.take_changes() == set(Pane)
    assert model.take_changes() == set()


def test_roster_follows_join_and_leave_events(model: ChatModel) -> None:
    assert not model.people.known
    model.apply(events.PersonJoined("early", "lobby"))
    assert model.people.here() == []
    model.apply(events.MembersListed("lobby", ("bob", "alice")))
    model.apply(events.PersonJoined("carol", "lobby"))
    model.apply(events.PersonLeft("bob", "lobby"))
    assert [(person.name, person.own) for person in model.people.here()] == [
        ("alice", True),
        ("carol", False),
    ]
    assert model.rooms.members_of("lobby") == 2
    assert [(entry.kind, entry.text) for entry in model.log] == [
        (EntryKind.NOTICE, "early joined"),
        (EntryKind.NOTICE, "carol joined"),
        (EntryKind.NOTICE, "bob left"),
    ]


def test_roster_ignores_events_of_other_rooms(model: ChatModel) -> None:
    model.apply(events.MembersListed("lobby", ("alice",)))
    model.apply(events.MembersListed("dev", ("bob", "carol")))
    model.apply(events.PersonJoined("bob", "dev"))
    model.apply(events.PersonLeft("alice", "dev"))
    assert [person.name for person in model.people.here()] == ["alice"]
    assert len(model.log) == 0


def test_roster_is_unknown_after_room_change(model: ChatModel) -> None:
    known = []
    model.apply(events.MembersListed("lobby", ("alice", "bob")))
    for room in ("lobby", "dev"):
        model.apply(events.Joined(room))
        known.append(model.people.known)
    assert known == [True, False]


def follows_none_present(model: ChatModel) -> bool:
    return model.people.follows_none_present


def test_roster_marks_followed_people(model: ChatModel) -> None:
    model.apply(events.MembersListed("lobby", ("alice", "bob", "carol")))
    assert follows_none_present(model) is True
    model.apply(events.SubscriptionsListed(("alice", "bob", "erin")))
    assert follows_none_present(model) is False
    assert [(p.name, p.followed) for p in model.people.here()] == [
        ("alice", False),
        ("bob", True),
        ("carol", False),
    ]
    assert [person.name for person in model.people.elsewhere()] == ["erin"]
    model.apply(events.Unfollowed("bob"))
    assert follows_none_present(model) is True
    model.apply(events.Followed("*"))
    assert follows_none_present(model) is False
    assert model.people.follows("carol")
    assert model.people.follows("*")
    model.apply(events.Unfollowed("*"))
    model.apply(events.Followed("alice"))
    model.apply(events.Followed("dave"))
    assert not model.people.follows("alice")
    assert [person.name for person in model.people.elsewhere()] == ["dave", "erin"]
    model.apply(events.SubscriptionsListed(("*",)))
    assert model.people.everyone
    assert model.people.elsewhere() == []


def test_follows_none_present_is_false_when_alone(model: ChatModel) -> None:
    model.apply(events.MembersListed("lobby", ("alice",)))
    assert not model.people.follows_none_present


def test_server_notices_and_errors_become_log_entries(model: ChatModel) -> None:
    model.apply(events.LogNotice("a reply", "reply"))
    model.apply(events.LogNotice("an error", "error"))
    model.apply(events.LogNotice("a notice", "notice"))
    model.apply(events.JoinFailed("dev", "Invalid room name: dev"))
    model.apply(events.SignedOut("Logged out due to new login"))
    assert [(entry.kind, entry.text) for entry in model.log] == [
        (EntryKind.SERVER, "a reply"),
        (EntryKind.ERROR, "an error"),
        (EntryKind.NOTICE, "a notice"),
        (EntryKind.ERROR, "Invalid room name: dev"),
        (EntryKind.SERVER, "Logged out due to new login"),
    ]


def test_gap_entry_shows_time_range(model: ChatModel) -> None:
    model.apply(events.HistoryGap(NOW.replace(hour=12, minute=1), NOW.replace(hour=12, minute=3)))
    assert only_entry(model).kind is EntryKind.GAP
    assert "12:01 to 12:03" in only_entry(model).text


def test_connection_state_and_latency_update_status(model: ChatModel) -> None:
    waiting = events.ConnectionChanged(ConnectionState.WAITING, "cut", 4.0)
    model.apply(waiting)
    assert model.connection == waiting
    assert model.take_changes() == {Pane.STATUS, Pane.COMPOSER}
    model.apply(events.LatencyMeasured(0.003))
    assert model.round_trip == 0.003
    assert model.take_changes() == {Pane.STATUS}


def test_screen_only_events_do_not_change_model(model: ChatModel) -> None:
    model.apply(events.SignInFailed("no", retry=False))
    model.apply(events.TextReturned("text", "why"))
    assert model.take_changes() == set()


def test_begin_resets_model_and_its_input_histories(model: ChatModel) -> None:
    model.history.add("hello")
    model.apply(message_from("bob", "hi"))
    model.apply(events.Joined("dev"))
    model.apply(events.Followed("*"))
    model.apply(events.MessagePending(1, "dev", "x"))
    model.begin("other:9000", "bob")
    assert (model.server, model.user, model.room) == ("other:9000", "bob", "lobby")
    assert len(model.log) == 0
    assert not model.people.everyone
    assert len(model.history) == 0, "another account must not find the text"
    model.apply(events.MessageSent(1))


def test_model_sanitizes_all_text(model: ChatModel) -> None:
    evil = "a\x1b]0;x\x07b\x9bc\u202ed\n[red]"
    shown = "a\u241b]0;x\u2407b\ufffdc\ufffdd\u240a[red]"
    model.apply(events.MessageArrived(evil, Message("12:00:00", evil, evil)))
    model.apply(events.MessageArrived(evil, PrivateMessage("12:00:00", evil, evil, evil)))
    model.apply(events.MessagePending(1, evil, evil))
    for entry in model.log_of(shown):
        assert evil not in (entry.author, entry.text, entry.recipient)
        assert entry.text == shown
    model.apply(events.RoomsListed(((evil, 1),)))
    model.apply(events.RoomOpened(evil + "2"))
    model.apply(events.MembersListed("lobby", (evil,)))
    model.apply(events.PersonJoined(evil + "2", "lobby"))
    model.apply(events.Followed(evil + "3"))
    model.apply(events.LogNotice(evil, "reply"))
    model.apply(events.Joined(evil))
    names = [room.name for room in model.rooms.listed()] + [model.room]
    names += [person.name for person in (*model.people.here(), *model.people.elsewhere())]
    names += [entry.text for entry in model.log_of("lobby").entries()]
    assert not [name for name in names if "\x1b" in name or "\u202e" in name]
    model.begin(evil, evil)
    assert model.server == model.user == shown


def test_conversation_without_delivered_message_is_not_listed(model: ChatModel) -> None:
    model.apply(events.MessagePending(1, "@ghost", "hi"))
    assert model.conversations.listed() == ["ghost"]
    model.take_changes()
    model.apply(events.MessageRejected(1))
    assert model.conversations.listed() == []
    assert Pane.ROOMS in model.take_changes()

    model.apply(events.MessagePending(2, "@bob", "hi"))
    model.apply(events.MessageSent(2))
    model.apply(events.MessagePending(3, "@bob", "still there?"))
    model.apply(events.MessageRejected(3))
    assert model.conversations.listed() == ["bob"]

    model.view(Location("@carol"))
    model.apply(events.MessagePending(4, "@carol", "hi"))
    model.apply(events.MessageRejected(4))
    model.drafts.put("@dave", "half")
    model.apply(events.MessagePending(5, "@dave", "hi"))
    model.apply(events.MessageRejected(5))
    assert model.conversations.listed() == ["bob", "carol", "dave"]

"""Gaps in logs: each is logged once, with its start and end."""

from __future__ import annotations

from datetime import datetime, timedelta

from chat_server.wire.protocol import Message
from chat_tui import events
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.entries import EntryKind
from chat_tui.model.gaps import format_time_range
from tests.support.fake_clock import FakeLocalClock

BEGIN = datetime(2026, 11, 22, 21, 0)


def signed_in() -> tuple[ChatModel, FakeLocalClock]:
    clock = FakeLocalClock(BEGIN)
    model = ChatModel(clock)
    model.begin("127.0.0.1:9000", "alice")
    model.apply(events.SignedIn("alice", ("/join",)))
    model.apply(events.Joined("lobby"))
    return model, clock


def receive(model: ChatModel, text: str) -> None:
    model.apply(events.MessageArrived(model.room, Message("21:00:00", "bob", text)))


def gaps(model: ChatModel, location: str) -> list[str]:
    return [entry.text for entry in model.log_of(location) if entry.kind is EntryKind.GAP]


def test_gap_time_range_shows_dates_only_across_days() -> None:
    assert format_time_range(BEGIN, BEGIN + timedelta(minutes=2)) == "from 21:00 to 21:02"
    assert (
        format_time_range(BEGIN, BEGIN + timedelta(hours=11))
        == "from Sun 22 Nov 21:00 to Mon 23 Nov 08:00"
    )


def test_connection_gap_is_logged_in_current_room_and_private_conversations() -> None:
    model, _ = signed_in()
    receive(model, "hi")
    model.log_of("dev")
    model.log_of("@bob")
    model.apply(events.HistoryGap(BEGIN, BEGIN + timedelta(minutes=3)))
    text = "no connection from 21:00 to 21:03; messages may be missing"
    assert gaps(model, "lobby") == gaps(model, "@bob") == [text]
    assert gaps(model, "dev") == []


def test_rejoined_room_shows_gap_of_absence() -> None:
    model, clock = signed_in()
    receive(model, "hi")
    model.apply(events.Joined("dev"))
    assert gaps(model, "dev") == []  # the user has not been there before
    clock.now += timedelta(minutes=5)
    model.apply(events.Joined("lobby"))
    assert gaps(model, "lobby") == [
        "you were elsewhere from 21:00 to 21:05; messages may be missing"
    ]
    model.apply(events.Joined("lobby"))  # as after a lost connection: the user was in this room
    assert len(gaps(model, "lobby")) == 1


def test_repeated_absences_without_messages_merge_into_one_gap() -> None:
    model, clock = signed_in()
    receive(model, "hi")
    for _ in range(3):
        model.apply(events.Joined("dev"))
        clock.now += timedelta(minutes=1)
        model.apply(events.Joined("lobby"))
        model.apply(events.LogNotice("Joined room 'lobby'", "reply"))
    assert gaps(model, "lobby") == [
        "you were elsewhere from 21:00 to 21:03; messages may be missing"
    ]
    assert model.log.take_changed()  # it is drawn again
    receive(model, "a message")
    model.apply(events.Joined("dev"))
    model.apply(events.Joined("lobby"))
    assert len(gaps(model, "lobby")) == 2

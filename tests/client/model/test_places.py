"""Places in the model: the server's unread numbers, visited rooms, forgotten places."""

from __future__ import annotations

from datetime import datetime

from chat_server.wire.protocol import Message, PrivateMessage
from chat_tui.events import (
    Joined,
    MessageArrived,
    RoomClosed,
    RoomOpened,
    RoomsListed,
    SignedIn,
    UnreadListed,
)
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.location import Location
from chat_tui.model.unread import Unread, UnreadNumbers, shown_count
from chat_tui.model.visited_rooms import MAX_FORGOTTEN, MAX_VISITED, VisitedRooms

NOON = datetime(2026, 11, 22, 12)

COMMANDS = ("/join", "/rooms", "/msg", "/history", "/stamps", "/unread", "/search", "/help")


def model_of_alice(commands: tuple[str, ...] = COMMANDS) -> ChatModel:
    """Return the model of alice, in the lobby of a server with history."""
    model = ChatModel(lambda: NOON)
    model.begin("127.0.0.1:9000", "alice")
    model.apply(SignedIn("alice", commands))
    model.apply(RoomsListed((("lobby", 2), ("dev", 3), ("ops", 1))))
    return model


def listed(*places: tuple[str, int, int], is_complete: bool = False) -> UnreadListed:
    return UnreadListed(places, is_complete)


def said(model: ChatModel, room: str, text: str = "hello") -> None:
    model.apply(MessageArrived(room, Message("12:00:00", "bob", text)))


def names(model: ChatModel) -> list[str]:
    return [room.name for room in model.rooms.listed()]


class TestUnreadNumbers:
    def test_received_and_reported_messages_are_added(self) -> None:
        unread = Unread()
        unread.add("dev", "bob", mention=True)
        unread.report("dev", UnreadNumbers(3, 1))
        assert unread.numbers("dev") == (4, 2)
        unread.report("dev", UnreadNumbers(5, 1))
        assert unread.numbers("dev") == (6, 2)
        unread.clear("dev")
        assert unread.numbers("dev") == (5, 1)
        unread.report("dev", UnreadNumbers(0, 0))
        assert unread.numbers("dev") == (0, 0)
        assert unread.locations == []

    def test_locations_are_ordered_by_how_long_they_wait(self) -> None:
        unread = Unread()
        for location in ("dev", "ops", "@bob"):
            unread.add(location, "bob")
        unread.report("dev", UnreadNumbers(1, 0))
        unread.clear("dev")  # the server's number is left
        assert unread.locations == ["dev", "ops", "@bob"]
        unread.forget("dev")
        unread.add("dev", "bob")
        assert unread.locations == ["ops", "@bob", "dev"]

    def test_number_of_at_least_1000_is_shown_with_plus(self) -> None:
        assert [shown_count(count) for count in (0, 1, 999, 1000, 4711)] == [
            "",
            "1",
            "999",
            "1000+",
            "1000+",
        ]

    def test_reported_locations_are_bounded(self) -> None:
        unread = Unread()
        for number in range(5000):
            unread.report(f"room{number}", UnreadNumbers(1, 0))
        assert len(unread.reported_locations) == 1000


class TestReport:
    def test_report_of_changes_keeps_other_numbers_and_complete_report_replaces_them(self) -> None:
        model = model_of_alice()
        model.apply(listed(("dev", 12, 1), ("ops", 2, 0), is_complete=True))
        model.apply(listed(("dev", 13, 1)))
        assert model.unread.numbers("dev") == (13, 1)
        assert model.unread.numbers("ops") == (2, 0)
        model.apply(listed(("dev", 0, 0)))
        assert model.places.unread() == ["ops"]
        model.apply(listed(("dev", 1, 0), is_complete=True))
        assert model.places.unread() == ["dev"]

    def test_joined_room_has_no_number_of_the_server(self) -> None:
        model = model_of_alice()
        model.apply(listed(("dev", 12, 1)))
        model.apply(Joined("dev"))
        assert model.unread.count("dev") == 0
        model.apply(listed(("dev", 13, 1)))  # it was on its way
        assert model.unread.count("dev") == 0
        said(model, "dev")
        model.apply(Joined("lobby"))
        model.apply(listed(("dev", 2, 0)))
        assert model.unread.count("dev") == 3  # one received before, two sent since

    def test_private_sender_becomes_conversation(self) -> None:
        model = model_of_alice()
        model.apply(listed(("@bob", 2, 0), is_complete=True))
        assert model.conversations.listed() == ["bob"]
        assert model.places.unread() == ["@bob"]

    def test_unread_places_have_those_for_the_user_first_then_the_oldest(self) -> None:
        model = model_of_alice()
        model.apply(listed(("ops", 5, 0), ("dev", 3, 1)))
        model.apply(listed(("old", 1, 0), ("@bob", 1, 0)))
        assert model.places.unread() == ["dev", "@bob", "ops", "old"]
        assert model.places.unread(excluding={"dev"}) == ["@bob", "ops", "old"]
        assert model.places.unread_total({"ops"}) == 5

    def test_mention_elsewhere_alerts_once_for_each_new_one(self) -> None:
        model = model_of_alice()

        def alerts() -> list[str]:
            return [alert.location for alert in model.take_alerts()]

        model.apply(listed(("dev", 12, 2), ("ops", 3, 0), ("@bob", 2, 0), is_complete=True))
        assert alerts() == ["dev", "@bob"]
        model.apply(listed(("dev", 13, 2), ("ops", 4, 0)))
        assert alerts() == []
        model.apply(listed(("dev", 14, 3)))
        assert alerts() == ["dev"]
        # After a reconnect the server lists everything again.
        model.apply(listed(("dev", 14, 3), ("@bob", 2, 0), is_complete=True))
        assert alerts() == []
        model.apply(listed(("dev", 2, 1)))  # messages were erased
        assert alerts() == []

    def test_hostile_names_and_numbers_are_made_safe(self) -> None:
        model = model_of_alice()
        model.apply(listed(("x\x1b[2J", 5, 0), ("ops", -3, -1)))
        assert all(place.isprintable() for place in model.places.unread())
        assert model.unread.numbers("ops") == (0, 0)


class TestVisitedRooms:
    def test_visited_room_stays_when_it_is_empty(self) -> None:
        model = model_of_alice()
        model.apply(Joined("old"))
        said(model, "old")
        model.apply(Joined("lobby"))
        model.apply(RoomClosed("old"))
        model.apply(RoomClosed("ops"))  # never visited
        assert [(room.name, room.is_empty) for room in model.rooms.listed()] == [
            ("lobby", False),
            ("dev", False),
            ("old", True),
        ]
        assert model.unread.count("old") == 1
        model.apply(RoomOpened("old"))
        assert not any(room.is_empty for room in model.rooms.listed())

    def test_visited_room_is_not_kept_by_server_without_history(self) -> None:
        model = model_of_alice(("/join", "/rooms", "/help"))
        model.apply(Joined("old"))
        model.apply(Joined("lobby"))
        model.apply(RoomClosed("old"))
        assert names(model) == ["lobby", "dev", "ops"]
        assert not model.places.can_forget(Location("old"))

    def test_room_that_the_server_counts_is_kept_until_it_is_forgotten(self) -> None:
        model = model_of_alice()
        old = Location("old")
        model.apply(listed(("old", 4, 1), is_complete=True))
        assert names(model) == ["lobby", "dev", "old", "ops"]
        model.forget_place(old)
        model.apply(listed(("old", 5, 2), is_complete=True))
        assert names(model) == ["lobby", "dev", "ops"]
        assert model.places.unread_total() == 0
        assert model.places.bring_back() == old
        assert names(model) == ["lobby", "dev", "old", "ops"]
        model.forget_place(old)
        model.apply(RoomOpened("old"))  # others are there: it is listed like any other room
        model.apply(listed(("old", 6, 2)))
        assert model.places.unread() == ["old"]

    def test_only_empty_rooms_and_conversations_can_be_forgotten(self) -> None:
        model = model_of_alice()
        model.apply(Joined("old"))
        private = PrivateMessage("12:00:00", "bob", "alice", "psst")
        model.apply(MessageArrived("old", private))
        can_forget = {place: model.places.can_forget(place) for place in model.places.listed()}
        assert can_forget == {
            "lobby": False,
            "dev": False,
            "old": False,
            "ops": False,
            "@bob": True,
        }
        model.apply(Joined("lobby"))
        model.apply(RoomClosed("old"))
        assert model.places.can_forget(Location("old"))

    def test_forgotten_conversation_in_view_leads_back_to_the_room(self) -> None:
        model = model_of_alice()
        model.view(Location("@bob"))
        model.forget_place(Location("@bob"))
        assert model.location == "lobby"
        assert model.places.listed() == ["lobby", "dev", "ops"]
        assert model.bring_place_back() == "@bob"
        assert model.places.listed()[-1] == "@bob"
        assert model.bring_place_back() is None

    def test_loaded_rooms_do_not_bring_back_a_room_that_was_forgotten(self) -> None:
        rooms = VisitedRooms()
        rooms.report("old")  # by the server, before the file was read
        rooms.visit("dev")
        rooms.load(["ops", "dev"], ["old"])
        assert rooms.names == ["ops", "dev"]
        rooms.visit("old")
        assert rooms.forgotten == []

    def test_visited_and_forgotten_rooms_are_bounded(self) -> None:
        rooms = VisitedRooms()
        for number in range(1000):
            rooms.visit(f"room{number}")
        assert len(rooms.names) == MAX_VISITED
        assert rooms.names[-1] == "room999"
        for number in range(1000):
            rooms.forget(f"room{number}")
        assert (rooms.names, len(rooms.forgotten)) == ([], MAX_FORGOTTEN)

"""What calls for attention, as the model knows it: unread, mentions, who just spoke."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chat_server.wire.protocol import Action, Message, Private
from chat_tui.events import (
    Joined,
    MessageArrived,
    OwnPending,
    OwnSent,
    RoomClosed,
    RoomsListed,
    SignedIn,
)
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.mentions import Mentions
from chat_tui.model.people import JUST_NOW, People
from chat_tui.model.unread import Unread

NOON = datetime(2026, 11, 22, 12)


def model_of_alice() -> ChatModel:
    model = ChatModel(lambda: NOON)
    model.begin("127.0.0.1:9000", "alice")
    model.apply(SignedIn("alice", ()))
    return model


class TestMentions:
    @pytest.mark.parametrize(
        ("text", "addressed"),
        [
            ("alice: look", True),
            ("thanks, ALICE!", True),
            ("@alice", True),
            ("malice and alices", False),
            ("the BUILD is red", True),
            ("rebuild it", False),
            ("c++?", True),
            ("", False),
        ],
    )
    def test_ones_name_and_words_of_ones_own_as_whole_words(
        self, text: str, addressed: bool
    ) -> None:
        mentions = Mentions()
        mentions.look_for(user="alice", words=("build", "C++", "", " "))
        assert mentions.are_in(text) is addressed

    def test_the_longest_is_found_whole(self) -> None:
        mentions = Mentions()
        mentions.look_for(words=("build", "build red"))
        assert mentions.pattern is not None
        assert mentions.pattern.findall("a build red as ever") == ["build red"]

    def test_where_nothing_is_looked_for_nothing_is_found(self) -> None:
        assert not Mentions().are_in("alice")

    def test_another_user_keeps_the_words(self) -> None:
        model = model_of_alice()
        model.mentions.look_for(words=("build",))
        model.apply(SignedIn("bob", ()))
        assert [model.mentions.are_in(text) for text in ("alice", "bob", "build")] == [
            False,
            True,
            True,
        ]


class TestCalls:
    @pytest.mark.parametrize(
        ("message", "calls"),
        [
            (Message("12:00:00", "bob", "hi alice"), True),
            (Action("12:00:00", "bob", "waves at alice"), True),
            (Private("12:00:00", "bob", "alice", "psst"), True),
            (Message("12:00:00", "bob", "hi all"), False),
            (Message("12:00:00", "alice", "alice was here"), False),
            (Private("12:00:00", "alice", "bob", "psst"), False),
            (Message("2026-11-21T12:00:00.000000+00:00", "bob", "hi alice", past=True), False),
        ],
    )
    def test_who_addresses_us_now_calls(
        self, message: Message | Action | Private, calls: bool
    ) -> None:
        model = model_of_alice()
        model.apply(MessageArrived("lobby", message))
        assert bool(model.take_calls()) is calls
        assert model.take_calls() == []

    def test_they_are_bounded_where_nobody_asks_for_them(self) -> None:
        model = model_of_alice()
        for number in range(1000):
            message = Message("12:00:00", "bob", f"alice {number}")
            model.apply(MessageArrived("lobby", message))
        assert [call.entry.text for call in model.take_calls()][-1] == "alice 999"


class TestUnread:
    def test_by_place_and_author_until_somebody_looks(self) -> None:
        unread = Unread()
        for place, author in (("lobby", "bob"), ("lobby", "bob"), ("lobby", "carol"), ("dev", "x")):
            unread.add(place, author)
        assert unread.by_author("lobby") == {"bob": 2, "carol": 1}
        assert (unread.of("lobby"), unread.of("dev"), unread.of("ops")) == (3, 1, 0)
        assert (unread.total(), unread.total(without={"dev"})) == (4, 3)
        unread.clear("lobby")
        assert unread.by_author("lobby") == {}
        assert unread.total() == 1

    def test_endless_names_are_counted_and_not_kept(self) -> None:
        unread = Unread()
        for number in range(5000):
            unread.add("lobby", f"guest{number}")
        assert unread.of("lobby") == 5000
        assert len(unread.by_author("lobby")) < 600

    def test_own_words_are_never_unread(self) -> None:
        model = model_of_alice()
        model.apply(OwnPending(1, "lobby", "hello"))
        model.apply(OwnSent(1, "12:00:00"))
        model.apply(MessageArrived("lobby", Message("12:00:00", "alice", "from elsewhere")))
        model.apply(MessageArrived("lobby", Message("12:00:00", "bob", "hello")))
        assert model.unread.by_author("lobby") == {"bob": 1}

    def test_nothing_is_unread_where_nobody_can_look_any_more(self) -> None:
        model = model_of_alice()
        for room in ("dev", "ops", "lobby"):
            model.apply(Joined(room))
            model.apply(MessageArrived(room, Message("12:00:00", "bob", "hello")))
        assert model.unread.total() == 3
        model.apply(RoomClosed("dev"))
        assert (model.unread.of("dev"), model.unread.total()) == (0, 2)
        model.apply(RoomsListed((("lobby", 1),)))
        assert model.unread.total() == 1

    def test_another_session_begins_without(self) -> None:
        model = model_of_alice()
        model.apply(MessageArrived("lobby", Message("12:00:00", "bob", "alice?")))
        model.begin("127.0.0.1:9000", "carol")
        assert model.unread.total() == 0
        assert model.take_calls() == []


class TestJustSpoke:
    def test_for_a_minute(self) -> None:
        people = People()
        people.spoke("bob", NOON)
        people.spoke("carol", NOON + JUST_NOW / 2)
        assert people.just_spoke(NOON + JUST_NOW / 2) == {"bob", "carol"}
        assert people.just_spoke(NOON + JUST_NOW) == {"carol"}
        assert people.just_spoke(NOON + 2 * JUST_NOW) == frozenset()

    def test_a_clock_that_is_set_back_makes_nobody_speak_for_hours(self) -> None:
        people = People()
        people.spoke("bob", NOON)
        assert people.just_spoke(NOON - timedelta(hours=1)) == frozenset()

    def test_endless_names_are_not_kept(self) -> None:
        people = People()
        for number in range(5000):
            people.spoke(f"guest{number}", NOON)
        assert len(people.just_spoke(NOON)) <= 500

    def test_neither_we_nor_what_was_said_long_ago(self) -> None:
        model = model_of_alice()
        past = Message("2026-11-21T12:00:00.000000+00:00", "bob", "x", past=True)
        for message in (past, Message("12:00:00", "alice", "x"), Message("12:00:00", "eve", "x")):
            model.apply(MessageArrived("lobby", message))
        assert model.people.just_spoke(NOON) == {"eve"}

    def test_whoever_is_to_be_shown_though_neither_here_nor_followed(self) -> None:
        people = People()
        people.members_listed(["alice", "bob"])
        people.follow("erin")
        assert [person.name for person in people.elsewhere(also=("bob", "dave"))] == [
            "dave",
            "erin",
        ]

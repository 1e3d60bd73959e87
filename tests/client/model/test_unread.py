"""Attention in the model: unread messages, mentions, alerts, recent speakers."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chat_server.wire.protocol import Action, Message, PrivateMessage
from chat_tui.events import (
    Joined,
    MessageArrived,
    MessagePending,
    MessageSent,
    RoomClosed,
    RoomsListed,
    SignedIn,
)
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.mentions import Mentions
from chat_tui.model.people import RECENT_SPEAKER_AGE, Roster
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
    def test_mentions_match_own_name_and_configured_words_as_whole_words(
        self, text: str, addressed: bool
    ) -> None:
        mentions = Mentions()
        mentions.configure(user="alice", keywords=("build", "C++", "", " "))
        assert mentions.matches(text) is addressed

    def test_mentions_prefer_longest_match(self) -> None:
        mentions = Mentions()
        mentions.configure(keywords=("build", "build red"))
        assert list(mentions.finder.spans("a build red as ever")) == [(2, 11)]

    def test_mentions_without_patterns_match_nothing(self) -> None:
        assert not Mentions().matches("alice")

    def test_mentions_keep_configured_words_when_user_changes(self) -> None:
        model = model_of_alice()
        model.mentions.configure(keywords=("build",))
        model.apply(SignedIn("bob", ()))
        assert [model.mentions.matches(text) for text in ("alice", "bob", "build")] == [
            False,
            True,
            True,
        ]


class TestAlerts:
    @pytest.mark.parametrize(
        ("message", "alerts"),
        [
            (Message("12:00:00", "bob", "hi alice"), True),
            (Action("12:00:00", "bob", "waves at alice"), True),
            (PrivateMessage("12:00:00", "bob", "alice", "psst"), True),
            (Message("12:00:00", "bob", "hi all"), False),
            (Message("12:00:00", "alice", "alice was here"), False),
            (PrivateMessage("12:00:00", "alice", "bob", "psst"), False),
            (Message("2026-11-21T12:00:00.000000+00:00", "bob", "hi alice", past=True), False),
        ],
    )
    def test_alert_is_queued_for_live_message_that_addresses_user(
        self, message: Message | Action | PrivateMessage, alerts: bool
    ) -> None:
        model = model_of_alice()
        model.apply(MessageArrived("lobby", message))
        assert bool(model.take_alerts()) is alerts
        assert model.take_alerts() == []

    def test_alert_queue_is_bounded_and_keeps_newest(self) -> None:
        model = model_of_alice()
        for number in range(1000):
            message = Message("12:00:00", "bob", f"alice {number}")
            model.apply(MessageArrived("lobby", message))
        newest = model.take_alerts()[-1].entry
        assert newest is not None
        assert newest.text == "alice 999"


class TestUnread:
    def test_unread_counts_by_location_and_author_until_cleared(self) -> None:
        unread = Unread()
        authors = (("lobby", "bob"), ("lobby", "bob"), ("lobby", "carol"), ("dev", "x"))
        for location, author in authors:
            unread.add(location, author)
        assert unread.by_author("lobby") == {"bob": 2, "carol": 1}
        assert (unread.count("lobby"), unread.count("dev"), unread.count("ops")) == (3, 1, 0)
        assert (unread.total(), unread.total(excluding={"dev"})) == (4, 3)
        unread.clear("lobby")
        assert unread.by_author("lobby") == {}
        assert unread.total() == 1

    def test_unread_counts_all_messages_but_bounds_author_names(self) -> None:
        unread = Unread()
        for number in range(5000):
            unread.add("lobby", f"guest{number}")
        assert unread.count("lobby") == 5000
        assert len(unread.by_author("lobby")) < 600

    def test_own_messages_are_never_unread(self) -> None:
        model = model_of_alice()
        model.apply(MessagePending(1, "lobby", "hello"))
        model.apply(MessageSent(1, "12:00:00"))
        model.apply(MessageArrived("lobby", Message("12:00:00", "alice", "from elsewhere")))
        model.apply(MessageArrived("lobby", Message("12:00:00", "bob", "hello")))
        assert model.unread.by_author("lobby") == {"bob": 1}

    def test_unread_is_dropped_for_closed_rooms(self) -> None:
        model = model_of_alice()
        for room in ("dev", "ops", "lobby"):
            model.apply(Joined(room))
            model.apply(MessageArrived(room, Message("12:00:00", "bob", "hello")))
        assert model.unread.total() == 3
        model.apply(RoomClosed("dev"))
        assert (model.unread.count("dev"), model.unread.total()) == (0, 2)
        model.apply(RoomsListed((("lobby", 1),)))
        assert model.unread.total() == 1

    def test_unread_and_alerts_are_reset_for_new_session(self) -> None:
        model = model_of_alice()
        model.apply(MessageArrived("lobby", Message("12:00:00", "bob", "alice?")))
        model.begin("127.0.0.1:9000", "carol")
        assert model.unread.total() == 0
        assert model.take_alerts() == []


class TestRecentSpeakers:
    def test_recent_speaker_expires_after_one_minute(self) -> None:
        people = Roster()
        people.spoke("bob", NOON)
        people.spoke("carol", NOON + RECENT_SPEAKER_AGE / 2)
        assert people.recent_speakers(NOON + RECENT_SPEAKER_AGE / 2) == {"bob", "carol"}
        assert people.recent_speakers(NOON + RECENT_SPEAKER_AGE) == {"carol"}
        assert people.recent_speakers(NOON + 2 * RECENT_SPEAKER_AGE) == frozenset()

    def test_recent_speaker_expires_if_clock_is_set_back(self) -> None:
        people = Roster()
        people.spoke("bob", NOON)
        assert people.recent_speakers(NOON - timedelta(hours=1)) == frozenset()

    def test_recent_speakers_are_bounded(self) -> None:
        people = Roster()
        for number in range(5000):
            people.spoke(f"guest{number}", NOON)
        assert len(people.recent_speakers(NOON)) <= 500

    def test_recent_speakers_exclude_own_user_and_past_messages(self) -> None:
        model = model_of_alice()
        past = Message("2026-11-21T12:00:00.000000+00:00", "bob", "x", past=True)
        for message in (past, Message("12:00:00", "alice", "x"), Message("12:00:00", "eve", "x")):
            model.apply(MessageArrived("lobby", message))
        assert model.people.recent_speakers(NOON) == {"eve"}

    def test_roster_lists_extra_names_that_are_neither_present_nor_followed(self) -> None:
        people = Roster()
        people.members_listed(["alice", "bob"])
        people.follow("erin")
        assert [person.name for person in people.elsewhere(extra=("bob", "dave"))] == [
            "dave",
            "erin",
        ]

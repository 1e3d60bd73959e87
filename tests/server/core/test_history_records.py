"""What the hub records for the history, and what it keeps from an earlier server."""

from __future__ import annotations

from typing import Any

import pytest

from chat_server.core.hub import Hub
from chat_server.core.records import (
    AccountRenamed,
    PrivateMessagesRead,
    Record,
    SavedState,
    VisitEnded,
    VisitStarted,
)
from chat_server.core.rooms import Session
from chat_server.core.values import (
    EndCause,
    EndNotice,
    KeptReceipt,
    Output,
    PrivateMessageSent,
    PublishedMessages,
    Rejected,
    RejectReason,
    Stamped,
    Subscribed,
    Unsubscribed,
    UserForgotten,
)
from chat_server.core.waiting import MAX_FOR_ONE, MAX_FROM_ONE
from chat_server.wire import LOBBY

NOON = 1_795_348_800_000_000
HOUR = 3_600_000_000
KICKED = EndNotice(EndCause.KICKED)


class RecordedHub:
    """A hub with its records and outputs. A receiver is a list of its outputs."""

    def __init__(self, saved: SavedState | None = None, *, keeps_history: bool = True) -> None:
        self.accounts = {"alice", "bob", "carol"}
        self.now = NOON
        self.records: list[Record] = []
        self.hub: Hub[Any] = Hub(
            self._emit,
            self.accounts.__contains__,
            lambda: self.now,
            record=self.records.append if keeps_history else None,
            saved=saved,
        )

    @staticmethod
    def _emit(receivers: tuple[Receiver, ...], output: Output[Any]) -> None:
        for each in receivers:
            each.outputs.append(output)

    def log_in(self, user: str, *publishers: str) -> Session[Any]:
        session = self.hub.log_in(user, Receiver(), ["/join"])
        assert session is not None
        for publisher in publishers:
            self.hub.subscribe(session, publisher)
        session.receiver.outputs.clear()
        return session

    def take(self) -> list[Record]:
        records = list(self.records)
        self.records.clear()
        return records


class Receiver:
    """The outputs that one client would receive."""

    def __init__(self) -> None:
        self.outputs: list[Output[Any]] = []


@pytest.fixture
def recorded() -> RecordedHub:
    return RecordedHub()


def test_published_run_is_recorded_as_it_is(recorded: RecordedHub) -> None:
    alice = recorded.log_in("alice")
    recorded.take()
    recorded.hub.publish(alice, ["one", "two"])
    recorded.hub.publish(alice, ["waves"], actions=True)
    assert recorded.take() == [
        PublishedMessages(LOBBY, "alice", ("one", "two"), NOON, False, NOON),
        PublishedMessages(LOBBY, "alice", ("waves",), NOON + 2, True, NOON),
    ]


def test_visits_are_recorded_with_newest_stamp(recorded: RecordedHub) -> None:
    alice = recorded.log_in("alice")
    recorded.hub.publish(alice, ["one", "two"])
    recorded.hub.join(alice, "dev")
    recorded.hub.join(alice, "dev")
    recorded.hub.log_out(alice, is_orderly=True)
    visits = [each for each in recorded.take() if not isinstance(each, PublishedMessages)]
    assert visits == [
        VisitStarted("alice", LOBBY, 0),
        VisitEnded("alice", LOBBY, NOON + 1, True),
        VisitStarted("alice", "dev", NOON + 1),
        VisitEnded("alice", "dev", NOON + 1, True),
    ]


def test_orderly_end_counts_to_stamp_that_client_received(recorded: RecordedHub) -> None:
    alice, bob = recorded.log_in("alice"), recorded.log_in("bob")
    recorded.hub.publish(bob, ["received"])
    received_to = recorded.hub.newest_stamp()
    recorded.hub.publish(bob, ["sent while the connection closed"])
    recorded.take()
    recorded.hub.log_out(alice, is_orderly=True, read_to=received_to)
    assert recorded.take() == [VisitEnded("alice", LOBBY, NOON, True)]


def test_private_message_that_came_while_client_closed_may_be_missed(
    recorded: RecordedHub,
) -> None:
    alice, bob = recorded.log_in("alice", "bob"), recorded.log_in("bob", "alice")
    recorded.hub.send_private(bob, "alice", "received")
    received_to = recorded.hub.newest_stamp()
    recorded.hub.send_private(bob, "alice", "sent while the connection closed")
    recorded.take()
    recorded.hub.log_out(bob, is_orderly=True, read_to=received_to)
    recorded.hub.log_out(alice, is_orderly=True, read_to=received_to)
    assert recorded.take() == [
        VisitEnded("bob", LOBBY, NOON, True),
        VisitEnded("alice", LOBBY, NOON + 1, False),
    ]


@pytest.mark.parametrize("how", ["log out", "kick", "new login", "remove", "shutdown"])
@pytest.mark.parametrize(
    ("seconds", "set_back_from"),
    [(0, 0), (60, 60), (3600, 120), (-3600, 0)],
    ids=["at once", "a minute later", "an hour later", "after the clock went back"],
)
def test_other_ends_of_session_count_from_their_time(
    recorded: RecordedHub, how: str, seconds: int, set_back_from: int
) -> None:
    """The store sets the marker 120 s back from there: after an hour, nothing is uncertain."""
    alice = recorded.log_in("alice")
    recorded.hub.publish(alice, ["hi"])
    recorded.take()
    recorded.now += seconds * 1_000_000
    match how:
        case "log out":
            recorded.hub.log_out(alice)
        case "kick":
            recorded.hub.end_sessions(["alice"], KICKED)
        case "new login":
            recorded.log_in("alice")
        case "remove":
            recorded.hub.remove_users(["alice"])
        case "shutdown":
            recorded.hub.shut_down()
    assert recorded.take()[0] == VisitEnded("alice", LOBBY, NOON + set_back_from * 1_000_000, False)


def test_disorderly_end_is_recorded_for_rooms_left_in_last_two_minutes(
    recorded: RecordedHub,
) -> None:
    alice = recorded.log_in("alice")
    for room in ("early", "late", "late2", "late", "now"):
        recorded.hub.publish(alice, ["hi"])
        recorded.hub.join(alice, room)
        recorded.now += 50_000_000
    recorded.take()
    recorded.hub.log_out(alice)
    end = NOON + 250_000_000
    assert recorded.take() == [
        VisitEnded("alice", "now", end, False),
        VisitEnded("alice", "late2", end, False),
        VisitEnded("alice", "late", end, False),
    ]


def test_orderly_end_is_recorded_for_last_room_only(recorded: RecordedHub) -> None:
    alice = recorded.log_in("alice")
    recorded.hub.join(alice, "dev")
    recorded.take()
    recorded.hub.log_out(alice, is_orderly=True)
    assert recorded.take() == [VisitEnded("alice", "dev", 0, True)]


def test_return_to_room_is_recorded_as_such_within_session(recorded: RecordedHub) -> None:
    alice = recorded.log_in("alice")
    recorded.hub.join(alice, "dev")
    recorded.hub.join(alice, LOBBY)
    recorded.hub.log_out(alice, is_orderly=True)
    recorded.hub.join(recorded.log_in("alice"), "dev")
    starts = [each for each in recorded.take() if isinstance(each, VisitStarted)]
    assert [each.is_return for each in starts] == [False, False, True, False, False]


def test_rooms_left_by_session_are_bounded_to_newest_ones(recorded: RecordedHub) -> None:
    alice = recorded.log_in("alice")
    for number in range(150):
        recorded.hub.publish(alice, ["hi"])
        recorded.hub.join(alice, f"r{number}")
    recorded.take()
    recorded.hub.log_out(alice)
    rooms = {each.room for each in recorded.take() if isinstance(each, VisitEnded)}
    assert rooms == {f"r{number}" for number in range(119, 150)}


def test_subscriptions_are_recorded_once_and_never_to_oneself(recorded: RecordedHub) -> None:
    alice = recorded.log_in("alice")
    recorded.take()
    for publisher in ("bob", "bob", "*", "alice", "nobody"):
        recorded.hub.subscribe(alice, publisher)
    for publisher in ("bob", "bob", "alice", "nobody"):
        recorded.hub.unsubscribe(alice, publisher)
    assert recorded.take() == [
        Subscribed("alice", "bob"),
        Subscribed("alice", "*"),
        Unsubscribed("alice", "bob"),
    ]


def test_hub_without_record_keeps_nothing() -> None:
    recorded = RecordedHub(keeps_history=False)
    alice = recorded.log_in("alice")
    recorded.hub.send_private(alice, "bob", "hi")
    assert alice.receiver.outputs == [Rejected(RejectReason.NOT_DELIVERED, "bob")]


def test_stamps_go_on_above_those_of_earlier_server() -> None:
    recorded = RecordedHub(SavedState(last_stamp=NOON + HOUR))
    alice = recorded.log_in("alice")
    recorded.hub.publish(alice, ["the clock was set back"])
    run = recorded.take()[-1]
    assert isinstance(run, PublishedMessages)
    assert (run.stamp, run.time) == (NOON + HOUR + 1, NOON)


def test_subscriptions_of_earlier_server_are_in_force() -> None:
    recorded = RecordedHub(SavedState(subscriptions={"bob": frozenset({"alice"})}))
    alice, bob = recorded.log_in("alice"), recorded.log_in("bob")
    recorded.hub.publish(alice, ["hi"])
    assert len(bob.receiver.outputs) == 1


# Private messages


def test_private_message_is_kept_if_recipient_is_offline_or_does_not_follow(
    recorded: RecordedHub,
) -> None:
    alice = recorded.log_in("alice")
    recorded.hub.send_private(alice, "bob", "offline")
    bob = recorded.log_in("bob")
    recorded.take()
    recorded.hub.send_private(alice, "bob", "does not follow")
    assert alice.receiver.outputs == [KeptReceipt("bob"), KeptReceipt("bob")]
    assert bob.receiver.outputs == []
    assert recorded.take() == [
        PrivateMessageSent("alice", "bob", "does not follow", NOON + 1, NOON, is_kept=True)
    ]
    assert recorded.hub.messages == 2
    assert recorded.hub.deliveries == 0


@pytest.mark.parametrize("name", ["alice", "nobody", "not/valid"])
def test_private_message_to_oneself_or_no_account_is_not_kept(
    recorded: RecordedHub, name: str
) -> None:
    alice = recorded.log_in("alice")
    recorded.take()
    recorded.hub.send_private(alice, name, "hi")
    assert alice.receiver.outputs == [Rejected(RejectReason.NOT_DELIVERED, name)]
    assert recorded.take() == []


def test_delivered_private_message_is_recorded_as_not_kept(recorded: RecordedHub) -> None:
    alice, _ = recorded.log_in("alice"), recorded.log_in("bob", "alice")
    recorded.take()
    recorded.hub.send_private(alice, "bob", "hi")
    assert recorded.take() == [PrivateMessageSent("alice", "bob", "hi", NOON, NOON)]


def test_number_of_kept_messages_from_one_author_is_limited(recorded: RecordedHub) -> None:
    alice, carol = recorded.log_in("alice"), recorded.log_in("carol")
    for _ in range(MAX_FROM_ONE + 1):
        recorded.hub.send_private(alice, "bob", "hi")
    assert alice.receiver.outputs == [
        *[KeptReceipt("bob")] * MAX_FROM_ONE,
        Rejected(RejectReason.TOO_MANY_WAITING, "bob"),
    ]
    recorded.hub.send_private(carol, "bob", "hi")
    assert carol.receiver.outputs == [KeptReceipt("bob")]


def test_number_of_kept_messages_for_one_recipient_is_limited() -> None:
    waiting = {("bob", f"author{number}"): MAX_FROM_ONE for number in range(9)}
    recorded = RecordedHub(SavedState(waiting=waiting))
    alice, carol = recorded.log_in("alice"), recorded.log_in("carol")
    for _ in range(MAX_FOR_ONE - 9 * MAX_FROM_ONE):
        recorded.hub.send_private(alice, "bob", "hi")
    recorded.hub.send_private(carol, "bob", "one too many")
    assert alice.receiver.outputs[-1] == KeptReceipt("bob")
    assert carol.receiver.outputs == [Rejected(RejectReason.TOO_MANY_WAITING, "bob")]


def test_asking_for_kept_messages_makes_room_only_for_a_follower(recorded: RecordedHub) -> None:
    alice, bob = recorded.log_in("alice"), recorded.log_in("bob")
    for _ in range(MAX_FROM_ONE):
        recorded.hub.send_private(alice, "bob", "hi")
    recorded.hub.read_private(bob, "alice")
    recorded.hub.send_private(alice, "bob", "hi")
    assert alice.receiver.outputs[-1] == Rejected(RejectReason.TOO_MANY_WAITING, "bob")
    recorded.hub.subscribe(bob, "alice")
    recorded.take()
    recorded.hub.read_private(bob, "alice")
    assert recorded.take() == [PrivateMessagesRead("bob", "alice")]
    recorded.hub.unsubscribe(bob, "alice")
    recorded.hub.send_private(alice, "bob", "hi")
    assert alice.receiver.outputs[-1] == KeptReceipt("bob")


def test_kept_messages_that_are_gone_make_room(recorded: RecordedHub) -> None:
    alice, carol = recorded.log_in("alice"), recorded.log_in("carol")
    recorded.hub.send_private(carol, "bob", "hi")
    for _ in range(MAX_FROM_ONE):
        assert recorded.hub.waiting_if_full(alice, "bob") == {}
        recorded.hub.send_private(alice, "bob", "hi")
    counted = recorded.hub.waiting_if_full(alice, "bob")
    assert counted == {"alice": MAX_FROM_ONE, "carol": 1}
    recorded.hub.correct_waiting("bob", counted, {**counted, "dave": 7})
    assert recorded.hub.waiting_if_full(alice, "bob") == counted
    recorded.hub.correct_waiting("bob", counted, {"alice": MAX_FROM_ONE - 1})
    recorded.take()
    for _ in range(2):
        recorded.hub.send_private(alice, "bob", "hi")
    assert alice.receiver.outputs[-2:] == [
        KeptReceipt("bob"),
        Rejected(RejectReason.TOO_MANY_WAITING, "bob"),
    ]


def test_messages_to_online_follower_are_never_too_many_to_wait(
    recorded: RecordedHub,
) -> None:
    alice, bob = recorded.log_in("alice"), recorded.log_in("bob")
    for _ in range(MAX_FROM_ONE):
        recorded.hub.send_private(alice, "bob", "hi")
    recorded.hub.subscribe(bob, "alice")
    assert recorded.hub.waiting_if_full(alice, "bob") == {}


def test_page_of_private_messages_includes_those_kept_during_session(
    recorded: RecordedHub,
) -> None:
    alice, bob = recorded.log_in("alice"), recorded.log_in("bob")
    before = recorded.hub.reading_position(bob, "alice")
    recorded.hub.send_private(alice, "bob", "does not follow yet")
    recorded.hub.subscribe(bob, "alice")
    after = recorded.hub.reading_position(bob, "alice")
    assert before is not None
    assert after is not None
    assert before.private_bound < NOON <= after.private_bound
    recorded.hub.read_private(bob, "alice")
    recorded.hub.send_private(alice, "bob", "came live")
    again = recorded.hub.reading_position(bob, "alice")
    assert again is not None
    assert again.private_bound == after.private_bound


# Accounts


def test_removed_account_loses_what_waits_for_it_and_from_it(recorded: RecordedHub) -> None:
    alice = recorded.log_in("alice", "carol")
    for _ in range(MAX_FROM_ONE):
        recorded.hub.send_private(alice, "bob", "hi")
    recorded.take()
    recorded.hub.remove_users(["alice"])
    assert recorded.take() == [
        VisitEnded("alice", LOBBY, NOON + MAX_FROM_ONE - 1, False),
        UserForgotten("alice"),
    ]
    namesake = recorded.log_in("alice")
    recorded.hub.send_private(namesake, "bob", "hi")
    assert namesake.receiver.outputs == [KeptReceipt("bob")]
    position = recorded.hub.reading_position(namesake)
    assert position is not None
    assert position.subscriptions == frozenset()


def test_renamed_account_keeps_subscriptions_followers_and_waiting_messages(
    recorded: RecordedHub,
) -> None:
    bob = recorded.log_in("bob", "alice")
    alice = recorded.log_in("alice", "carol")
    for _ in range(MAX_FROM_ONE):
        recorded.hub.send_private(alice, "carol", "hi")
    recorded.take()
    recorded.accounts.add("alicia")
    assert recorded.hub.rename_users({"alice": "alicia"}) == ["alice"]
    assert recorded.take()[-1] == AccountRenamed("alice", "alicia")
    assert alice.receiver.outputs[-1] == EndNotice(EndCause.ACCOUNT_REMOVED)
    alicia = recorded.log_in("alicia")
    recorded.hub.publish(alicia, ["hi"])
    assert bob.receiver.outputs[-1] == PublishedMessages(
        LOBBY, "alicia", ("hi",), NOON + MAX_FROM_ONE, False, NOON
    )
    recorded.hub.send_private(alicia, "carol", "hi")
    assert alicia.receiver.outputs[-1] == Rejected(RejectReason.TOO_MANY_WAITING, "carol")
    position = recorded.hub.reading_position(alicia)
    assert position is not None
    assert position.subscriptions == {"carol"}


def test_renamed_account_does_not_follow_itself_after_a_former_account_of_its_new_name(
    recorded: RecordedHub,
) -> None:
    recorded.log_in("bob", "alice", "carol")
    recorded.hub.remove_users(["alice"])
    recorded.hub.rename_users({"bob": "alice"})
    alice = recorded.log_in("alice")
    position = recorded.hub.reading_position(alice)
    assert position is not None
    assert position.subscriptions == {"carol"}


def test_stored_subscription_to_oneself_has_ended() -> None:
    saved = SavedState(subscriptions={"bob": frozenset({"bob", "carol"})})
    recorded = RecordedHub(saved)
    position = recorded.hub.reading_position(recorded.log_in("bob"))
    assert position is not None
    assert position.subscriptions == {"carol"}


# Stamps of live messages


def test_messages_carry_stamps_only_for_sessions_that_turned_them_on(
    recorded: RecordedHub,
) -> None:
    alice = recorded.log_in("alice")
    bob, carol = recorded.log_in("bob", "*"), recorded.log_in("carol", "alice")
    recorded.hub.set_stamps(bob, True)
    bob.receiver.outputs.clear()
    recorded.hub.publish(alice, ["hi"])
    run = recorded.take()[-1]
    assert isinstance(run, PublishedMessages)
    recorded.hub.send_private(alice, "bob", "psst")
    private = recorded.take()[-1]
    assert isinstance(private, PrivateMessageSent)
    assert bob.receiver.outputs == [Stamped(run), Stamped(private)]
    assert carol.receiver.outputs == [run]
    recorded.hub.set_stamps(bob, False)
    bob.receiver.outputs.clear()
    recorded.hub.publish(alice, ["hi"])
    assert bob.receiver.outputs == carol.receiver.outputs[-1:]


def test_stamps_end_with_session(recorded: RecordedHub) -> None:
    alice, bob = recorded.log_in("alice"), recorded.log_in("bob", "*")
    recorded.hub.set_stamps(bob, True)
    recorded.hub.log_out(bob)
    bob = recorded.log_in("bob")
    recorded.hub.publish(alice, ["hi"])
    assert isinstance(bob.receiver.outputs[-1], PublishedMessages)


def test_upper_bound_of_new_messages_is_entry_or_turning_stamps_on(
    recorded: RecordedHub,
) -> None:
    alice, bob = recorded.log_in("alice"), recorded.log_in("bob", "*")

    def entered() -> int:
        position = recorded.hub.reading_position(bob)
        assert position is not None
        return position.entered

    assert entered() == 0
    recorded.hub.publish(alice, ["one"])
    assert entered() == 0
    recorded.hub.set_stamps(bob, True)
    assert entered() == NOON
    recorded.hub.publish(alice, ["two"])
    recorded.hub.set_stamps(bob, True)
    assert entered() == NOON, "stamps were on already, so the client has the message"
    recorded.hub.join(bob, "dev")
    assert entered() == NOON + 1

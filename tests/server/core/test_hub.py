"""Who hears what: the hub without sockets. A receiver here is a list of the lines it got."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from chat_server.core.hub import Hub
from chat_server.core.rooms import Session
from chat_server.core.values import EndCause, EndNotice, PublishedMessages
from chat_server.delivery import TextEncoder

NOON = 1_795_348_800_000_000
"""2026-11-22 12:00 UTC, in microseconds since the epoch."""

SECOND = 1_000_000

KICKED = EndNotice(EndCause.KICKED, "why")


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Receiver:
    """What one client would read, and whether it has had its last line."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended = False

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


class HubHarness:
    """A hub, its people and its clock."""

    def __init__(self) -> None:
        self.accounts = {"alice", "bob", "carol", "dave"}
        self.now = NOON
        emit = TextEncoder(self._deliver).emit
        self.hub: Hub[Receiver] = Hub(emit, self.accounts.__contains__, lambda: self.now)

    @staticmethod
    def _deliver(receivers: tuple[Receiver, ...], data: bytes, last: bool) -> None:
        for receiver in receivers:
            if not receiver.ended:
                receiver.lines += data.decode().splitlines()
                receiver.ended = last

    def log_in(self, user: str, *commands: str) -> Session[Receiver]:
        session = self.hub.log_in(user, Receiver(), ["/join"])
        assert session is not None
        for follow in commands:
            self.hub.subscribe(session, follow)
        session.receiver.take()
        return session


@pytest.fixture
def house() -> Iterator[HubHarness]:
    house = HubHarness()
    yield house
    for room in house.hub._state.rooms.values():
        for user, member in room.members.items():
            assert house.hub._state.sessions[user] is member, "a ghost is left in a room"
            assert member.room is room
    assert sum(len(room.members) for room in house.hub._state.rooms.values()) == len(
        house.hub._state.sessions
    )


def heard(session: Session[Receiver]) -> list[str]:
    return session.receiver.take()


def test_message_reaches_subscribers_in_same_room(house: HubHarness) -> None:
    alice = house.log_in("alice")
    bob, carol = house.log_in("bob", "alice"), house.log_in("carol", "bob")
    dave = house.log_in("dave", "*")
    house.hub.join(dave, "dev")
    heard(dave)
    audience = house.hub.publish(alice, ["hi"])
    assert audience == (bob.receiver,)
    assert heard(bob) == ["[12:00:00] alice: hi"]
    assert heard(carol) == heard(dave) == heard(alice) == []


def test_subscription_to_everyone_excludes_own_messages(house: HubHarness) -> None:
    alice, bob = house.log_in("alice", "*"), house.log_in("bob", "*")
    house.hub.publish(alice, ["hi"])
    assert heard(alice) == []
    assert heard(bob) == ["[12:00:00] alice: hi"]
    house.hub.subscribe(alice, "alice")
    heard(alice)
    house.hub.publish(alice, ["echo"])
    assert heard(alice) == ["[12:00:00] alice: echo"]


def test_unsubscribe_from_everyone_keeps_named_subscriptions(house: HubHarness) -> None:
    alice, bob = house.log_in("alice"), house.log_in("bob", "*", "alice")
    house.hub.unsubscribe(bob, "*")
    house.hub.list_subscriptions(bob)
    assert heard(bob) == ["[SERVER] Unsubscribed from *", "[SERVER] Subscriptions: alice"]
    house.hub.publish(alice, ["hi"])
    assert heard(bob) == ["[12:00:00] alice: hi"]
    house.hub.unsubscribe(bob, "alice")
    house.hub.publish(alice, ["more"])
    assert heard(bob) == ["[SERVER] Unsubscribed from alice"]


def test_subscriptions_survive_logout_except_self_subscription(house: HubHarness) -> None:
    bob = house.log_in("bob", "*", "alice", "bob")
    house.hub.log_out(bob)
    again = house.log_in("bob")
    house.hub.list_subscriptions(again)
    assert heard(again) == ["[SERVER] Subscriptions: *, alice"]


def test_subscriptions_hold_across_rooms(house: HubHarness) -> None:
    alice, bob = house.log_in("alice"), house.log_in("bob", "alice")
    house.hub.join(alice, "dev")
    house.hub.join(bob, "dev")
    heard(bob)
    house.hub.publish(alice, ["here"])
    assert heard(bob) == ["[12:00:00] alice: here"]
    house.hub.join(alice, "ops")
    house.hub.publish(alice, ["gone"])
    assert heard(bob) == []


def test_subscribing_needs_an_account(house: HubHarness) -> None:
    bob = house.log_in("bob")
    house.hub.subscribe(bob, "nobody")
    house.hub.subscribe(bob, "a b\x1b")
    assert heard(bob) == ["[ERROR] No such user: nobody", "[ERROR] No such user: a b"]


def test_message_times_increase_within_room_if_clock_is_set_back(house: HubHarness) -> None:
    bob = house.log_in("bob", "alice")
    alice = house.log_in("alice")
    house.hub.publish(alice, ["one", "two"])
    house.now = NOON - 3600 * SECOND
    house.hub.publish(alice, ["three"])
    assert heard(bob) == [f"[12:00:00] alice: {text}" for text in ("one", "two", "three")]
    assert house.hub._state.last_stamp == NOON + 2


def test_messages_of_one_batch_get_their_own_seconds(house: HubHarness) -> None:
    bob, alice = house.log_in("bob", "alice"), house.log_in("alice")
    house.now = NOON + 999_999
    house.hub.publish(alice, ["one", "two"])
    assert heard(bob) == ["[12:00:00] alice: one", "[12:00:01] alice: two"]


def test_apply_delivers_message_from_other_node(house: HubHarness) -> None:
    bob = house.log_in("bob", "carol")
    house.hub.apply(PublishedMessages("lobby", "carol", ("from another node",), NOON))
    house.hub.apply(PublishedMessages("nowhere", "carol", ("lost",), NOON + 1))
    assert heard(bob) == ["[12:00:00] carol: from another node"]


def test_rooms_exist_while_they_have_members(house: HubHarness) -> None:
    alice, bob = house.log_in("alice"), house.log_in("bob")
    house.hub.join(alice, "Zoo")
    house.hub.join(bob, "dev")
    heard(alice)
    house.hub.list_rooms(alice)
    assert heard(alice) == ["[SERVER] Active rooms: lobby (0), Zoo (1), dev (1)"]
    house.hub.join(bob, "lobby")
    house.hub.list_rooms(alice)
    assert heard(alice) == ["[SERVER] Active rooms: lobby (1), Zoo (1)"]
    house.hub.list_members(alice, "dev")
    house.hub.list_members(alice, "no\x1bne")
    house.hub.list_members(alice, "lobby")
    assert heard(alice) == [
        "[ERROR] No such room: dev",
        "[ERROR] No such room: none",
        "[SERVER] In room 'lobby': bob",
    ]


def test_presence_reports_room_change_in_order(house: HubHarness) -> None:
    watcher, mover = house.log_in("alice"), house.log_in("bob")
    house.hub.set_presence(watcher, True)
    house.hub.set_presence(mover, True)
    heard(watcher), heard(mover)
    house.hub.join(mover, "dev")
    assert heard(mover) == ["[SERVER] Joined room 'dev'", "[SERVER] Room 'dev' opened"]
    assert heard(watcher) == ["[SERVER] bob left room 'lobby'", "[SERVER] Room 'dev' opened"]
    house.hub.join(mover, "ops")
    assert heard(mover) == [
        "[SERVER] Joined room 'ops'",
        "[SERVER] Room 'dev' closed",
        "[SERVER] Room 'ops' opened",
    ]
    heard(watcher)
    house.hub.join(mover, "lobby")
    assert heard(mover) == ["[SERVER] Joined room 'lobby'", "[SERVER] Room 'ops' closed"]
    assert heard(watcher) == ["[SERVER] Room 'ops' closed", "[SERVER] bob joined room 'lobby'"]
    house.hub.set_presence(watcher, False)
    house.hub.join(mover, "dev")
    assert heard(watcher) == ["[SERVER] Presence off"]


def test_presence_reports_login_relogin_and_logout(house: HubHarness) -> None:
    watcher = house.log_in("alice")
    house.hub.set_presence(watcher, True)
    heard(watcher)
    bob = house.log_in("bob")
    assert heard(watcher) == ["[SERVER] bob joined room 'lobby'"]
    newer = house.log_in("bob")
    assert heard(watcher) == ["[SERVER] bob left room 'lobby'", "[SERVER] bob joined room 'lobby'"]
    assert bob.ended.is_set()
    assert heard(bob) == ["[SERVER] Logged out due to new login"]
    house.hub.log_out(bob)  # its thread comes to its end only now
    assert heard(watcher) == []
    house.hub.log_out(newer)
    assert heard(watcher) == ["[SERVER] bob left room 'lobby'"]


def test_ended_session_is_ignored(house: HubHarness) -> None:
    listener, older = house.log_in("alice", "*"), house.log_in("bob")
    newer = house.log_in("bob")
    assert house.hub.publish(older, ["ghost"]) == ()
    house.hub.join(older, "dev")
    house.hub.subscribe(older, "carol")
    house.hub.set_presence(older, True)
    house.hub.unsubscribe(older, "*")
    assert heard(listener) == []
    house.hub.list_subscriptions(newer)
    house.hub.list_rooms(newer)
    assert heard(newer) == ["[SERVER] Subscriptions: none", "[SERVER] Active rooms: lobby (2)"]


def test_removed_users_are_logged_out_and_forgotten(house: HubHarness) -> None:
    alice, bob = house.log_in("alice", "*"), house.log_in("bob", "*")
    house.accounts.discard("alice")
    assert house.hub.remove_users(["alice", "nobody"]) == ["alice"]
    assert heard(alice) == ["[SERVER] Logged out: this account was removed"]
    assert alice.receiver.ended
    assert house.hub.log_in("alice", Receiver(), []) is None
    house.hub.list_members(bob)
    assert heard(bob) == ["[SERVER] In room 'lobby': bob"]


def test_ended_sessions_get_reason_and_keep_subscriptions(
    house: HubHarness,
) -> None:
    alice, bob = house.log_in("alice", "bob", "alice"), house.log_in("bob", "alice")
    house.accounts.discard("alice")
    assert house.hub.end_sessions(["alice", "nobody"], KICKED) == ["alice"]
    assert heard(alice) == ["[SERVER] Logged out by an operator: why"]
    assert alice.receiver.ended
    assert house.hub.log_in("alice", Receiver(), []) is None
    house.hub.list_subscriptions(bob)
    assert heard(bob) == ["[SERVER] Subscriptions: alice"]
    house.accounts.add("alice")
    again = house.log_in("alice")
    house.hub.list_subscriptions(again)
    assert heard(again) == ["[SERVER] Subscriptions: bob"]


def test_accounts_that_cannot_log_in_can_be_followed() -> None:
    hub: Hub[Receiver] = Hub(
        lambda recipients, output: None,
        lambda name: name == "alice",
        lambda: NOON,
        lambda name: name in ("alice", "eve"),
    )
    alice = hub.log_in("alice", Receiver(), [])
    assert alice is not None
    hub.subscribe(alice, "eve")
    hub.subscribe(alice, "nobody")
    assert alice.subscriptions == {"eve"}
    assert hub.log_in("eve", Receiver(), []) is None


def test_shutdown_notifies_everyone_and_rejects_logins(house: HubHarness) -> None:
    alice, bob = house.log_in("alice"), house.log_in("bob")
    house.hub.join(bob, "dev")
    heard(bob)
    house.hub.shut_down()
    assert heard(alice) == heard(bob) == ["[SERVER] Server is shutting down"]
    assert house.hub.log_in("carol", Receiver(), []) is None
    assert alice.ended.is_set()


def test_hub_tables_do_not_grow_with_requests(house: HubHarness) -> None:
    alice = house.log_in("alice")
    for number in range(1000):
        house.hub.join(alice, f"room{number}")
        house.hub.subscribe(alice, f"nobody{number}")
        house.hub.unsubscribe(alice, f"nobody{number}")
        house.hub.list_members(alice, f"other{number}")
    assert len(house.hub._state.rooms) == 2
    assert alice.subscriptions == set()

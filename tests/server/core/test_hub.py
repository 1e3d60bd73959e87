"""Routing: the hub and the encoder without sockets. A receiver is a list of the lines it got."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from chat_server.access import BanList
from chat_server.core.hub import Hub
from chat_server.core.rooms import Session
from chat_server.core.values import (
    EndCause,
    EndNotice,
    LoginBan,
    LoginBannedError,
    PublishedMessages,
)
from chat_server.delivery import TextEncoder
from tests.support.hub_events import apply_event

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
    """The lines that one client would read, and whether it has had its last one."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended = False

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


class HubHarness:
    """A hub with its accounts and its clock."""

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

    def log_in(self, user: str, *publishers: str) -> Session[Receiver]:
        """Log in, subscribe to the publishers, and discard the replies."""
        session = self.hub.log_in(user, Receiver(), ["/join"])
        assert session is not None
        for publisher in publishers:
            self.hub.subscribe(session, publisher)
        session.receiver.take()
        return session


@pytest.fixture
def harness() -> Iterator[HubHarness]:
    harness = HubHarness()
    yield harness
    for room in harness.hub._applier.state.rooms.values():
        for user, member in room.members.items():
            assert harness.hub._applier.state.sessions[user] is member, (
                "an ended session is left in a room"
            )
            assert member.room is room
    assert sum(len(room.members) for room in harness.hub._applier.state.rooms.values()) == len(
        harness.hub._applier.state.sessions
    )


def received_by(session: Session[Receiver]) -> list[str]:
    """Return the lines that a session was sent since the last call."""
    return session.receiver.take()


def test_message_reaches_subscribers_in_same_room(harness: HubHarness) -> None:
    alice = harness.log_in("alice")
    bob, carol = harness.log_in("bob", "alice"), harness.log_in("carol", "bob")
    dave = harness.log_in("dave", "*")
    harness.hub.join(dave, "dev")
    received_by(dave)
    audience = harness.hub.publish(alice, ["hi"])
    assert audience == (bob.receiver,)
    assert received_by(bob) == ["[12:00:00] alice: hi"]
    assert received_by(carol) == received_by(dave) == received_by(alice) == []


def test_subscription_to_everyone_excludes_own_messages(harness: HubHarness) -> None:
    alice, bob = harness.log_in("alice", "*"), harness.log_in("bob", "*")
    harness.hub.publish(alice, ["hi"])
    assert received_by(alice) == []
    assert received_by(bob) == ["[12:00:00] alice: hi"]
    harness.hub.subscribe(alice, "alice")
    received_by(alice)
    harness.hub.publish(alice, ["echo"])
    assert received_by(alice) == ["[12:00:00] alice: echo"]


def test_unsubscribe_from_everyone_keeps_named_subscriptions(harness: HubHarness) -> None:
    alice, bob = harness.log_in("alice"), harness.log_in("bob", "*", "alice")
    harness.hub.unsubscribe(bob, "*")
    harness.hub.list_subscriptions(bob)
    assert received_by(bob) == ["[SERVER] Unsubscribed from *", "[SERVER] Subscriptions: alice"]
    harness.hub.publish(alice, ["hi"])
    assert received_by(bob) == ["[12:00:00] alice: hi"]
    harness.hub.unsubscribe(bob, "alice")
    harness.hub.publish(alice, ["more"])
    assert received_by(bob) == ["[SERVER] Unsubscribed from alice"]


def test_subscriptions_survive_logout_except_self_subscription(harness: HubHarness) -> None:
    bob = harness.log_in("bob", "*", "alice", "bob")
    harness.hub.log_out(bob)
    again = harness.log_in("bob")
    harness.hub.list_subscriptions(again)
    assert received_by(again) == ["[SERVER] Subscriptions: *, alice"]


def test_subscriptions_hold_across_rooms(harness: HubHarness) -> None:
    alice, bob = harness.log_in("alice"), harness.log_in("bob", "alice")
    harness.hub.join(alice, "dev")
    harness.hub.join(bob, "dev")
    received_by(bob)
    harness.hub.publish(alice, ["here"])
    assert received_by(bob) == ["[12:00:00] alice: here"]
    harness.hub.join(alice, "ops")
    harness.hub.publish(alice, ["gone"])
    assert received_by(bob) == []


def test_subscribing_needs_an_account(harness: HubHarness) -> None:
    bob = harness.log_in("bob")
    harness.hub.subscribe(bob, "missing")
    harness.hub.subscribe(bob, "a b\x1b")
    assert received_by(bob) == ["[ERROR] No such user: missing", "[ERROR] No such user: a b"]


def test_shown_times_follow_a_clock_that_is_set_back(harness: HubHarness) -> None:
    bob = harness.log_in("bob", "alice")
    alice = harness.log_in("alice")
    harness.hub.publish(alice, ["one", "two"])
    harness.now = NOON + 3600 * SECOND  # a jump forward by mistake
    harness.hub.publish(alice, ["three"])
    for seconds in (1, 2):
        harness.now = NOON + seconds * SECOND
        harness.hub.publish(alice, ["hi"])
        harness.hub.publish(alice, ["waves"], actions=True)
        harness.hub.send_private(alice, "bob", "psst")
    assert received_by(bob) == [
        "[12:00:00] alice: one",
        "[12:00:00] alice: two",
        "[13:00:00] alice: three",
        "[12:00:01] alice: hi",
        "[12:00:01] * alice waves",
        "[12:00:01] alice -> bob: psst",
        "[12:00:02] alice: hi",
        "[12:00:02] * alice waves",
        "[12:00:02] alice -> bob: psst",
    ]


def test_stamps_rise_while_the_clock_is_behind(harness: HubHarness) -> None:
    alice = harness.log_in("alice")
    harness.hub.publish(alice, ["one", "two"])
    assert harness.hub._applier.state.last_stamp == NOON + 1
    harness.now = NOON - 3600 * SECOND
    harness.hub.publish(alice, ["three", "four"])
    assert harness.hub._applier.state.last_stamp == NOON + 3


def test_messages_of_one_run_show_the_time_of_the_run(harness: HubHarness) -> None:
    bob, alice = harness.log_in("bob", "alice"), harness.log_in("alice")
    harness.now = NOON + 999_999
    harness.hub.publish(alice, ["one", "two"])
    assert received_by(bob) == ["[12:00:00] alice: one", "[12:00:00] alice: two"]


def test_apply_delivers_message_from_other_node(harness: HubHarness) -> None:
    bob = harness.log_in("bob", "carol")
    apply_event(harness.hub, PublishedMessages("lobby", "carol", ("from another node",), NOON))
    apply_event(harness.hub, PublishedMessages("nowhere", "carol", ("lost",), NOON + 1))
    assert received_by(bob) == ["[12:00:00] carol: from another node"]


def test_rooms_exist_while_they_have_members(harness: HubHarness) -> None:
    alice, bob = harness.log_in("alice"), harness.log_in("bob")
    harness.hub.join(alice, "Zoo")
    harness.hub.join(bob, "dev")
    received_by(alice)
    harness.hub.list_rooms(alice)
    assert received_by(alice) == ["[SERVER] Active rooms: lobby (0), Zoo (1), dev (1)"]
    harness.hub.join(bob, "lobby")
    harness.hub.list_rooms(alice)
    assert received_by(alice) == ["[SERVER] Active rooms: lobby (1), Zoo (1)"]
    harness.hub.list_members(alice, "dev")
    harness.hub.list_members(alice, "no\x1bne")
    harness.hub.list_members(alice, "lobby")
    assert received_by(alice) == [
        "[ERROR] No such room: dev",
        "[ERROR] No such room: none",
        "[SERVER] In room 'lobby': bob",
    ]


def test_presence_reports_room_change_in_order(harness: HubHarness) -> None:
    watcher, mover = harness.log_in("alice"), harness.log_in("bob")
    harness.hub.set_presence(watcher, True)
    harness.hub.set_presence(mover, True)
    received_by(watcher), received_by(mover)
    harness.hub.join(mover, "dev")
    assert received_by(mover) == ["[SERVER] Joined room 'dev'", "[SERVER] Room 'dev' opened"]
    assert received_by(watcher) == ["[SERVER] bob left room 'lobby'", "[SERVER] Room 'dev' opened"]
    harness.hub.join(mover, "ops")
    assert received_by(mover) == [
        "[SERVER] Joined room 'ops'",
        "[SERVER] Room 'dev' closed",
        "[SERVER] Room 'ops' opened",
    ]
    received_by(watcher)
    harness.hub.join(mover, "lobby")
    assert received_by(mover) == ["[SERVER] Joined room 'lobby'", "[SERVER] Room 'ops' closed"]
    assert received_by(watcher) == [
        "[SERVER] Room 'ops' closed",
        "[SERVER] bob joined room 'lobby'",
    ]
    harness.hub.set_presence(watcher, False)
    harness.hub.join(mover, "dev")
    assert received_by(watcher) == ["[SERVER] Presence off"]


def test_presence_reports_login_relogin_and_logout(harness: HubHarness) -> None:
    watcher = harness.log_in("alice")
    harness.hub.set_presence(watcher, True)
    received_by(watcher)
    bob = harness.log_in("bob")
    assert received_by(watcher) == ["[SERVER] bob joined room 'lobby'"]
    newer = harness.log_in("bob")
    assert received_by(watcher) == [
        "[SERVER] bob left room 'lobby'",
        "[SERVER] bob joined room 'lobby'",
    ]
    assert bob.ended.is_set()
    assert received_by(bob) == ["[SERVER] Logged out due to new login"]
    harness.hub.log_out(bob)  # the older connection closes only now
    assert received_by(watcher) == []
    harness.hub.log_out(newer)
    assert received_by(watcher) == ["[SERVER] bob left room 'lobby'"]


def test_ended_session_is_ignored(harness: HubHarness) -> None:
    subscriber, older = harness.log_in("alice", "*"), harness.log_in("bob")
    newer = harness.log_in("bob")
    assert harness.hub.publish(older, ["ghost"]) == ()
    harness.hub.join(older, "dev")
    harness.hub.subscribe(older, "carol")
    harness.hub.set_presence(older, True)
    harness.hub.unsubscribe(older, "*")
    assert received_by(subscriber) == []
    harness.hub.list_subscriptions(newer)
    harness.hub.list_rooms(newer)
    assert received_by(newer) == [
        "[SERVER] Subscriptions: none",
        "[SERVER] Active rooms: lobby (2)",
    ]


def test_removed_users_are_logged_out_and_forgotten(harness: HubHarness) -> None:
    alice, bob = harness.log_in("alice", "*"), harness.log_in("bob", "*")
    harness.accounts.discard("alice")
    assert harness.hub.remove_users(["alice", "missing"]) == ["alice"]
    assert received_by(alice) == ["[SERVER] Logged out: this account was removed"]
    assert alice.receiver.ended
    assert harness.hub.log_in("alice", Receiver(), []) is None
    harness.hub.list_members(bob)
    assert received_by(bob) == ["[SERVER] In room 'lobby': bob"]


def test_ended_sessions_get_reason_and_keep_subscriptions(
    harness: HubHarness,
) -> None:
    alice, bob = harness.log_in("alice", "bob", "alice"), harness.log_in("bob", "alice")
    harness.accounts.discard("alice")
    assert harness.hub.end_sessions(["alice", "missing"], KICKED) == ["alice"]
    assert received_by(alice) == ["[SERVER] Logged out by an operator: why"]
    assert alice.receiver.ended
    assert harness.hub.log_in("alice", Receiver(), []) is None
    harness.hub.list_subscriptions(bob)
    assert received_by(bob) == ["[SERVER] Subscriptions: alice"]
    harness.accounts.add("alice")
    again = harness.log_in("alice")
    harness.hub.list_subscriptions(again)
    assert received_by(again) == ["[SERVER] Subscriptions: bob"]


def test_login_reports_the_ban_of_the_account_before_that_of_the_address() -> None:
    bans = BanList(lambda: 1000.0)
    hub: Hub[Receiver] = Hub(lambda *_: None, lambda name: True, lambda: NOON, bans=bans)

    def ban_of(user: str) -> LoginBan:
        with pytest.raises(LoginBannedError) as raised:
            hub.log_in(user, Receiver(), [], "192.0.2.1")
        return raised.value.ban

    bans.ban_address("192.0.2.1", None)
    assert ban_of("bob") == LoginBan(None, is_of_address=True)
    bans.ban_account("bob", 60)
    assert ban_of("bob") == LoginBan(60)
    assert ban_of("alice") == LoginBan(None, is_of_address=True)
    assert hub.log_in("alice", Receiver(), [], "192.0.2.2") is not None


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
    hub.subscribe(alice, "missing")
    assert alice.subscriptions == {"eve"}
    assert hub.log_in("eve", Receiver(), []) is None


def test_shutdown_notifies_everyone_and_rejects_logins(harness: HubHarness) -> None:
    alice, bob = harness.log_in("alice"), harness.log_in("bob")
    harness.hub.join(bob, "dev")
    received_by(bob)
    harness.hub.shut_down()
    assert received_by(alice) == received_by(bob) == ["[SERVER] Server is shutting down"]
    assert harness.hub.log_in("carol", Receiver(), []) is None
    assert alice.ended.is_set()


def test_hub_tables_do_not_grow_with_requests(harness: HubHarness) -> None:
    alice = harness.log_in("alice")
    for number in range(1000):
        harness.hub.join(alice, f"room{number}")
        harness.hub.subscribe(alice, f"missing{number}")
        harness.hub.unsubscribe(alice, f"missing{number}")
        harness.hub.list_members(alice, f"other{number}")
    assert len(harness.hub._applier.state.rooms) == 2
    assert set().union(*harness.hub._applier.state.looks.rooms.values()) == {"lobby", "room999"}
    assert alice.subscriptions == set()

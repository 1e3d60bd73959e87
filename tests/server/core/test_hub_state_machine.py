"""The hub against a model of the contract: each session reads what the model predicts."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterator, Set

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chat_server.core.hub import Hub
from chat_server.core.rooms import Session
from chat_server.core.values import EndCause, EndNotice, PublishedMessages
from chat_server.delivery import TextEncoder
from tests.support.hub_events import apply_event

pytestmark = pytest.mark.slow

NOON = 1_795_348_800_000_000
"""2026-11-22 12:00 UTC, in microseconds since the epoch."""

QUIT = EndNotice(EndCause.QUIT)
KICKED = EndNotice(EndCause.KICKED, "why")

USERS = ("alice", "bob", "zoé")
PUBLISHERS_AS_TYPED = ("*", *USERS, "zoe\u0301", "nobody")
ROOMS_AS_TYPED = ("lobby", "dev", "café", "cafe\u0301")


class Model:
    """The contract: the room, the presence setting and the subscriptions of each user."""

    def __init__(self) -> None:
        self.accounts = set(USERS)
        self.room: dict[str, str] = {}
        self.presence: set[str] = set()
        self.subscriptions: dict[str, set[str]] = {user: set() for user in USERS}

    def members(self, room: str) -> set[str]:
        return {user for user, current in self.room.items() if current == room}

    def recipients(self, author: str, room: str) -> set[str]:
        return {
            user
            for user in self.members(room)
            if author in self.subscriptions[user]
            or ("*" in self.subscriptions[user] and user != author)
        }


class Receiver:
    """The lines that one client reads, and those that the model predicts."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.predicted: list[str] = []
        self.has_ended = False


def deliver(receivers: tuple[Receiver, ...], data: bytes, last: bool) -> None:
    for receiver in receivers:
        if not receiver.has_ended:
            receiver.read += data.decode().splitlines()
            receiver.has_ended = last


online_user = st.runner().flatmap(lambda machine: st.sampled_from(sorted(machine.online)))
ended_session = st.runner().flatmap(lambda machine: st.sampled_from(machine.ended_sessions))
needs_online_user = precondition(lambda machine: machine.online)
needs_ended_session = precondition(lambda machine: machine.ended_sessions)

REQUESTS: tuple[Callable[[Hub[Receiver], Session[Receiver]], object], ...] = (
    lambda hub, session: hub.publish(session, ["ghost"]),
    lambda hub, session: hub.join(session, "dev"),
    lambda hub, session: hub.join(session, "lobby"),
    lambda hub, session: hub.subscribe(session, "*"),
    lambda hub, session: hub.unsubscribe(session, "*"),
    lambda hub, session: hub.set_presence(session, True),
    lambda hub, session: hub.set_presence(session, False),
    lambda hub, session: hub.list_members(session),
    lambda hub, session: hub.log_out(session, QUIT),
)


class HubMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        emit = TextEncoder(deliver).emit
        self.hub: Hub[Receiver] = Hub(emit, self.model.accounts.__contains__, lambda: NOON)
        self.online: dict[str, Session[Receiver]] = {}
        self.ended_sessions: list[Session[Receiver]] = []

    # Predictions of the model

    def expect(self, user: str, *lines: str) -> None:
        self.online[user].receiver.predicted += lines

    def expect_notice(self, users: Set[str], notice: str) -> None:
        for user in users & self.model.presence:
            self.expect(user, f"[SERVER] {notice}")

    def end(self, user: str, last_line: str) -> None:
        self.expect(user, f"[SERVER] {last_line}")
        self.ended_sessions.append(self.online.pop(user))
        self.model.presence.discard(user)
        self.model.subscriptions[user].discard(user)
        room = self.model.room.pop(user)
        self.expect_notice(self.model.members(room), f"{user} left room '{room}'")
        if room != "lobby" and not self.model.members(room):
            self.expect_notice(self.online.keys(), f"Room '{room}' closed")

    # Requests of users

    @rule(user=st.sampled_from(USERS))
    def log_in(self, user: str) -> None:
        receiver = Receiver()
        session = self.hub.log_in(user, receiver, ["/join", "/quit"])
        if user not in self.model.accounts:
            assert session is None
            assert receiver.read == []
            return
        assert session is not None
        if user in self.online:
            self.end(user, "Logged out due to new login")
        self.expect_notice(self.model.members("lobby"), f"{user} joined room 'lobby'")
        self.online[user] = session
        self.model.room[user] = "lobby"
        self.expect(user, "[SERVER] Login successful", "[SERVER] Available commands: /join, /quit")

    @needs_online_user
    @rule(user=online_user)
    def log_out(self, user: str) -> None:
        self.hub.log_out(self.online[user], QUIT)
        self.end(user, "Goodbye")

    @rule(users=st.sets(st.sampled_from(USERS), min_size=1, max_size=2))
    def remove_accounts(self, users: set[str]) -> None:
        self.model.accounts -= users
        logged_out = self.hub.remove_users(sorted(users))
        assert logged_out == sorted(users & self.online.keys())
        for user in logged_out:
            self.end(user, "Logged out: this account was removed")
        for user in users:
            self.model.subscriptions[user] = set()

    @rule(users=st.sets(st.sampled_from(USERS), min_size=1, max_size=2))
    def end_sessions(self, users: set[str]) -> None:
        """End sessions as if accounts were disabled: the users keep their subscriptions."""
        ended = self.hub.end_sessions(sorted(users), KICKED)
        assert ended == sorted(users & self.online.keys())
        for user in ended:
            self.end(user, "Logged out by an operator: why")

    @rule()
    def restore_accounts(self) -> None:
        self.model.accounts.update(USERS)

    @needs_online_user
    @rule(user=online_user, typed=st.sampled_from(ROOMS_AS_TYPED))
    def join(self, user: str, typed: str) -> None:
        self.hub.join(self.online[user], typed)
        model = self.model
        room, old = unicodedata.normalize("NFC", typed), model.room[user]
        if room == old:
            self.expect(user, f"[SERVER] You are already in room '{room}'")
            return
        opens = room != "lobby" and not model.members(room)
        model.room[user] = room
        self.expect(user, f"[SERVER] Joined room '{room}'")
        self.expect_notice(model.members(old), f"{user} left room '{old}'")
        if old != "lobby" and not model.members(old):
            self.expect_notice(self.online.keys(), f"Room '{old}' closed")
        if opens:
            self.expect_notice(self.online.keys(), f"Room '{room}' opened")
        self.expect_notice(model.members(room) - {user}, f"{user} joined room '{room}'")

    @needs_online_user
    @rule(user=online_user, typed=st.sampled_from(PUBLISHERS_AS_TYPED))
    def subscribe(self, user: str, typed: str) -> None:
        self.hub.subscribe(self.online[user], typed)
        name = unicodedata.normalize("NFC", typed)
        if name == "*" or name in self.model.accounts:
            self.model.subscriptions[user].add(name)
            self.expect(user, f"[SERVER] Subscribed to {name}")
        else:
            self.expect(user, f"[ERROR] No such user: {typed}")

    @needs_online_user
    @rule(user=online_user, typed=st.sampled_from(PUBLISHERS_AS_TYPED))
    def unsubscribe(self, user: str, typed: str) -> None:
        self.hub.unsubscribe(self.online[user], typed)
        name = unicodedata.normalize("NFC", typed)
        self.model.subscriptions[user].discard(name)
        self.expect(user, f"[SERVER] Unsubscribed from {name}")

    @needs_online_user
    @rule(user=online_user, on=st.booleans())
    def set_presence(self, user: str, on: bool) -> None:
        self.hub.set_presence(self.online[user], on)
        (self.model.presence.add if on else self.model.presence.discard)(user)
        self.expect(user, f"[SERVER] Presence {'on' if on else 'off'}")

    @rule(author=st.sampled_from(USERS), room=st.sampled_from(["lobby", "dev", "café"]))
    def apply_message_of_other_node(self, author: str, room: str) -> None:
        apply_event(self.hub, PublishedMessages(room, author, ("hello",), NOON))
        for recipient in self.model.recipients(author, room):
            self.expect(recipient, f"[12:00:00] {author}: hello")

    @needs_ended_session
    @rule(session=ended_session, request=st.sampled_from(REQUESTS))
    def request_of_ended_session(
        self,
        session: Session[Receiver],
        request: Callable[[Hub[Receiver], Session[Receiver]], object],
    ) -> None:
        request(self.hub, session)

    # Invariants after each request

    @invariant()
    def every_session_reads_what_is_predicted(self) -> None:
        self.publish_from_every_session()
        self.query_from_every_session()
        for session in (*self.online.values(), *self.ended_sessions):
            receiver = session.receiver
            assert receiver.read == receiver.predicted, session.user
            receiver.read, receiver.predicted = [], []

    def publish_from_every_session(self) -> None:
        for user, session in self.online.items():
            receivers = self.hub.publish(session, ["hi", "/x"])
            recipients = self.model.recipients(user, self.model.room[user])
            assert len(receivers) == len(recipients)
            for recipient in recipients:
                assert self.online[recipient].receiver in receivers
                self.expect(recipient, f"[12:00:00] {user}: hi", f"[12:00:00] {user}: /x")

    def query_from_every_session(self) -> None:
        model = self.model
        rooms = ["lobby", *sorted(set(model.room.values()) - {"lobby"})]
        counted = ", ".join(f"{room} ({len(model.members(room))})" for room in rooms)
        for user, session in self.online.items():
            self.hub.list_rooms(session)
            self.expect(user, f"[SERVER] Active rooms: {counted}")
            self.hub.list_members(session)
            members = ", ".join(sorted(model.members(model.room[user])))
            self.expect(user, f"[SERVER] In room '{model.room[user]}': {members}")
            self.hub.list_subscriptions(session)
            subscriptions = ", ".join(sorted(model.subscriptions[user])) or "none"
            self.expect(user, f"[SERVER] Subscriptions: {subscriptions}")

    @invariant()
    def tables_hold_online_users_only(self) -> None:
        hub, model = self.hub, self.model
        assert hub._applier.state.sessions == self.online
        assert hub._applier.state.watchers.keys() == model.presence
        assert hub._applier.state.rooms.keys() == {"lobby", *model.room.values()}
        assert set().union(*hub._applier.state.looks.rooms.values()) == set(
            hub._applier.state.rooms
        )
        for name, room in hub._applier.state.rooms.items():
            assert room.members.keys() == model.members(name)
        for session in self.ended_sessions:
            assert session.ended.is_set()


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_hub_delivers_exactly_what_contract_model_predicts() -> None:
    run_state_machine_as_test(
        HubMachine, settings=settings(max_examples=300, stateful_step_count=40, deadline=None)
    )

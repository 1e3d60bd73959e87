"""The hub against a model of the contract: whatever is done, everyone reads what the model says."""

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

NOON = 1_795_348_800_000_000
"""2026-11-22 12:00 UTC, in microseconds since the epoch."""

QUIT = EndNotice(EndCause.QUIT)
KICKED = EndNotice(EndCause.KICKED, "why")

PEOPLE = ("alice", "bob", "zoé")
PUBLISHERS_AS_TYPED = ("*", *PEOPLE, "zoe\u0301", "nobody")
ROOMS_AS_TYPED = ("lobby", "dev", "café", "cafe\u0301")


class Model:
    """The contract: where everyone is, whom they follow, and who therefore hears whom."""

    def __init__(self) -> None:
        self.accounts = set(PEOPLE)
        self.room: dict[str, str] = {}
        self.presence: set[str] = set()
        self.follows: dict[str, set[str]] = {user: set() for user in PEOPLE}

    def members(self, room: str) -> set[str]:
        return {user for user, where in self.room.items() if where == room}

    def hearers(self, author: str, room: str) -> set[str]:
        return {
            user
            for user in self.members(room)
            if author in self.follows[user] or ("*" in self.follows[user] and user != author)
        }


class Receiver:
    """What one client reads, and what the model says that it reads."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.due: list[str] = []
        self.has_had_its_last_line = False


def deliver(receivers: tuple[Receiver, ...], data: bytes, last: bool) -> None:
    for receiver in receivers:
        if not receiver.has_had_its_last_line:
            receiver.read += data.decode().splitlines()
            receiver.has_had_its_last_line = last


anyone_here = st.runner().flatmap(lambda machine: st.sampled_from(sorted(machine.here)))
anyone_gone = st.runner().flatmap(lambda machine: st.sampled_from(machine.gone))
somebody_is_here = precondition(lambda machine: machine.here)
somebody_is_gone = precondition(lambda machine: machine.gone)

DEEDS: tuple[Callable[[Hub[Receiver], Session[Receiver]], object], ...] = (
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
        self.here: dict[str, Session[Receiver]] = {}
        self.gone: list[Session[Receiver]] = []

    # What the model says that is to be read

    def due(self, user: str, *lines: str) -> None:
        self.here[user].receiver.due += lines

    def tell(self, users: Set[str], notice: str) -> None:
        for user in users & self.model.presence:
            self.due(user, f"[SERVER] {notice}")

    def end(self, user: str, farewell: str) -> None:
        self.due(user, f"[SERVER] {farewell}")
        self.gone.append(self.here.pop(user))
        self.model.presence.discard(user)
        self.model.follows[user].discard(user)
        room = self.model.room.pop(user)
        self.tell(self.model.members(room), f"{user} left room '{room}'")
        if room != "lobby" and not self.model.members(room):
            self.tell(self.here.keys(), f"Room '{room}' closed")

    # What people do

    @rule(user=st.sampled_from(PEOPLE))
    def log_in(self, user: str) -> None:
        receiver = Receiver()
        session = self.hub.log_in(user, receiver, ["/join", "/quit"])
        if user not in self.model.accounts:
            assert session is None
            assert receiver.read == []
            return
        assert session is not None
        if user in self.here:
            self.end(user, "Logged out due to new login")
        self.tell(self.model.members("lobby"), f"{user} joined room 'lobby'")
        self.here[user] = session
        self.model.room[user] = "lobby"
        self.due(user, "[SERVER] Login successful", "[SERVER] Available commands: /join, /quit")

    @somebody_is_here
    @rule(user=anyone_here)
    def log_out(self, user: str) -> None:
        self.hub.log_out(self.here[user], QUIT)
        self.end(user, "Goodbye")

    @rule(users=st.sets(st.sampled_from(PEOPLE), min_size=1, max_size=2))
    def lose_accounts(self, users: set[str]) -> None:
        self.model.accounts -= users
        logged_out = self.hub.remove_users(sorted(users))
        assert logged_out == sorted(users & self.here.keys())
        for user in logged_out:
            self.end(user, "Logged out: this account was removed")
        for user in users:
            self.model.follows[user] = set()

    @rule(users=st.sets(st.sampled_from(PEOPLE), min_size=1, max_size=2))
    def end_sessions(self, users: set[str]) -> None:
        """Whom they follow is remembered, as where their accounts are disabled."""
        ended = self.hub.end_sessions(sorted(users), KICKED)
        assert ended == sorted(users & self.here.keys())
        for user in ended:
            self.end(user, "Logged out by an operator: why")

    @rule()
    def get_accounts_back(self) -> None:
        self.model.accounts.update(PEOPLE)

    @somebody_is_here
    @rule(user=anyone_here, typed=st.sampled_from(ROOMS_AS_TYPED))
    def join(self, user: str, typed: str) -> None:
        self.hub.join(self.here[user], typed)
        model = self.model
        room, old = unicodedata.normalize("NFC", typed), model.room[user]
        if room == old:
            self.due(user, f"[SERVER] You are already in room '{room}'")
            return
        opens = room != "lobby" and not model.members(room)
        model.room[user] = room
        self.due(user, f"[SERVER] Joined room '{room}'")
        self.tell(model.members(old), f"{user} left room '{old}'")
        if old != "lobby" and not model.members(old):
            self.tell(self.here.keys(), f"Room '{old}' closed")
        if opens:
            self.tell(self.here.keys(), f"Room '{room}' opened")
        self.tell(model.members(room) - {user}, f"{user} joined room '{room}'")

    @somebody_is_here
    @rule(user=anyone_here, typed=st.sampled_from(PUBLISHERS_AS_TYPED))
    def subscribe(self, user: str, typed: str) -> None:
        self.hub.subscribe(self.here[user], typed)
        name = unicodedata.normalize("NFC", typed)
        if name == "*" or name in self.model.accounts:
            self.model.follows[user].add(name)
            self.due(user, f"[SERVER] Subscribed to {name}")
        else:
            self.due(user, f"[ERROR] No such user: {typed}")

    @somebody_is_here
    @rule(user=anyone_here, typed=st.sampled_from(PUBLISHERS_AS_TYPED))
    def unsubscribe(self, user: str, typed: str) -> None:
        self.hub.unsubscribe(self.here[user], typed)
        name = unicodedata.normalize("NFC", typed)
        self.model.follows[user].discard(name)
        self.due(user, f"[SERVER] Unsubscribed from {name}")

    @somebody_is_here
    @rule(user=anyone_here, on=st.booleans())
    def set_presence(self, user: str, on: bool) -> None:
        self.hub.set_presence(self.here[user], on)
        (self.model.presence.add if on else self.model.presence.discard)(user)
        self.due(user, f"[SERVER] Presence {'on' if on else 'off'}")

    @rule(author=st.sampled_from(PEOPLE), room=st.sampled_from(["lobby", "dev", "café"]))
    def message_from_elsewhere(self, author: str, room: str) -> None:
        self.hub.apply(PublishedMessages(room, author, ("hello",), NOON))
        for hearer in self.model.hearers(author, room):
            self.due(hearer, f"[12:00:00] {author}: hello")

    @somebody_is_gone
    @rule(session=anyone_gone, deed=st.sampled_from(DEEDS))
    def a_session_that_has_ended_does_something(
        self,
        session: Session[Receiver],
        deed: Callable[[Hub[Receiver], Session[Receiver]], object],
    ) -> None:
        deed(self.hub, session)

    # What is true after each of these

    @invariant()
    def everyone_reads_exactly_what_is_due(self) -> None:
        self.everyone_speaks()
        self.everyone_asks()
        for session in (*self.here.values(), *self.gone):
            receiver = session.receiver
            assert receiver.read == receiver.due, session.user
            receiver.read, receiver.due = [], []

    def everyone_speaks(self) -> None:
        for user, session in self.here.items():
            audience = self.hub.publish(session, ["hi", "/x"])
            hearers = self.model.hearers(user, self.model.room[user])
            assert len(audience) == len(hearers)
            for hearer in hearers:
                assert self.here[hearer].receiver in audience
                self.due(hearer, f"[12:00:00] {user}: hi", f"[12:00:00] {user}: /x")

    def everyone_asks(self) -> None:
        model = self.model
        rooms = ["lobby", *sorted(set(model.room.values()) - {"lobby"})]
        counted = ", ".join(f"{room} ({len(model.members(room))})" for room in rooms)
        for user, session in self.here.items():
            self.hub.list_rooms(session)
            self.due(user, f"[SERVER] Active rooms: {counted}")
            self.hub.list_members(session)
            members = ", ".join(sorted(model.members(model.room[user])))
            self.due(user, f"[SERVER] In room '{model.room[user]}': {members}")
            self.hub.list_subscriptions(session)
            follows = ", ".join(sorted(model.follows[user])) or "none"
            self.due(user, f"[SERVER] Subscriptions: {follows}")

    @invariant()
    def nobody_is_left_in_a_table(self) -> None:
        hub, model = self.hub, self.model
        assert hub._state.sessions == self.here
        assert hub._state.watchers.keys() == model.presence
        assert hub._state.rooms.keys() == {"lobby", *model.room.values()}
        for name, room in hub._state.rooms.items():
            assert room.members.keys() == model.members(name)
        for session in self.gone:
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

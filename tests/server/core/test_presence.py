"""Presence notices about users that change the room again and again: few lines, and true ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_server.core.hub import Hub
from chat_server.core.presence import PresenceLimit
from chat_server.core.rooms import Session
from chat_server.core.values import EndCause, EndNotice
from chat_server.delivery.encoder import TextEncoder

BURST = 3
SECONDS = 3.0
QUIT = EndNotice(EndCause.QUIT)


class Watcher:
    """A client with presence on: what it reads, and what it knows from that.

    It asks for the members of its room and for the rooms when it enters a room.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.members: set[str] = set()
        self.rooms: set[str] = set()

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines

    def learn(self, me: str) -> None:
        for line in self.take():
            if match := re.fullmatch(r"\[SERVER\] In room '\S+': (.*)", line):
                self.members = set(match[1].split(", ")) - {me}
            elif match := re.fullmatch(r"\[SERVER\] Active rooms: (.*)", line):
                self.rooms = {room.partition(" ")[0] for room in match[1].split(", ")} - {"lobby"}
            elif match := re.fullmatch(r"\[SERVER\] (\S+) joined room '\S+'", line):
                self.members.add(match[1])
            elif match := re.fullmatch(r"\[SERVER\] (\S+) left room '\S+'", line):
                self.members.discard(match[1])
            elif match := re.fullmatch(r"\[SERVER\] Room '(\S+)' opened", line):
                self.rooms.add(match[1])
            elif match := re.fullmatch(r"\[SERVER\] Room '(\S+)' closed", line):
                self.rooms.discard(match[1])


class Harness:
    """A hub with a limit on presence notices, and its clock."""

    def __init__(self, burst: int = BURST) -> None:
        self.now = 0.0
        self.wakes = 0
        limit = PresenceLimit(burst, SECONDS, self._wake, lambda: self.now)
        self.hub: Hub[Watcher] = Hub(
            TextEncoder(self._deliver).emit, lambda user: True, lambda: 0, presence_limit=limit
        )

    def _wake(self) -> None:
        self.wakes += 1

    @staticmethod
    def _deliver(receivers: tuple[Watcher, ...], data: bytes, last: bool) -> None:
        for receiver in receivers:
            receiver.lines += data.decode().splitlines()

    def log_in(self, user: str, *, watches: bool = False) -> Session[Watcher]:
        session = self.hub.log_in(user, Watcher(), ["/join"])
        assert session is not None
        if watches:
            self.hub.set_presence(session, True)
        session.receiver.take()
        return session

    def wait(self, seconds: float = SECONDS) -> float | None:
        self.now += seconds
        return self.hub.settle_presence()


@pytest.fixture
def harness() -> Harness:
    return Harness()


def alice_and_bob(harness: Harness) -> tuple[Session[Watcher], Session[Watcher]]:
    """Log in alice, with presence on, and bob."""
    bob = harness.log_in("bob")
    return harness.log_in("alice", watches=True), bob


def test_first_moves_are_announced_at_once(harness: Harness) -> None:
    alice, bob = alice_and_bob(harness)
    harness.hub.join(bob, "dev")
    harness.hub.join(bob, "lobby")
    assert alice.receiver.take() == [
        "[SERVER] bob left room 'lobby'",
        "[SERVER] Room 'dev' opened",
        "[SERVER] Room 'dev' closed",
        "[SERVER] bob joined room 'lobby'",
    ]
    assert harness.wakes == 1
    assert harness.wait() is None
    assert alice.receiver.take() == []


def test_further_moves_are_announced_together(harness: Harness) -> None:
    alice, bob = alice_and_bob(harness)
    for number in range(BURST):
        harness.hub.join(bob, f"room{number}")
    alice.receiver.take()
    for number in range(20):
        harness.hub.join(bob, f"other{number}")
    assert alice.receiver.take() == []
    assert harness.wait() == SECONDS
    assert alice.receiver.take() == [
        f"[SERVER] Room 'room{BURST - 1}' closed",
        "[SERVER] Room 'other19' opened",
    ]
    # Only a user that stays in a room for a while may move as before.
    harness.hub.join(bob, "lobby")
    assert alice.receiver.take() == []
    harness.wait()
    assert alice.receiver.take() == [
        "[SERVER] Room 'other19' closed",
        "[SERVER] bob joined room 'lobby'",
    ]
    assert harness.wait() is None
    harness.hub.join(bob, "dev")
    assert alice.receiver.take() != []


def test_user_that_comes_back_is_announced_to_those_that_asked_meanwhile(
    harness: Harness,
) -> None:
    alice, bob = alice_and_bob(harness)
    carol = harness.log_in("carol", watches=True)
    for room in ("dev", "ops", "lobby"):
        harness.hub.join(bob, room)
    alice.receiver.take()
    harness.hub.join(bob, "dev")
    ask(harness, alice)
    assert alice.receiver.members == {"carol"}
    harness.hub.join(bob, "lobby")
    carol.receiver.take()
    harness.wait()
    assert alice.receiver.take() == [
        "[SERVER] Room 'dev' closed",
        "[SERVER] bob joined room 'lobby'",
    ]
    assert carol.receiver.take() == []


def test_end_of_session_announces_held_moves(harness: Harness) -> None:
    alice, bob = alice_and_bob(harness)
    for number in range(BURST + 5):
        harness.hub.join(bob, f"room{number}")
    alice.receiver.take()
    harness.hub.log_out(bob, QUIT)
    assert alice.receiver.take() == [f"[SERVER] Room 'room{BURST - 1}' closed"]
    assert harness.wait() is None


def test_moves_without_watchers_wake_no_thread(harness: Harness) -> None:
    bob = harness.log_in("bob")
    for number in range(50):
        harness.hub.join(bob, f"room{number}")
    assert harness.wakes == 0


def test_one_user_causes_a_bounded_number_of_notices(harness: Harness) -> None:
    watchers = [harness.log_in(f"watcher{number}", watches=True) for number in range(10)]
    bob = harness.log_in("bob")
    for each in watchers:
        each.receiver.take()
    for number in range(600):  # a minute at ten lines a second
        harness.hub.join(bob, f"room{number}" if number % 2 else "lobby")
        harness.wait(0.1)
    lines = sum(len(each.receiver.take()) for each in watchers)
    assert lines <= 10 * 4 * (BURST + 60 / SECONDS)


USERS = ("alice", "bob", "carol")
ROOMS = ("lobby", "dev", "ops", "pub")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.sampled_from(USERS), st.sampled_from(ROOMS)),
        st.tuples(st.just("join"), st.sampled_from(USERS), st.sampled_from(ROOMS)),
        st.tuples(st.just("join"), st.sampled_from(USERS), st.sampled_from(ROOMS)),
        st.tuples(st.just("presence"), st.sampled_from(USERS), st.booleans()),
        st.tuples(st.just("log in"), st.sampled_from(USERS)),
        st.tuples(st.just("log out"), st.sampled_from(USERS)),
        st.tuples(st.just("wait"), st.sampled_from((0.5, 1.0, 3.0))),
    ),
    max_size=60,
)


def ask(harness: Harness, session: Session[Watcher]) -> None:
    """Ask for the members and the rooms, as a client does when it enters a room."""
    harness.hub.list_members(session)
    harness.hub.list_rooms(session)
    session.receiver.learn(session.user)


@settings(max_examples=500, deadline=None)
@given(STEPS)
def test_watchers_know_the_truth_in_the_end(steps: list[tuple[Any, ...]]) -> None:
    harness = Harness(burst=1)
    sessions: dict[str, Session[Watcher]] = {}
    actions: dict[str, Callable[..., None]] = {}

    def log_in(user: str) -> None:
        sessions[user] = harness.log_in(user)

    def log_out(user: str) -> None:
        if user in sessions:
            harness.hub.log_out(sessions.pop(user), QUIT)

    def join(user: str, room: str) -> None:
        if user in sessions:
            harness.hub.join(sessions[user], room)
            if sessions[user].presence:
                ask(harness, sessions[user])

    def presence(user: str, on: bool) -> None:
        if user in sessions:
            harness.hub.set_presence(sessions[user], on)
            ask(harness, sessions[user])

    actions.update({"log in": log_in, "log out": log_out, "join": join, "presence": presence})
    for user in USERS:
        log_in(user)
    for name, *arguments in steps:
        if name == "wait":
            harness.wait(*arguments)
        else:
            actions[name](*arguments)
        for session in sessions.values():
            session.receiver.learn(session.user)
    while harness.wait() is not None:
        pass
    state = harness.hub._applier.state
    for user, session in sessions.items():
        session.receiver.learn(user)
        if session.presence:
            assert session.receiver.members == session.room.members.keys() - {user}, user
            assert session.receiver.rooms == state.rooms.keys() - {"lobby"}, user
    assert not state.presence.movers
    if not state.watchers:
        assert not state.presence.announced


def test_member_that_saw_a_user_in_who_is_notified_that_the_user_left() -> None:
    harness = Harness(burst=1)
    alice, bob = alice_and_bob(harness)
    harness.hub.join(bob, "dev")
    harness.hub.join(bob, "ops")
    harness.hub.join(alice, "ops")
    ask(harness, alice)
    assert alice.receiver.members == {"bob"}
    harness.hub.join(bob, "pub")
    harness.wait()
    assert "[SERVER] bob left room 'ops'" in alice.receiver.lines

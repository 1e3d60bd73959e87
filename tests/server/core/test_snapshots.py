"""A state that comes from a snapshot decides everything that follows like the state it is of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_server.core import Session, requests
from chat_server.core.records import LogEntry, Record
from chat_server.core.rooms import Room
from chat_server.core.snapshots import export_state, load_state
from chat_server.core.state import HubState
from tests.server.core.random_steps import (
    CHANGES,
    NODES,
    SLOTS,
    USERS,
    log_in,
)
from tests.server.core.shared_log import Client, Log, Node, with_time

LOCAL: Final = {
    *("clients", "is_silent", "is_shut_down", "presence", "stamp_readers", "watchers"),
    *("_notices", "lobby"),
}
"""Parts of the state that belong to one server alone, or are part of another one."""

LOCAL_OF_SESSION: Final = {
    *("ended", "entered", "is_local", "moves", "presence", "receiver", "stamps", "started"),
    *("trail", "unread_notices", "unread_since"),
}

NUMBERS: Final = st.integers(0, NODES - 1)
PEOPLE: Final = st.sampled_from([*USERS, "dave"])
ACCOUNT: Final = requests.AccountRecord("hash", created="2026")
ACCOUNTS: Final = st.sampled_from(
    [
        [None],
        [None, ACCOUNT],
        [replace(ACCOUNT, is_disabled=True), ACCOUNT],
        [replace(ACCOUNT, created="2027")],
    ]
)
"""What becomes of an account, one after the other."""

STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("log in"), PEOPLE, NUMBERS),
        st.tuples(st.just("log in"), PEOPLE, NUMBERS),
        st.tuples(st.just("change"), SLOTS, CHANGES),
        st.tuples(st.just("join"), SLOTS, st.sampled_from(["lobby", "ops", "0ps"])),
        st.tuples(st.just("join"), SLOTS, st.sampled_from(["lobby", "ops", "0ps"])),
        st.tuples(st.just("subscribe"), SLOTS, st.sampled_from(USERS)),
        st.tuples(st.just("send_private"), SLOTS, st.sampled_from(USERS), st.just("psst")),
        st.tuples(st.just("erase"), SLOTS),
        st.tuples(st.just("account"), PEOPLE, ACCOUNTS),
        st.tuples(st.just("rename"), PEOPLE, PEOPLE),
        st.tuples(st.just("lose"), NUMBERS),
        st.tuples(st.just("restore"), NUMBERS),
        st.tuples(st.just("rebuild"), NUMBERS),
        st.tuples(st.just("pass"), st.sampled_from([61_000_000, 90_000_000_000])),
    ),
    min_size=15,  # the usual number is not far above that
    max_size=50,
)


class UnstableChat:
    """Three servers, which the others give up and whose sessions are restored again."""

    def __init__(self) -> None:
        self.log = Log()
        self.nodes = [Node(self.log, f"node{number}:1", USERS) for number in range(NODES)]
        self.sessions: list[tuple[Node, Session[Client]]] = []
        self.snapshots: list[tuple[Any, int]] = []
        for user, number in zip(USERS, range(NODES), strict=True):
            self._log_in(user, self.nodes[number])

    def run(self, steps: list[tuple[Any, ...]]) -> None:
        for step in steps:
            match step:
                case "log in", user, number:
                    self._log_in(user, self.nodes[number])
                case "change", slot, (name, values, named):
                    self._call(slot, name, *values, **named)
                case "join" | "subscribe" | "send_private", slot, *values:
                    self._call(slot, step[0], *values)
                case "erase", slot:
                    self._call(slot, "erase", 5, "", is_operator=True)
                case "account", user, accounts:
                    for account in accounts:
                        self.log.append(requests.ChangeAccount(user, account))
                case "rename", user, new:
                    self._rename(user, new)
                case "lose", number:
                    self.log.append(requests.EndNode(self.nodes[number].name))
                case "restore", number:
                    # Whether the server has read everything or not.
                    for generation, request in self.nodes[number].hub.replica.local_sessions():
                        self.log.append(request, request.user, generation)
                case "rebuild", number:
                    node = self.nodes[number]
                    node.catch_up()
                    self.snapshots.append((node.state(), node.read))
                    node.rebuild(*self.snapshots[len(self.snapshots) // 2])
                case "pass", microseconds:
                    self.log.stamp += microseconds
                case _:
                    pass
        for node in self.nodes:
            node.catch_up()

    def _log_in(self, user: str, node: Node) -> None:
        session, _ = log_in(node.hub, user, Client(), f"192.0.2.{1 + self.nodes.index(node)}")
        if session is not None:
            self.sessions.append((node, session))

    def _call(self, slot: int, name: str, *values: Any, **named: Any) -> None:
        self.sessions = [each for each in self.sessions if not each[1].ended.is_set()]
        if self.sessions:
            node, session = self.sessions[-1 - slot % len(self.sessions)]
            getattr(node.hub, name)(session, *values, **named)

    def _rename(self, user: str, new: str) -> None:
        self.nodes[0].catch_up()
        accounts = self.nodes[0].accounts.records
        if user in accounts and new not in accounts:
            self.log.append(requests.ChangeAccount(new, accounts[user], user))


def replicated_parts(state: HubState[Any]) -> dict[str, Any]:
    """Return all that the servers share of a state, also what follows from other parts."""
    return {name: plain(part) for name, part in vars(state).items() if name not in LOCAL}


def plain(part: Any) -> Any:
    """Return a part of a state as values that can be compared, in its order if that matters."""
    match part:
        case Session():
            names = set(Session.__slots__) - LOCAL_OF_SESSION
            return {name: plain(getattr(part, name)) for name in names - {"room"}} | {
                "room": part.room.name
            }
        case Room():
            return part.name, list(part.members)
        case dict() if part and isinstance(next(iter(part.values())), Session | Room):
            return [(key, plain(value)) for key, value in part.items()]
        case dict():
            # An entry without content is the same as none.
            return {key: plain(value) for key, value in part.items() if value}
        case set():
            return sorted(part)
        case _ if hasattr(part, "__slots__") and not isinstance(part, tuple):
            return {name: plain(getattr(part, name)) for name in part.__slots__}
        case _:
            return part


def records_behind(node: Node, place: int) -> list[tuple[Any, list[Record]]]:
    """Return what a server records for each entry behind the first `place` ones."""
    entries = [each for each in node.records if isinstance(each, LogEntry)]
    stamps = {entry.stamp for entry in node.log.entries[place:]}
    return [
        (each.position, [with_time(record) for record in each.records])
        for each in entries
        if each.position.stamp in stamps
    ]


@settings(max_examples=150, deadline=None)
@given(STEPS, STEPS)
def test_server_that_starts_from_a_snapshot_decides_like_those_that_ran(
    before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]
) -> None:
    chat = UnstableChat()
    chat.run(before)
    old, place = chat.nodes[0], len(chat.log.entries)
    state = old.hub._applier.state
    exported = json.loads(json.dumps(export_state(state)))
    loaded: HubState[Any] = load_state(exported, HubState(), 0)
    assert replicated_parts(loaded) == replicated_parts(state)
    new = Node(chat.log, "new:1", ())
    new.rebuild(old.state(), place)
    chat.run(after)
    new.catch_up()
    assert [node.state() for node in (*chat.nodes[1:], new)] == [old.state()] * NODES
    records = records_behind(old, place)
    assert [records_behind(node, place) for node in (*chat.nodes[1:], new)] == [records] * NODES

"""Hubs that read one log are one hub, word for word, and end in equal states."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_server.core import Session, requests
from chat_server.core.records import AccountCreated
from tests.server.core.random_steps import NODES, STEPS, USERS, log_in
from tests.server.core.shared_log import Client, Embedded, Log, Node


class Chat:
    """Three nodes and an embedded hub, with the same clients. Each client is at one node."""

    def __init__(self, bursts: tuple[int, ...] = (0,) * NODES) -> None:
        self.log = Log()
        self.nodes = [
            Node(self.log, f"node{number}", USERS, burst) for number, burst in enumerate(bursts)
        ]
        self.embedded = Embedded(self.log, USERS)
        self.clients: list[tuple[Node, Session[Client], Session[Client]]] = []
        self.pairs: list[tuple[Client, Client]] = []
        self.snapshots: list[tuple[Any, int]] = []
        """Snapshots with the number of entries that they contain."""

    def run(self, steps: list[tuple[Any, ...]]) -> None:
        for step in steps:
            match step:
                case "log in", user, number, host:
                    self._log_in(user, self.nodes[number], host)
                case kind, slot, (name, values, named) if self.clients and kind in (
                    "change",
                    "read",
                ):
                    self._call(slot, kind, name, values, named)
                case "account", user, account:
                    self._change_account(requests.ChangeAccount(user, account))
                case "rename", user:
                    record = self.embedded.accounts.records.get(user)
                    if record is not None and not self.embedded.accounts.exists("dave"):
                        self._change_account(requests.ChangeAccount("dave", record, user))
                case "catch up", number:
                    self.nodes[number].catch_up()
                case "pass", microseconds:
                    self.log.stamp += microseconds
                    for node in self.nodes:
                        node.hub.settle_presence()
                case "rebuild", number:
                    self._rebuild(self.nodes[number])
                case _:
                    pass
        for node in self.nodes:
            node.catch_up()

    def _log_in(self, user: str, node: Node, host: str) -> None:
        shared, alone = Client(), Client()
        embedded, expected = log_in(self.embedded.hub, user, alone, host)
        session, why = log_in(node.hub, user, shared, host)
        assert (session is None) == (embedded is None)
        assert why == expected
        self.pairs.append((shared, alone))
        if session is not None and embedded is not None:
            self.clients.append((node, session, embedded))

    def _call(self, slot: int, kind: str, name: str, values: Any, named: Any) -> None:
        # The newest clients first: older ones have been logged out, as a rule.
        node, session, embedded = self.clients[-1 - slot % len(self.clients)]
        node.catch_up()
        assert session.ended.is_set() == embedded.ended.is_set()
        if kind == "read" and session.ended.is_set():
            return  # no client reads the reply, and a rebuilt node has another room for it
        expected = getattr(self.embedded.hub, name)(embedded, *values, **named)
        result = getattr(node.hub, name)(session, *values, **named)
        if name not in ("publish", "send_private", "announce"):
            assert result == expected

    def _change_account(self, change: requests.ChangeAccount) -> None:
        self.embedded.change_account(change)
        self.log.append(change)

    def _rebuild(self, node: Node) -> None:
        """Replace the state by an older snapshot, and apply what is behind it silently."""
        node.catch_up()
        self.snapshots.append((node.state(), node.read))
        node.rebuild(*self.snapshots[len(self.snapshots) // 2])

    def check(self) -> None:
        self.check_nodes()
        for shared, alone in self.pairs:
            assert shared.lines == alone.lines

    def check_nodes(self) -> None:
        states = [node.state() for node in self.nodes]
        assert states[1:] == states[:-1]
        records = [node.flat_records() for node in self.nodes]
        assert records[1:] == records[:-1]


@settings(max_examples=250, deadline=None)
@given(STEPS)
def test_clients_of_three_nodes_read_what_they_read_from_one_server(
    steps: list[tuple[Any, ...]],
) -> None:
    chat = Chat()
    chat.run(steps)
    chat.check()


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_nodes_that_hold_other_presence_notices_are_in_equal_states(
    steps: list[tuple[Any, ...]],
) -> None:
    chat = Chat(bursts=(0, 1, 2))
    chat.run(steps)
    chat.check_nodes()


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_history_of_each_node_is_that_of_one_server(steps: list[tuple[Any, ...]]) -> None:
    chat = Chat()
    chat.run(steps)
    # Without a log, the history compares all accounts after a reload of the users file.
    records = chat.nodes[0].flat_records()
    assert [each for each in records if not isinstance(each, AccountCreated)] == (
        chat.embedded.records
    )


@settings(max_examples=150, deadline=None)
@given(STEPS, st.integers(0, 40))
def test_snapshot_and_rest_of_the_log_give_the_state_of_the_whole_log(
    steps: list[tuple[Any, ...]], place: int
) -> None:
    chat = Chat()
    chat.run(steps)
    half, new = Node(chat.log, "half", USERS), Node(chat.log, "new", ())
    place = min(place, len(chat.log.entries))
    for entry in chat.log.entries[:place]:
        half.apply(entry)
    new.rebuild(half.state(), place)
    assert new.state() == chat.nodes[0].state()


@settings(max_examples=150, deadline=None)
@given(STEPS, st.lists(st.integers(0, 40), max_size=5))
def test_entries_that_are_sent_again_change_nothing(
    steps: list[tuple[Any, ...]], places: list[int]
) -> None:
    chat = Chat()
    chat.run(steps)
    before = chat.nodes[0].state()
    for place in places:
        if place < len(chat.log.entries) and (entry := chat.log.entries[place]).node:
            chat.log.stamp += 1
            chat.log.entries.append(
                replace(entry, stamp=chat.log.stamp, first_stamp=entry.stamp, room="lobby")
            )
    for node in chat.nodes:
        node.catch_up()
    after = chat.nodes[0].state()
    # New stamps are above that of a message which is sent again, on every node.
    assert after.pop("last_stamp") >= before.pop("last_stamp")
    assert after == before
    chat.check()

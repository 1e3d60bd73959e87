"""The history against a model of the contract: pages, unread numbers, markers and visibility."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

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

from chat_server.wire import format_stamp, history_replies, parse_stamp
from tests.abuse.catch_up_client import STAMPED
from tests.server.history.contract_model import ContractModel, PrivateMessage, RoomMessage
from tests.server.history.in_process import OPERATOR, InProcessServer

pytestmark = pytest.mark.slow

USERS = ("alice", "bob", OPERATOR)
ROOMS = ("lobby", "dev", "café")
TEXTS = ("hi", "good morning, Bob", "alice: see the bobsled", "@ALICE @bob", "op, op")
NOON = 1_795_348_800_000_000
SECOND = 1_000_000
KEPT_BY_RETENTION = 4
MAX_FOUND = 20

online = st.runner().flatmap(lambda machine: st.sampled_from(sorted(machine.server.sessions)))
account = st.runner().flatmap(lambda machine: st.sampled_from(sorted(machine.model.accounts)))
needs_online = precondition(lambda machine: machine.server.sessions)
message = st.runner().flatmap(lambda machine: st.sampled_from(machine.model.messages))
private_message = st.runner().flatmap(lambda machine: st.sampled_from(machine.model.private))

Read = tuple[int, str, str]
"""A message as a client reads it: stamp, author, text."""


class HistoryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lobby-", dir="/tmp"))
        self.server = InProcessServer(self.folder / "history.db", set(USERS), NOON)
        self.model = ContractModel(
            set(USERS), lambda: self.server.now, subscriptions={user: set() for user in USERS}
        )
        self.renames = 0

    def teardown(self) -> None:
        self.server.stop()
        shutil.rmtree(self.folder)

    # Sessions

    @rule(user=account)
    def log_in(self, user: str) -> None:
        self.model.log_in(user)
        self.server.log_in(user)

    @needs_online
    @rule(user=online, is_orderly=st.booleans())
    def end(self, user: str, is_orderly: bool) -> None:
        self.server.end(user, is_orderly=is_orderly)
        self.model.end(user, is_orderly=is_orderly)

    @needs_online
    @rule(user=online, room=st.sampled_from(ROOMS))
    def move(self, user: str, room: str) -> None:
        self.server.request(user, f"/join {room}")
        if self.model.visits[user].room != room:
            self.model.move(user, room)

    @needs_online
    @rule(user=online, room=st.sampled_from(ROOMS))
    def vanish_behind_move(self, user: str, room: str) -> None:
        self.publish(user, ["I am off"])
        self.move(user, room)
        self.end(user, is_orderly=False)
        self.log_in(user)

    @needs_online
    @rule(user=online)
    def turn_stamps_on(self, user: str) -> None:
        if not self.server.sessions[user].stamps:
            self.model.turn_stamps_on(user)
        assert self.server.request(user, "/stamps on") == ["[SERVER] Stamps on"]

    # Messages

    @needs_online
    @rule(user=online, texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3))
    def publish(self, user: str, texts: list[str]) -> None:
        before = self.server.newest_stamp
        self.server.now += 1000
        self.server.publish(user, texts)
        stamp = self.server.newest_stamp - len(texts) + 1
        assert stamp > before
        self.model.publish(user, texts, stamp)

    @needs_online
    @rule(user=online, recipient=st.sampled_from((*USERS, "nobody")), text=st.sampled_from(TEXTS))
    def send_private(self, user: str, recipient: str, text: str) -> None:
        self.server.now += 1000
        lines = self.server.request(user, f"/msg {recipient} {text}")
        reply = self.model.send_private(user, recipient, text, self.server.newest_stamp)
        assert len(lines) == 1
        if reply == "rejected":
            assert lines[0].startswith("[ERROR] ")
        else:
            assert (lines == [f"[SERVER] Kept for {recipient}"]) == (reply == "kept"), lines

    @needs_online
    @rule(user=online, publisher=st.sampled_from(("*", *USERS)))
    def subscribe(self, user: str, publisher: str) -> None:
        if publisher == "*" or publisher in self.model.accounts:
            self.model.subscriptions[user].add(publisher)
        self.server.request(user, f"/subscribe {publisher}")

    @needs_online
    @rule(user=online, publisher=st.sampled_from(("*", *USERS)))
    def unsubscribe(self, user: str, publisher: str) -> None:
        self.model.subscriptions[user].discard(publisher)
        self.server.request(user, f"/unsubscribe {publisher}")

    @needs_online
    @rule(user=online, other=account)
    def read_private(self, user: str, other: str) -> None:
        page = self.walk(user, f"/history with {other}", f"[SERVER] History with {other}")
        assert page == [read(each) for each in self.model.conversation(user, other)], (
            f"private messages of {user} with {other}"
        )
        self.model.read_private(user, other)

    # Parts of the history

    @precondition(lambda machine: machine.server.sessions and machine.model.messages)
    @rule(user=online, message=message, count=st.integers(1, 3), is_before=st.booleans())
    def read_around(self, user: str, message: RoomMessage, count: int, is_before: bool) -> None:
        room = self.model.visits[user].room
        visible = [read(each) for each in self.model.visible(user, room)]
        if is_before:
            expected = [each for each in visible if each[0] < message.stamp][-count:]
        else:
            expected = [each for each in visible if each[0] > message.stamp][:count]
        word = "before" if is_before else "after"
        lines = self.server.request(user, f"/history {word} {format_stamp(message.stamp)} {count}")
        assert messages_in(lines) == expected, (word, message.stamp, count)

    @needs_online
    @rule(user=online, word=st.sampled_from(("bob", "ALICE", "hi", "bobsled", "morn")))
    def search(self, user: str, word: str) -> None:
        room = self.model.visits[user].room
        expected = [
            read(each)
            for each in self.model.visible(user, room)
            if word.lower() in re.findall(r"\w+", each.text.lower())
        ]
        lines = self.server.request(user, f"/search {word}")
        assert lines[0] == f"[SERVER] Found in '{room}'"
        assert lines[-1] == "[SERVER] End of history"
        assert messages_in(lines) == expected[-MAX_FOUND:], (word, room)

    # Erasing and retention

    @precondition(lambda machine: machine.server.sessions and machine.model.messages)
    @rule(user=online, message=message)
    def erase(self, user: str, message: RoomMessage) -> None:
        self.erase_stamp(user, message.stamp)

    @precondition(lambda machine: machine.server.sessions and machine.model.private)
    @rule(user=online, message=private_message)
    def erase_private(self, user: str, message: PrivateMessage) -> None:
        self.erase_stamp(user, message.stamp)

    def erase_stamp(self, user: str, stamp: int) -> None:
        word = format_stamp(stamp)
        author = self.model.erase(stamp, user, is_operator=user == OPERATOR)
        expected = (
            f"[ERROR] Nothing to erase: {word}"
            if author is None
            else f"[SERVER] Erased 1 message by {author}"
        )
        assert self.server.request(user, f"/erase {word}") == [expected]

    @precondition(lambda machine: OPERATOR in machine.server.sessions)
    @rule(author=st.sampled_from(USERS))
    def erase_all(self, author: str) -> None:
        count = self.model.erase_all_by(author)
        (line,) = self.server.request(OPERATOR, f"/erase {author}")
        found = history_replies.parse_erased(line.removeprefix("[SERVER] "))
        assert found == ((count, author) if count else None), line

    @rule()
    def prune(self) -> None:
        self.server.prune(KEPT_BY_RETENTION)
        self.model.prune(KEPT_BY_RETENTION)

    # Accounts

    @precondition(lambda machine: len(machine.model.accounts) > 1)
    @rule(user=account)
    def remove_account(self, user: str) -> None:
        self.server.remove(user)
        self.model.remove(user)

    @precondition(lambda machine: machine.renames < 2)
    @rule(user=account)
    def rename_account(self, user: str) -> None:
        self.renames += 1
        new = f"{user}{self.renames}"
        self.server.rename(user, new)
        self.model.rename(user, new)

    @rule()
    def add_removed_accounts(self) -> None:
        for user in set(USERS) - self.model.accounts:
            self.server.add(user)
            self.model.accounts.add(user)
            self.model.subscriptions[user] = set()

    @rule(user=account)
    def replace_account_while_server_is_down(self, user: str) -> None:
        self.stop()
        self.model.remove(user)
        self.model.accounts.add(user)
        self.server.replace_account(user)
        self.start()

    # Time and restarts

    @rule(seconds=st.sampled_from((1, 90, 200)))
    def let_time_pass(self, seconds: int) -> None:
        self.server.now += seconds * SECOND

    @rule()
    def restart(self) -> None:
        self.stop()
        self.start()

    @rule()
    def crash(self) -> None:
        for user in sorted(self.server.sessions):
            self.model.end(user, is_orderly=False, is_crash=True)
        self.server.crash()
        self.start()

    def stop(self) -> None:
        for user in sorted(self.server.sessions):
            self.model.end(user, is_orderly=False)
        self.server.stop()

    def start(self) -> None:
        self.server.start()
        newest = self.server.newest_stamp
        assert newest >= self.model.last_stamp
        self.model.last_stamp = newest

    # Invariants

    @invariant()
    def every_client_sees_what_the_contract_says(self) -> None:
        model = self.model
        for user in self.server.sessions:
            room = model.visits[user].room
            head = f"[SERVER] History of '{room}'"
            new = [read(each) for each in model.new(user)]
            assert self.walk(user, "/history new", head) == new, f"new for {user} in {room}"
            visible = [read(each) for each in model.visible(user, room)]
            assert self.walk(user, "/history 2", head) == visible, f"{user} in {room}"
            unread = self.unread(user)
            assert unread == model.unread(user), f"unread of {user}"

    def walk(self, user: str, request: str, head: str) -> list[Read]:
        """Follow the feet of the pages until there is no more. Return all messages in order."""
        messages: list[Read] = []
        while True:
            lines = self.server.request(user, request)
            assert lines[0] == head, (request, lines)
            foot = history_replies.parse_end_of_history(lines[-1].removeprefix("[SERVER] "))
            assert foot is not None, lines
            read_now = messages_in(lines)
            remarks = [line for line in lines[1:-1] if not STAMPED.fullmatch(line)]
            assert all("Not kept: messages before" in line for line in remarks), remarks
            assert not remarks or self.model.pruned
            if foot.earlier is not None:
                messages = read_now + messages
                request = foot.earlier
            else:
                messages = read_now + messages if "before" in request else messages + read_now
                if foot.later is None:
                    return messages
                request = foot.later

    def unread(self, user: str) -> dict[str, tuple[int, int]]:
        numbers = {}
        for line in self.server.request(user, "/unread"):
            if line == "[SERVER] Unread: none":
                continue
            parsed = history_replies.parse_unread(line.removeprefix("[SERVER] "))
            assert parsed is not None, line
            for place in parsed[0]:
                name = f"@{place.name}" if place.is_private else place.name
                numbers[name] = place.count, place.mentions
        return numbers


def messages_in(lines: list[str]) -> list[Read]:
    matches = filter(None, map(STAMPED.fullmatch, lines))
    return [(stamp_of(match[1]), match[2] or match[3], match[4]) for match in matches]


def read(message: RoomMessage | PrivateMessage) -> Read:
    return message.stamp, message.author, message.text


def stamp_of(text: str) -> int:
    stamp = parse_stamp(text)
    assert stamp is not None
    return stamp


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.timeout(240)
def test_history_shows_exactly_what_contract_model_predicts() -> None:
    run_state_machine_as_test(
        HistoryMachine,
        settings=settings(max_examples=40, stateful_step_count=40, deadline=None),
    )

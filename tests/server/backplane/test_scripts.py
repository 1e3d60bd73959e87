"""The steps of Redis alone: what the script that appends takes, and what it refuses."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chat_server.backplane import parse_redis_url, scripts, state_scripts
from chat_server.backplane.connection import RedisConnection, connect
from chat_server.backplane.entry_codec import FORM, NO_CHAIN, chains
from chat_server.backplane.pending import Pending, append_call
from chat_server.backplane.redis_settings import RedisSettings
from chat_server.backplane.snapshots import LastEntry
from chat_server.core import requests
from tests.support.redis_server import RedisServer
from tests.support.wait_until import until

NODE = "a:1"
OTHER = "b:1"
EPOCH = "epoch"
STORED = (
    ("HGETALL", scripts.STATE),
    ("HGETALL", scripts.NODES),
    ("HGETALL", scripts.SESSIONS),
    ("XRANGE", scripts.LOG, "-", "+"),
)
NOTHING = LastEntry(0, NO_CHAIN)


class Appender:
    """Appends to the log of two nodes, of which no server runs."""

    def __init__(self, connection: RedisConnection) -> None:
        self.connection = connection
        connection.load(scripts.APPEND)
        self.begin()

    def begin(self) -> None:
        """Begin a log with both nodes."""
        self.seed(EPOCH)
        for node in (NODE, OTHER):
            self.hello(node)
            assert self.connection.run(scripts.CLAIM, node, EPOCH, 1) == [b"ok"]

    def seed(self, epoch: str) -> None:
        """Begin a log, as a server does that finds Redis empty."""
        seed = (epoch, FORM, 0, 0, 0, 5000, 0, b"", NO_CHAIN, 0, 0, 0)
        assert self.connection.run(state_scripts.SEED, *seed) == [b"ok"]

    def hello(
        self, node: str, epoch: str = EPOCH, *, acknowledged: int = 0, last: LastEntry = NOTHING
    ) -> Any:
        known = (epoch, 1, acknowledged, *last, "another epoch")
        return self.connection.run(scripts.HELLO, node, FORM, 5000, 0, 0, "15.0", *known)

    def append(
        self,
        number: int,
        user: str = "",
        generation: int = 0,
        *,
        node: str = NODE,
        request: requests.Request | None = None,
        first_stamp: int = 0,
        is_skipped: bool = False,
        epoch: str = EPOCH,
        greeting: int = 1,
        previous: int | None = None,
    ) -> str:
        """Append a message, or another request. Return the reply without the stamp."""
        pending = Pending(request or requests.Publish(("text",)), None, user)
        pending.number, pending.generation = number, generation
        pending.previous = number - 1 if previous is None else previous
        pending.first_stamp, pending.is_fenced = first_stamp, is_skipped
        reply = self.connection.command(*append_call(node, epoch, greeting, pending))
        return str(reply[0].decode())

    def log_in(self, number: int, user: str, node: str = NODE) -> int:
        """Append a login. Return its generation."""
        assert self.append(number, user, request=requests.LogIn(user, "::1"), node=node) == "ok"
        session = self.connection.command("HGET", scripts.SESSIONS, user)
        return int(session.split()[0])

    def beat(self, node: str = NODE, *, epoch: str = EPOCH, last: LastEntry = NOTHING) -> str:
        """Renew a lease. Return the reply without the rest."""
        reply = self.connection.run(scripts.BEAT, node, 5000, 60, 100, 0, epoch, 1, *last)
        return str(reply[0].decode())

    def is_snapshot_due(self) -> bool:
        """Renew a lease. Return whether the server is to write a snapshot."""
        reply = self.connection.run(scripts.BEAT, NODE, 5000, 60, 100, 1, EPOCH, 1, *NOTHING)
        return bool(reply[2])

    def start(self) -> int:
        """Return the start of a server."""
        (start,) = self.connection.run(scripts.START)
        return int(start)

    @property
    def nodes(self) -> set[str]:
        """The nodes that hold a lease."""
        return {node.decode() for node in self.connection.command("HKEYS", scripts.NODES)}

    @property
    def last(self) -> LastEntry:
        """What identifies the newest entry."""
        entry = self.connection.command("XREVRANGE", scripts.LOG, "+", "-", "COUNT", 1)[0]
        return LastEntry(int(entry[0][:-2]), chains(entry)[1])

    @property
    def said(self) -> list[tuple[str, int]]:
        """Node and number of each message in the log."""
        entries = self.connection.command("XRANGE", scripts.LOG, "-", "+")
        fields = [dict(zip(each[::2], each[1::2], strict=True)) for _, each in entries]
        return [(each[b"o"].decode(), int(each[b"s"])) for each in fields if each[b"k"] == b"say"]


@pytest.fixture
def log(redis_server: RedisServer) -> Iterator[Appender]:
    connection = connect(RedisSettings(parse_redis_url(redis_server.url)), 5.0, "test")
    yield Appender(connection)
    connection.close()


def test_number_is_taken_once(log: Appender) -> None:
    alice = log.log_in(1, "alice")
    assert [log.append(number, "alice", alice) for number in (2, 2, 1)] == ["ok", "again", "again"]
    assert log.said == [(NODE, 2)]


def test_number_after_a_gap_is_refused_until_the_gap_is_closed(log: Appender) -> None:
    alice = log.log_in(1, "alice")
    assert [log.append(number, "alice", alice) for number in (3, 2, 3)] == ["gap", "ok", "ok"]
    assert log.said == [(NODE, 2), (NODE, 3)]


def test_numbers_that_their_server_no_longer_holds_are_passed_over(log: Appender) -> None:
    alice = log.log_in(1, "alice")
    assert log.append(5, "alice", alice, previous=2) == "gap"
    assert log.append(5, "alice", alice, previous=1) == "ok"
    assert [log.append(number, "alice", alice) for number in (3, 5, 6)] == ["again", "again", "ok"]
    assert log.said == [(NODE, 5), (NODE, 6)]


def test_session_says_nothing_after_a_newer_login_elsewhere(log: Appender) -> None:
    older = log.log_in(1, "alice")
    newer = log.log_in(1, "alice", OTHER)
    assert log.append(2, "alice", older) == "fenced"
    assert log.append(2, "alice", newer, node=OTHER) == "ok"
    assert log.said == [(OTHER, 2)]
    assert log.append(3, request=requests.Announce("x")) == "ok"  # the refused number is used up


def test_session_says_nothing_after_its_logout(log: Appender) -> None:
    alice = log.log_in(1, "alice")
    assert log.append(2, "alice", alice, request=requests.LogOut()) == "ok"
    assert log.append(3, "alice", alice) == "fenced"
    assert log.said == []


def test_message_that_the_log_has_lost_is_taken_after_a_newer_login(log: Appender) -> None:
    older = log.log_in(1, "alice")
    log.log_in(1, "alice", OTHER)
    assert log.append(2, "alice", older, first_stamp=older + 1) == "ok"
    assert log.append(3, "alice", older, request=requests.Join("x"), first_stamp=9) == "fenced"
    assert log.said == [(NODE, 2)]


def test_lost_login_is_refused_after_a_newer_one(log: Appender) -> None:
    newer = log.log_in(1, "alice", OTHER)
    login = requests.LogIn("alice", "::1")
    assert log.append(1, "alice", request=login, first_stamp=newer - 1) == "fenced"
    assert log.append(2, "alice", request=login, first_stamp=newer + 1) == "ok"


def test_refused_request_that_is_sent_again_only_uses_up_its_number(log: Appender) -> None:
    alice = log.log_in(1, "alice")
    assert log.append(2, "alice", alice, is_skipped=True) == "fenced"
    assert log.append(3, "alice", alice) == "ok"
    assert log.said == [(NODE, 3)]


def test_lost_sessions_refuse_nothing_until_their_server_has_restored_them(log: Appender) -> None:
    alice, bob = log.log_in(1, "alice"), log.log_in(1, "bob", OTHER)
    log.connection.command("DEL", scripts.SESSIONS)
    log.connection.run(scripts.CLAIM, OTHER, EPOCH, 1)
    assert log.append(2, "alice", alice) == "lost"
    assert log.append(2, "bob", bob, node=OTHER) == "fenced"
    assert log.hello(NODE)[3] == 0
    log.connection.run(scripts.RESTORE, "alice", alice, NODE, b"", EPOCH)
    assert log.append(2, "alice", alice) == "ok"  # `lost` has used up no number


def test_server_that_does_not_hold_a_lease_appends_nothing(log: Appender) -> None:
    alice = log.log_in(1, "alice")
    log.connection.run(scripts.LEAVE, NODE)
    assert log.append(2, "alice", alice) == "unknown"
    assert log.said == []


def test_fence_after_a_rollback_to_before_the_last_greeting_refuses_nothing(log: Appender) -> None:
    alice = log.log_in(1, "alice")
    log.connection.command("HDEL", scripts.SESSIONS, "alice")
    assert log.append(2, "alice", alice, greeting=2) == "lost"
    assert log.connection.run(scripts.CLAIM, NODE, EPOCH, 2) == [b"ok"]
    assert log.append(2, "alice", alice, greeting=2) == "fenced"


def test_log_of_another_epoch_takes_nothing(log: Appender) -> None:
    alice, node = log.log_in(1, "alice"), log.connection
    node.command("DEL", scripts.STATE)
    for epoch in ("", "other"):
        if epoch:
            node.command("DEL", *scripts.KEYS)
            log.seed(epoch)
            log.hello(NODE, epoch)
        stored = [node.command(*each) for each in STORED]
        assert log.append(2, "alice", alice, first_stamp=alice + 1) == "lost"
        assert log.append(2, "bob", request=requests.LogIn("bob", "::1")) == "lost"
        assert node.run(scripts.RESTORE, "alice", alice, NODE, b"", EPOCH) == [b"lost"]
        assert node.run(scripts.CLAIM, NODE, EPOCH, 2) == [b"lost"]
        assert node.run(state_scripts.SNAPSHOT, EPOCH, 0, 0, b"", NO_CHAIN) == [b"lost"]
        assert log.beat() == "unknown"
        if not epoch:
            node.run(scripts.LEAVE, NODE)
        assert [node.command(*each) for each in STORED] == stored


@pytest.mark.parametrize("loss", ["number", "entry", "nothing"])
def test_other_epoch_begins_once_when_a_server_finds_a_loss(log: Appender, loss: str) -> None:
    log.log_in(1, "alice")
    last = log.last
    if loss == "number":
        replies = [log.hello(NODE, acknowledged=2, last=last) for _ in range(2)]
    elif loss == "entry":
        gone = LastEntry(last.stamp + 1, "00ff00ff")
        assert log.beat(last=gone) == "unknown"
        replies = [log.hello(NODE, last=gone) for _ in range(2)]
    else:
        assert log.beat(last=last) == "ok"
        replies = [log.hello(NODE, acknowledged=1, last=last) for _ in range(2)]
    is_lost = loss != "nothing"
    assert [bool(reply[3]) for reply in replies] == [not is_lost] * 2
    assert {reply[1] for reply in replies} == {b"another epoch" if is_lost else b"epoch"}
    assert (log.beat(OTHER, last=last) == "unknown") == is_lost


def test_entry_is_not_taken_for_one_with_its_stamp_and_number_in_another_log(log: Appender) -> None:
    def place_of(last: LastEntry) -> list[int]:
        return [int(each) for each in log.connection.run(scripts.PLACE, *last)[3:5]]

    lasts = []
    login = requests.LogIn("carol", "::1")
    for user, generation in ("alice", 5), ("bob", 6):
        restored = log.connection.run(scripts.RESTORE, user, generation, NODE, b"", EPOCH)
        assert restored == [b"ok"]  # with the next stamp
        assert log.append(1, "carol", request=login, first_stamp=2**52) == "ok"  # it keeps its own
        lasts.append(log.last)
        assert place_of(log.last) == [2, 1]
        if user == "alice":
            log.connection.command("DEL", *scripts.KEYS)
            log.begin()
    assert lasts[0].stamp == lasts[1].stamp
    assert place_of(lasts[0]) == [2, 0]
    for last, outcome in zip(lasts, (b"lost", b"ok"), strict=True):
        snapshot = (EPOCH, last.stamp, 2, b"", last.chain)
        assert log.connection.run(state_scripts.SNAPSHOT, *snapshot) == [outcome]


# The clock of Redis is set back


def set_back(log: Appender, seconds: int) -> None:
    """Let everything be as if the clock of Redis had been set back."""
    for key, field in (
        (scripts.STATE, "at"),
        (scripts.STATE, "floor"),
        (scripts.STATE, "beat_at"),
        (scripts.STATE, "snapped_at"),
        (scripts.STATE, "claimed_at"),
        (scripts.LEASES, NODE),
        (scripts.LEASES, OTHER),
    ):
        unit = 1_000_000 if field in ("at", "floor") else 1000
        log.connection.command("HINCRBY", key, field, seconds * unit)


def test_no_lease_ends_later_than_a_whole_one_after_the_clock_was_set_back(log: Appender) -> None:
    assert log.beat() == "ok"
    set_back(log, 3600)
    assert log.beat() == "ok"
    seconds, _ = log.connection.command("TIME")
    ends = log.connection.command("HMGET", scripts.LEASES, NODE, OTHER)
    assert [0 < int(end) / 1000 - int(seconds) < 7 for end in ends] == [True, True]
    assert log.nodes == {NODE, OTHER}


def test_server_starts_again_after_the_clock_was_set_back(log: Appender) -> None:
    assert log.append(1, request=requests.Announce("x")) == "ok"
    before = log.last.stamp + 3600 * 1_000_000
    set_back(log, 3600)
    first, second = log.start(), log.start()
    assert before < first < second
    assert log.hello(f"c:{first}")[0] == b"ok"
    assert log.hello(f"c:{second}")[0] == b"ok"
    assert log.hello(f"c:{first}")[0] == b"replaced"


def test_server_starts_where_no_log_is(log: Appender) -> None:
    log.connection.command("DEL", scripts.STATE)
    assert log.start() > 1_700_000_000_000_000
    assert log.hello(NODE) == [b"empty"]


def test_stamps_go_on_at_half_the_speed_until_a_clock_that_was_set_back_has_caught_up(
    log: Appender,
) -> None:
    assert log.append(1, request=requests.Announce("x")) == "ok"
    set_back(log, 3600)
    began = time.monotonic()
    assert log.append(2, request=requests.Announce("x")) == "ok"
    first, numbers = log.last.stamp, itertools.count(3)

    def passed() -> float:
        assert log.append(next(numbers), request=requests.Announce("x")) == "ok"
        return (log.last.stamp - first) / 1e6

    until(lambda: passed() > 0.05, "stamps go on")
    assert passed() <= (time.monotonic() - began) / 2 + 0.001
    log.connection.command("DEL", scripts.LOG)  # no entry is from a later time
    set_back(log, -3600)
    assert log.append(next(numbers), request=requests.Announce("x")) == "ok"
    assert log.connection.command("HGET", scripts.STATE, "seen") is None


def test_short_time_ahead_of_the_clock_is_no_clock_that_was_set_back(log: Appender) -> None:
    """A long run of messages has a stamp for each."""
    texts = requests.Publish(("x",) * 1000)
    alice = log.log_in(1, "alice")
    for number in range(2, 6):
        assert log.append(number, "alice", alice, request=texts) == "ok"
        assert log.connection.command("HGET", scripts.STATE, "seen") is None


def test_snapshot_is_due_after_the_clock_was_set_back(log: Appender) -> None:
    log.connection.command("HSET", scripts.STATE, "claimed_at", 0, "snapped_n", -1)
    assert log.is_snapshot_due()
    assert not log.is_snapshot_due()
    set_back(log, 3600)
    assert log.is_snapshot_due()
    # One is not needed, but the last one is from long ago.
    log.connection.command("HSET", scripts.STATE, "snapped_n", 0)
    assert log.append(1, request=requests.Announce("x")) == "ok"
    assert not log.is_snapshot_due()
    set_back(log, 3600)
    assert log.is_snapshot_due()

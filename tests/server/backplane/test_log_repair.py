"""Losses in Redis that neither a cut connection nor a server's own number shows."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
import redis

from chat_server.backplane import (
    RedisSettings,
    open_account_editor,
    parse_redis_url,
    scripts,
)
from chat_server.backplane.entry_codec import decode
from chat_server.backplane.link_state import LinkState
from chat_server.backplane.log_events import BackplaneError, RedisUnreachableError
from chat_server.backplane.outgoing import Outgoing
from chat_server.backplane.pending import Pending
from chat_server.core import requests
from tests.support.log_node import QUICK, LogNode, NotedEvents, running
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import RedisServer, StartRedis
from tests.support.wait_until import until

SHORT_LEASE = replace(QUICK, redis_lease_seconds=0.6, redis_renewal_seconds=0.1)


SOON = replace(QUICK, redis_renewal_seconds=0.05, redis_timeout_seconds=2.0)


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[RedisProxy]:
    made = RedisProxy(redis_server.port)
    yield made
    made.close()


def edit(server: RedisServer, change: requests.ChangeAccount) -> None:
    """Change an account as `chat-server users` does."""
    with open_account_editor(RedisSettings(parse_redis_url(server.url)), 20.0) as editor:
        assert editor.edit(lambda accounts: change)


def resent(node: LogNode) -> int:
    """Return how many changes of accounts this server has made again."""
    return sum(int(str(count)) for name, count in node.events.seen if name == "changed again")


def test_acknowledged_entry_lost_without_a_cut_is_sent_again(redis_server: RedisServer) -> None:
    node = LogNode(redis_server.url, "a")
    with running(node):
        alice = node.log_in("alice")
        node.say(alice, "one")
        node.backplane.settle(alice)
        redis_server.command("HINCRBY", "{lobby}:nodes", node.backplane.node, -1)
        node.say(alice, "two")
        node.until_emitted(2)
        assert node.replica.emitted == ["alice one", "alice two"]
        assert node.events.count("resent") == 1


def test_all_data_lost_without_a_cut_is_written_back(redis_server: RedisServer) -> None:
    a, b = LogNode(redis_server.url, "a"), LogNode(redis_server.url, "b")
    with running(a, b):
        alice, bob = a.log_in("alice"), b.log_in("bob")
        a.say(alice, "before")
        b.until_emitted(1)
        redis_server.command("FLUSHALL")
        a.say(alice, "after")
        b.say(bob, "after")
        for node in (a, b):
            node.until_emitted(3)
            assert sorted(node.replica.emitted) == ["alice after", "alice before", "bob after"]


def until_servers_can_start(redis: RedisServer) -> None:
    """Wait until there is a snapshot from which the log goes on."""

    def can_start() -> bool:
        entries = redis.command("XRANGE", scripts.LOG, "-", "+", "COUNT", 1)
        if not entries or not redis.command("EXISTS", scripts.SNAPSHOTS):
            return False
        snapped = int(redis.command("HGET", scripts.STATE, "snapped_n") or 0)
        return int(entries[0][1]["n"]) <= snapped + 1

    until(can_start, "there is a snapshot from which the log goes on")


@pytest.mark.parametrize("key", scripts.KEYS)
def test_key_that_is_lost_alone_is_written_back_and_no_message_is_lost(
    redis_server: RedisServer, key: str
) -> None:
    accounts = {"alice": requests.AccountRecord("hash")}
    a, b, later = (
        LogNode(redis_server.url, name, SOON, accounts=lambda: accounts) for name in "abc"
    )
    with running(a, b):
        alice, bob = a.log_in("alice"), b.log_in("bob")
        a.say(alice, "before")
        for node in (a, b):
            node.until_emitted(1)
        redis_server.command("DEL", key)
        a.say(alice, "one")
        b.say(bob, "two")
        for node in (a, b):
            node.until_emitted(3)
            assert sorted(node.replica.emitted) == ["alice before", "alice one", "bob two"]
        until_servers_can_start(redis_server)
        if key != scripts.ENDED:  # no server has ended
            until(lambda: redis_server.command("EXISTS", key), f"{key} is back")
        with running(later):
            assert sorted(later.replica.texts) == sorted(a.replica.texts)
            assert later.replica.sessions == b.replica.sessions == a.replica.sessions
            assert set(later.replica.sessions) == {"alice", "bob"}
        assert redis_server.command("HGETALL", scripts.USERS).keys() == accounts.keys()


def test_lost_sessions_of_an_idle_server_are_restored_at_its_next_renewal(
    redis_server: RedisServer,
) -> None:
    node = LogNode(redis_server.url, "a", SOON)
    with running(node):
        node.log_in("alice")
        redis_server.command("DEL", scripts.SESSIONS)
        until(lambda: redis_server.command("HEXISTS", scripts.SESSIONS, "alice"))


def test_late_line_of_a_session_that_ended_before_the_table_was_lost_is_dropped(
    redis_server: RedisServer,
) -> None:
    node = LogNode(redis_server.url, "a", SOON)
    with running(node):
        alice, bob = node.log_in("alice"), node.log_in("bob")
        node.backplane.submit(requests.LogOut(), alice)
        redis_server.command("DEL", scripts.SESSIONS)
        node.say(alice, "late")
        node.say(bob, "heard")
        node.until_emitted(1)
        assert node.replica.emitted == ["bob heard"]
        assert node.events.count("restored") == 1


def test_restored_session_that_a_failover_lost_is_restored_again(
    redis_server: RedisServer, start_redis: StartRedis, proxy: RedisProxy
) -> None:
    slow = replace(SHORT_LEASE, redis_timeout_seconds=5.0)  # no pause of the machine is a fault
    a = LogNode(f"redis://127.0.0.1:{proxy.port}", "a", slow)
    b = LogNode(redis_server.url, "b", slow)
    with running(a):
        alice = a.log_in("alice")
        a.say(alice, "one")
        a.backplane.settle(alice)
        proxy.block()  # first: `b` must not end a server that is slow, and then comes back
        with running(b):
            until(lambda: a.backplane.node in b.replica.ended)
            replica = start_redis(replica_of=redis_server)
            replica.until_in_sync()
            replica.promote()
        # The other primary has received the hello of the server, and not its sessions.
        replica.command("HSET", "{lobby}:nodes", a.backplane.node, 2)
        replica.command("HDEL", "{lobby}:ended", a.backplane.node)
        proxy.unblock()
        until(lambda: a.events.count("restored") == 1 and "alice" in a.replica.sessions)
        proxy.target = replica.port
        proxy.cut()
        until(lambda: a.events.count("replayed"))
        a.say(alice, "two")
        a.until_emitted(2)
        assert a.events.count("restored") == 2


def test_entries_with_the_same_stamps_after_a_failover_are_not_taken_for_those_that_were_read(
    redis_server: RedisServer, start_redis: StartRedis, proxy: RedisProxy
) -> None:
    slow = replace(QUICK, redis_timeout_seconds=5.0)  # no pause of the machine is a fault
    later = RedisProxy(redis_server.port)
    try:
        a, b = (
            LogNode(f"redis://127.0.0.1:{each.port}", name, slow)
            for each, name in ((proxy, "a"), (later, "b"))
        )
        with running(a, b):
            alice, bob = a.log_in("alice"), b.log_in("bob")
            replica = start_redis(replica_of=redis_server)
            replica.until_in_sync()
            replica.promote()  # it receives nothing more
            b.say(bob, "first")
            a.until_emitted(1)
            a.log_in("carol")
            a.say(alice, "second")
            b.until_emitted(2)
            proxy.target = later.target = replica.port
            later.hold()
            proxy.cut()
            # Restoring carol takes the number of what bob has said.
            until(lambda: a.replica.texts == ["alice second"])
            later.cut()
            later.release()
            for node in (a, b):
                until(lambda node=node: len(node.replica.texts) == 2)  # type: ignore[misc]
            until(lambda: b.replica.texts == ["alice second", "bob first"], "b has the same log")
            assert b.replica.sessions == a.replica.sessions
            assert a.replica.emitted == b.replica.emitted == ["bob first", "alice second"]
            assert b.events.count("replayed") == 1
    finally:
        later.close()


def test_log_that_is_set_back_on_open_connections_is_read_again(redis_server: RedisServer) -> None:
    idle = replace(QUICK, redis_timeout_seconds=2.0, redis_renewal_seconds=60.0)
    a, b = LogNode(redis_server.url, "a", idle), LogNode(redis_server.url, "b", idle)
    with running(a, b), closing(redis.Redis(port=redis_server.port)) as client:
        alice, bob = a.log_in("alice"), b.log_in("bob")
        backup = {key: client.dump(key) or b"" for key in client.scan_iter()}
        b.say(bob, "first")
        a.until_emitted(1)
        a.log_in("carol")
        a.say(alice, "second")
        b.until_emitted(2)
        with client.pipeline(transaction=True) as pipeline:
            pipeline.delete(*scripts.KEYS)
            for key, value in backup.items():
                pipeline.restore(key, 0, value)
            pipeline.execute()
        # Restoring carol takes the number of what bob has said, so the next number follows.
        a.say(alice, "third")
        b.until_emitted(3)
        b.say(bob, "fourth")
        for node in (a, b):
            node.until_emitted(4)
            until(lambda node=node: len(node.replica.texts) == 4)  # type: ignore[misc]
            said = ["alice second", "alice third", "bob first", "bob fourth"]
            assert sorted(node.replica.emitted) == said
        until(lambda: b.replica.texts == a.replica.texts, "both have the same log")
        assert b.replica.sessions == a.replica.sessions


def test_account_changes_of_programs_that_a_failover_lost_are_made_again_once(
    redis_server: RedisServer, start_redis: StartRedis, proxy: RedisProxy
) -> None:
    old, new = requests.AccountRecord("old"), requests.AccountRecord("new")
    by_hand, disabled = requests.AccountRecord("by hand"), replace(old, is_disabled=True)
    lost = [
        requests.ChangeAccount("alice", new),
        requests.ChangeAccount("anna", new, renamed_from="alice"),
        requests.ChangeAccount("bob", disabled),
        requests.ChangeAccount("bob", old),
        requests.ChangeAccount("carol", new),
    ]
    kept = requests.ChangeAccount("dave", new)
    accounts = dict.fromkeys(("alice", "bob", "carol", "dave"), old)
    nodes = [
        LogNode(f"redis://127.0.0.1:{proxy.port}", name, accounts=lambda: accounts)
        for name in ("a", "b")
    ]
    with running(*nodes):
        edit(redis_server, kept)
        replica = start_redis(replica_of=redis_server)
        replica.until_in_sync()
        replica.promote()  # it receives nothing more
        for change in lost:
            edit(redis_server, change)
        for node in nodes:
            until(lambda node=node: node.replica.changes == [kept, *lost])  # type: ignore[misc]
        later = requests.ChangeAccount("carol", by_hand)
        edit(replica, later)
        proxy.target = replica.port
        proxy.cut()
        for node in nodes:
            until(lambda node=node: node.events.count("replayed"))  # type: ignore[misc]
        for number, node in enumerate(nodes):
            node.log_in(f"user{number}")  # so it has done all that comes before it sends again
        until(lambda: sum(resent(node) for node in nodes) == len(lost) - 1)
        entries = [entry for _, entry in replica.command("XRANGE", "{lobby}:log", "-", "+")]
    made = [decode("account", each["d"].encode()) for each in entries if each["k"] == "account"]
    assert sorted(made, key=str) == sorted([kept, later, *lost[:-1]], key=str)
    hashes = replica.command("HGETALL", "{lobby}:users")
    assert {name: json.loads(each)["password"] for name, each in hashes.items()} == {
        "anna": "new",
        "bob": "old",
        "carol": "by hand",
        "dave": "new",
    }


def test_number_that_is_lost_again_is_not_given_up() -> None:
    outgoing = Outgoing(QUICK)
    pending = Pending(requests.Join("dev"), None, "")
    outgoing.add(pending)
    assert outgoing.take() == [pending]
    outgoing.resume_after(1, 100)  # the reply was lost, and Redis knows the entry
    outgoing.resume_after(0, 50)  # a failover lost it before it was read
    outgoing.complete((), 120)  # the entries of others have come so far
    assert not pending.is_complete
    outgoing.complete([(1, 130, "moved")], 130)
    assert pending.result == "moved"


def test_gap_without_a_snapshot_is_reported_once(
    redis_server: RedisServer, proxy: RedisProxy
) -> None:
    # No pause of the machine is a fault, nor the end of a lease.
    slow = replace(QUICK, redis_timeout_seconds=2.0, redis_lease_seconds=60.0)
    a = LogNode(redis_server.url, "a", slow)
    b = LogNode(f"redis://127.0.0.1:{proxy.port}", "b", slow)
    with running(a, b):
        alice = a.log_in("alice")
        a.say(alice, "read")
        b.until_emitted(1)
        proxy.block()
        for text in ("removed", "kept"):
            a.say(alice, text)
            a.backplane.settle(alice)  # or both could be in one entry
        *_, removed, _ = redis_server.command("XRANGE", "{lobby}:log", "-", "+")
        redis_server.command("XDEL", "{lobby}:log", removed[0])
        # Otherwise the next renewal of `a` writes a snapshot, maybe before `b` has looked for one.
        redis_server.command("HSET", "{lobby}:state", "claimed_at", time.time_ns() // 1_000_000)
        redis_server.command("DEL", "{lobby}:snapshots")
        proxy.unblock()
        until(lambda: any("no snapshot" in str(why) for _, why in b.events.seen))
        redis_server.command("HSET", "{lobby}:state", "snapped_at", 1, "claimed_at", 1)
        until(lambda: b.replica.texts == a.replica.texts)
        until(lambda: not b.backplane.away_seconds())
        assert b.events.count("connected") <= 2


def test_deleted_entry_above_the_snapshots_is_passed_by_a_newer_snapshot(
    redis_server: RedisServer, proxy: RedisProxy
) -> None:
    a, b = LogNode(redis_server.url, "a", SOON), LogNode(f"redis://127.0.0.1:{proxy.port}", "b")
    with running(a, b):
        alice = a.log_in("alice")
        a.say(alice, "read")
        b.until_emitted(1)
        proxy.block()
        for text in ("deleted", "kept"):
            a.say(alice, text)
            a.backplane.settle(alice)  # or both could be in one entry
        *_, deleted, _ = redis_server.command("XRANGE", scripts.LOG, "-", "+")
        redis_server.command("XDEL", scripts.LOG, deleted[0])
        proxy.unblock()
        until(lambda: b.replica.texts == a.replica.texts, "b has passed the gap")
        until(lambda: not b.backplane.away_seconds())
        assert b.events.count("replayed") == 1
        assert [why for name, why in b.events.seen if "entry is missing" in str(why)]
        bob = b.log_in("bob")
        b.say(bob, "later")
        a.until_emitted(4)
        b.until_emitted(2)
        assert b.replica.emitted == ["alice read", "bob later"]


def test_cut_of_an_idle_connection_is_not_as_old_as_the_last_reply() -> None:
    link = LinkState(NotedEvents())
    link.writer.answered()
    threading.Event().wait(0.1)
    started = time.monotonic()
    link.writer.asks()
    link.writer.failed(RedisUnreachableError("cut"))
    assert link.away_seconds() <= time.monotonic() - started + 0.001


def test_outage_is_reported_once_with_causes_that_only_an_operator_can_end() -> None:
    events = NotedEvents()
    link = LinkState(events)
    for _ in range(2):
        events.seen.clear()
        link.reader.failed(RedisUnreachableError("closed"))
        link.writer.failed(RedisUnreachableError("refused"))
        link.reader.failed(BackplaneError("wrong password"))
        link.writer.failed(BackplaneError("wrong password"))
        assert events.seen == [("unreachable", "closed"), ("unreachable", "wrong password")]
        link.reader.answered()
        assert link.away_seconds()
        link.writer.answered()
        assert [name for name, _ in events.seen[2:]] == ["connected"]
        assert not link.away_seconds()


def test_outage_is_reported_once_and_users_get_one_notice(redis_server: RedisServer) -> None:
    # No pause of the machine is an outage.
    slow = replace(QUICK, redis_renewal_seconds=2.0, redis_timeout_seconds=5.0)
    node = LogNode(redis_server.url, "a", slow)
    with running(node):  # without clients, so its writer is idle until it renews its lease
        redis_server.kill()
        until(lambda: node.replica.connected)
        redis_server.start()
        until(lambda: len(node.replica.connected) > 1)
        assert node.replica.connected == [False, True]
        until(lambda: node.events.count("connected"))
        assert node.events.count("unreachable") == node.events.count("connected") == 1
        redis_server.cut_connections()
        until(lambda: node.events.count("connected") == 2)
        assert node.events.count("unreachable") == 2

"""Faults of the log with a real Redis: no entry is lost, doubled or out of order."""

from __future__ import annotations

import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from chat_server.backplane import BackplaneError, RedisSettings, parse_redis_url, probe_redis
from chat_server.core import BackplaneUnavailableError, Session, requests
from tests.support.log_node import QUICK, LogNode, Talk, running
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import RedisServer, StartRedis, free_port
from tests.support.wait_until import until

SHORT_LEASE = replace(QUICK, redis_lease_seconds=0.6, redis_renewal_seconds=0.1)
SHORT_WAIT = replace(QUICK, redis_login_seconds=0.2)
NO_RING = replace(QUICK, redis_ring_bytes=0)
SEEDS_LATER = replace(QUICK, redis_seed_seconds=3.0)
SMALL_QUEUE = replace(QUICK, redis_client_bytes=2000)


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[RedisProxy]:
    made = RedisProxy(redis_server.port)
    yield made
    made.close()


def url_of(proxy: RedisProxy) -> str:
    return f"redis://127.0.0.1:{proxy.port}"


def test_two_servers_show_one_order(redis_server: RedisServer) -> None:
    slow = replace(QUICK, redis_timeout_seconds=5.0)  # no pause of the machine is a fault
    a, b = LogNode(redis_server.url, "a", slow), LogNode(redis_server.url, "b", slow)
    with running(a, b):
        talk = Talk(a, b)
        talk.until_more(100)
        talk.check()
        assert not a.events.count("unreachable") + b.events.count("replayed")


def test_connections_cut_25_times(redis_server: RedisServer) -> None:
    a, b = LogNode(redis_server.url, "a"), LogNode(redis_server.url, "b")
    with running(a, b):
        talk = Talk(a, b)
        for _ in range(25):
            redis_server.cut_connections()
            talk.until_more(3)
        talk.check()


def test_scripts_forgotten_25_times(redis_server: RedisServer) -> None:
    slow = replace(QUICK, redis_timeout_seconds=5.0)  # no pause of the machine is a fault
    a, b = LogNode(redis_server.url, "a", slow), LogNode(redis_server.url, "b", slow)
    with running(a, b):
        talk = Talk(a, b)
        for _ in range(25):
            redis_server.command("SCRIPT", "FLUSH")
            talk.until_more(3)
        talk.check()
        assert not a.events.count("unreachable")


def test_replies_lost_after_execution(redis_server: RedisServer, proxy: RedisProxy) -> None:
    a, b = LogNode(url_of(proxy), "a"), LogNode(redis_server.url, "b")
    with running(a, b):
        talk = Talk(a, b)
        proxy.lose_replies_to(b"EVALSHA", 6)
        until(lambda: proxy.is_done)
        talk.until_more()
        talk.check()


def test_frozen_redis(redis_server: RedisServer) -> None:
    a, b = LogNode(redis_server.url, "a"), LogNode(redis_server.url, "b")
    with running(a, b):
        talk = Talk(a, b)
        redis_server.freeze()
        try:
            until(lambda: a.replica.connected == [False] == b.replica.connected)
            assert a.backplane.away_seconds() > 0
        finally:
            redis_server.thaw()
        talk.until_more()
        until(lambda: a.replica.connected[-1])
        assert not a.backplane.away_seconds()
        talk.check()


def test_redis_killed_and_back_with_its_data(redis_server: RedisServer) -> None:
    a, b = LogNode(redis_server.url, "a"), LogNode(redis_server.url, "b")
    with running(a, b):
        talk = Talk(a, b)
        for _ in range(3):
            talk.until_more()
            redis_server.kill()
            redis_server.start()
        talk.until_more()
        talk.check()


def test_redis_killed_and_back_with_nothing(redis_server: RedisServer) -> None:
    a, b = LogNode(redis_server.url, "a"), LogNode(redis_server.url, "b")

    def seeds() -> int:
        return a.events.count("seeded") + b.events.count("seeded")

    with running(a, b):
        talk = Talk(a, b)
        for kills in (1, 2, 3):
            talk.until_more()
            redis_server.kill()
            redis_server.clear()
            redis_server.start()
            # What was on its way may look like more, and the next kill like a part of this one.
            until(lambda kills=kills: seeds() == kills + 1)  # type: ignore[misc]
        talk.until_more()
        talk.check(is_one_order=False)
        assert seeds() == 4


def test_server_that_starts_leaves_an_emptied_redis_to_those_that_run(
    redis_server: RedisServer,
) -> None:
    a, b = LogNode(redis_server.url, "a"), LogNode(redis_server.url, "b")
    with running(a):
        a.log_in("alice")
        redis_server.command("FLUSHALL")
        with running(b):
            assert list(b.replica.sessions) == ["alice"]
            assert (a.events.count("seeded"), b.events.count("seeded")) == (2, 0)


def test_server_that_starts_leaves_a_redis_without_data_to_those_that_run(
    redis_server: RedisServer,
) -> None:
    a, b = LogNode(redis_server.url, "a"), LogNode(redis_server.url, "b", SEEDS_LATER)
    with running(a):
        a.log_in("alice")
        redis_server.kill()
        redis_server.clear()
        redis_server.start()
        with running(b):
            assert list(b.replica.sessions) == ["alice"]
            assert (a.events.count("seeded"), b.events.count("seeded")) == (2, 0)


def until_acknowledged(node: LogNode) -> None:
    """Wait until a server knows that Redis has its entries that it has read. No reply was lost."""
    number = node.replica.applied[node.backplane.node]
    until(lambda: node.backplane.measure().entries_written >= number)


def test_failover_that_loses_acknowledged_writes(
    redis_server: RedisServer, start_redis: StartRedis, proxy: RedisProxy
) -> None:
    a, b = LogNode(url_of(proxy), "a"), LogNode(url_of(proxy), "b")
    with running(a, b):
        talk = Talk(a, b)
        talk.until_more()
        replica = start_redis(replica_of=redis_server)
        replica.until_in_sync()
        talk.until_more()
        replica.promote()  # it receives nothing more
        talk.until_later_ones()  # or a server would have nothing to lose
        for node in (a, b):
            until_acknowledged(node)
        proxy.target = replica.port
        proxy.cut()
        until(lambda: a.events.count("resent") and b.events.count("resent"))
        talk.until_more()
        talk.check(is_one_order=False)
        assert a.events.count("resent") == b.events.count("resent") == 1
        assert a.events.count("replayed") == b.events.count("replayed") == 1


def test_out_of_memory_loses_nothing(redis_server: RedisServer) -> None:
    a, b = LogNode(redis_server.url, "a"), LogNode(redis_server.url, "b")
    with running(a, b):
        talk = Talk(a, b)
        talk.until_more()
        redis_server.configure("maxmemory", 1)
        until(lambda: a.events.count("unreachable") and b.events.count("unreachable"))
        assert any("out of memory" in str(why) for _, why in a.events.seen)
        until(lambda: a.replica.connected == [False])
        redis_server.configure("maxmemory", 0)
        talk.until_more()
        talk.check()


def test_server_cut_off_longer_than_its_lease(redis_server: RedisServer, proxy: RedisProxy) -> None:
    tuning = SHORT_LEASE
    a, b = LogNode(url_of(proxy), "a", tuning), LogNode(redis_server.url, "b", tuning)
    with running(a, b):
        alice, bob = a.log_in("alice"), a.log_in("bob")
        a.say(alice, "one")
        b.until_emitted(1)
        proxy.block()
        until(lambda: "alice" not in b.replica.sessions)
        a.say(alice, "two")
        a.say(bob, "refused")
        again = b.log_in("bob")
        b.say(again, "from b")
        b.until_emitted(2)
        proxy.unblock()
        b.until_emitted(3)
        a.until_emitted(3)
        assert bob.ended.wait(30)
        a.backplane.settle(bob)
        a.backplane.settle(alice)
        assert a.replica.emitted == b.replica.emitted == ["alice one", "bob from b", "alice two"]
        assert not alice.ended.is_set()
        assert a.replica.sessions == b.replica.sessions
        assert a.events.count("restored") == 1


def test_login_fails_while_redis_is_away(redis_server: RedisServer) -> None:
    node = LogNode(redis_server.url, "a", SHORT_WAIT)
    with running(node):
        redis_server.kill()
        with pytest.raises(BackplaneUnavailableError):
            node.log_in("alice")
        with pytest.raises(BackplaneUnavailableError):
            node.backplane.catch_up()
        # Logins that fail fill no memory, however long Redis is away.
        assert node.backplane._writer is not None
        assert not node.backplane._writer._questions._waiting
        until(lambda: not node.backplane.measure().queue_entries)  # the writer may hold one
        redis_server.start()
        until(lambda: not node.backplane.away_seconds())
        assert node.log_in("bob")
        assert "alice" not in node.replica.sessions


def test_publisher_waits_while_its_share_of_the_queue_is_full(redis_server: RedisServer) -> None:
    node = LogNode(redis_server.url, "a", SMALL_QUEUE)
    with running(node):
        alice, bob = node.log_in("alice"), node.log_in("bob")
        redis_server.freeze()
        try:

            def speak() -> None:
                for _ in range(9):
                    node.say(alice, "x" * 200)

            speaker = threading.Thread(target=speak)
            speaker.start()
            until(lambda: node.backplane.measure().queue_entries >= 4)
            speaker.join(0.3)
            assert speaker.is_alive()
            node.say(bob, "others do not wait")
        finally:
            redis_server.thaw()
        speaker.join()
        node.until_emitted(10)
        assert node.backplane.measure().queue_bytes == 0


def test_ended_session_does_not_wait_for_redis(redis_server: RedisServer) -> None:
    node = LogNode(redis_server.url, "a")
    with running(node):
        alice = node.log_in("alice")
        redis_server.freeze()
        try:
            node.say(alice, "waits")
            threading.Timer(0.1, alice.ended.set).start()
            node.backplane.settle(alice)
            assert node.backplane.submit(requests.Join("dev"), alice) is None
        finally:
            redis_server.thaw()


def test_stop_ends_the_sessions_for_others_at_once(redis_server: RedisServer) -> None:
    a, b = LogNode(redis_server.url, "a"), LogNode(redis_server.url, "b")
    with running(a, b):
        session = a.log_in("alice")
        a.say(session, "last words")
        a.stop()
        b.until_emitted(1)
        until(lambda: not b.replica.sessions)


def test_stop_without_redis_is_bounded(redis_server: RedisServer) -> None:
    node = LogNode(redis_server.url, "a")
    with running(node):
        session = node.log_in("alice")
        redis_server.kill()
        node.say(session, "lost with the server")
        started = time.monotonic()
        node.stop()
        assert time.monotonic() - started < 10


def test_stop_in_the_middle_of_a_greeting_is_bounded(redis_server: RedisServer) -> None:
    tuning = replace(
        QUICK, redis_timeout_seconds=60.0, redis_renewal_seconds=0.05, redis_stop_seconds=0.2
    )
    node = LogNode(redis_server.url, "a", tuning)
    with running(node):
        session = node.log_in("alice")
        reader = node.backplane._reader
        redis_server.command("DEL", "{lobby}:sessions")
        # The reader waits for the next entry, up to 15 s, before it looks at the log again.
        until(lambda: reader.progress.is_check_wanted)
        node.say(session, "too late")
        started = time.monotonic()
        assert node.backplane.send_waiting() == {session: 1}
        node.stop()
        assert time.monotonic() - started < 8
        assert node.events.count("unsent") == 1


@pytest.mark.parametrize(("difference", "how"), [(-3600, "ahead of"), (3600, "behind"), (0, None)])
def test_start_warns_about_a_clock_that_differs_from_that_of_redis(
    redis_server: RedisServer, difference: int, how: str | None
) -> None:
    node = LogNode(redis_server.url, "a")
    node.backplane._clock = lambda: time.time() + difference
    with running(node):
        warnings = [str(why) for name, why in node.events.seen if "the clock of Redis" in str(why)]
    assert len(warnings) == (how is not None)
    if how is not None:
        assert f"3600 s {how} the one of this machine" in warnings[0]


def test_later_start_of_a_name_ends_the_earlier_one(redis_server: RedisServer) -> None:
    older, newer = LogNode(redis_server.url, "a"), LogNode(redis_server.url, "a")
    with running(older):
        older.log_in("alice")
        with running(newer):
            until(lambda: older.events.count("replaced"))
            assert not newer.replica.sessions
            assert newer.log_in("alice")
            assert older.backplane.away_seconds()


def test_restarted_server_shows_only_what_it_has_not_shown(redis_server: RedisServer) -> None:
    a, b = LogNode(redis_server.url, "a"), LogNode(redis_server.url, "b")
    with running(a):
        alice = a.log_in("alice")
        with running(b):
            a.say(alice, "shown")
            b.until_emitted(1)
            a.backplane.settle(alice)
            stamp = int(redis_server.command("HGET", "{lobby}:state", "at"))
        a.say(alice, "missed")
        a.backplane.settle(alice)
        again = LogNode(redis_server.url, "b")
        again.start(stamp=stamp, numbers={a.backplane.node: 2})
        try:
            assert again.replica.texts == ["alice shown", "alice missed"]
            assert again.replica.emitted == ["alice missed"]
        finally:
            again.stop()


def test_trimmed_entries_are_replaced_by_a_snapshot(redis_server: RedisServer) -> None:
    a = LogNode(redis_server.url, "a")
    with running(a):
        alice = a.log_in("alice")
        b_proxy = RedisProxy(redis_server.port)
        try:
            b = LogNode(url_of(b_proxy), "b")
            with running(b):
                b_proxy.block()
                for number in range(10):
                    a.say(alice, str(number))
                a.backplane.settle(alice)
                redis_server.command("HSET", "{lobby}:state", "snapped_at", 1)
                until(lambda: redis_server.command("HLEN", "{lobby}:snapshots") == 2)
                a.say(alice, "after")
                a.backplane.settle(alice)
                redis_server.command("XTRIM", "{lobby}:log", "MAXLEN", 1)
                b_proxy.unblock()
                b.until_emitted(1)
                assert b.replica.emitted == ["alice after"]
                assert b.replica.texts == a.replica.texts
        finally:
            b_proxy.close()


def test_account_is_changed_only_if_it_is_the_expected_one(redis_server: RedisServer) -> None:
    old, new = requests.AccountRecord("old"), requests.AccountRecord("new", created="2026-11-30")
    node = LogNode(redis_server.url, "a", accounts=lambda: {"alice": old})
    with running(node):
        change = requests.ChangeAccount("alice", new)
        assert not node.backplane.change_account(change, new)
        assert not node.backplane.change_account(change, None)
        assert node.backplane.change_account(change, old)
        assert '"new"' in redis_server.command("HGET", "{lobby}:users", "alice")
        assert node.backplane.change_account(requests.ChangeAccount("bob", new, "alice"), new)
        assert redis_server.command("HKEYS", "{lobby}:users") == ["bob"]
        assert node.backplane.change_account(requests.ChangeAccount("bob", None), new)
        assert redis_server.command("HKEYS", "{lobby}:users") == []


def test_start_says_why_redis_cannot_be_used(redis_server: RedisServer) -> None:
    nowhere = LogNode(f"redis://127.0.0.1:{free_port()}", "a")
    with pytest.raises(BackplaneError, match="cannot be reached"):
        nowhere.start()
    nowhere.stop()
    with running(LogNode(redis_server.url, "a")):
        redis_server.command("HSET", "{lobby}:state", "form", "0")
        other = LogNode(redis_server.url, "b")
        with pytest.raises(BackplaneError, match="run the same version on all of them"):
            other.start()
        other.stop()


def test_redis_away_longer_than_a_lease_ends_no_session(redis_server: RedisServer) -> None:
    a = LogNode(redis_server.url, "a", SHORT_LEASE)
    b = LogNode(redis_server.url, "b", SHORT_LEASE)
    with running(a, b):
        alice = a.log_in("alice")
        redis_server.kill()
        until(lambda: a.backplane.away_seconds() > 1 < b.backplane.away_seconds())
        redis_server.start()
        a.say(alice, "still here")
        b.until_emitted(1)
        renewals = int(redis_server.command("HGET", "{lobby}:state", "beat_at"))
        until(lambda: int(redis_server.command("HGET", "{lobby}:state", "beat_at")) > renewals)
        assert not a.replica.ended + b.replica.ended


@pytest.mark.parametrize("lost", ["{lobby}:none", "{lobby}:leases"])
def test_killed_server_is_ended_after_its_lease(redis_server: RedisServer, lost: str) -> None:
    proxy = RedisProxy(redis_server.port)
    a = LogNode(url_of(proxy), "a", SHORT_LEASE)
    b = LogNode(redis_server.url, "b", SHORT_LEASE)
    try:
        with running(a, b):
            a.log_in("alice")
            proxy.block()
            redis_server.command("DEL", lost)
            until(lambda: b.replica.ended == [a.backplane.node])
            assert not b.replica.sessions
            assert b.backplane.measure().leases <= 2
            proxy.unblock()
    finally:
        proxy.close()


def test_defect_in_one_entry_does_not_stop_the_log(redis_server: RedisServer) -> None:
    node = LogNode(redis_server.url, "a")
    with running(node):
        alice = node.log_in("alice")
        assert node.backplane.submit(requests.Announce("x"), alice) is None
        assert "a defect of the replica" in str(node.events.seen[-1])
        node.say(alice, "goes on")
        node.until_emitted(1)


def test_failover_that_loses_more_than_is_kept_ends_in_one_state(
    redis_server: RedisServer, start_redis: StartRedis, proxy: RedisProxy
) -> None:
    a, b = LogNode(url_of(proxy), "a", NO_RING), LogNode(url_of(proxy), "b", NO_RING)
    with running(a, b):
        alice = a.log_in("alice")
        replica = start_redis(replica_of=redis_server)
        replica.until_in_sync()
        replica.promote()
        a.say(alice, "lost")
        b.until_emitted(1)
        a.until_emitted(1)
        until(lambda: a.backplane.measure().entries_written == 2)  # so it is not kept
        proxy.target = replica.port
        proxy.cut()
        a.say(alice, "later")
        b.until_emitted(2)
        a.until_emitted(2)
        assert a.replica.emitted == b.replica.emitted == ["alice lost", "alice later"]
        assert a.replica.texts == b.replica.texts == ["alice later"]
        assert not a.events.count("resent")


def test_two_servers_that_start_at_once_share_one_log(redis_server: RedisServer) -> None:
    nodes = [LogNode(redis_server.url, f"n{number}") for number in range(4)]
    threads = [threading.Thread(target=node.start) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ExitStack() as stack:
        for node in nodes:
            stack.callback(node.stop)
        session = nodes[0].log_in("alice")
        nodes[0].say(session, "hello")
        for node in nodes:
            node.until_emitted(1)
        assert sum(node.events.count("seeded") for node in nodes) == 1


def test_fifty_logins_of_one_user_leave_one_session(redis_server: RedisServer) -> None:
    a, b = LogNode(redis_server.url, "a"), LogNode(redis_server.url, "b")
    sessions: list[Session[str]] = []

    def log_in(node: LogNode, number: int) -> None:
        session = node.log_in("alice")
        sessions.append(session)
        node.say(session, str(number))

    with running(a, b):
        threads = [
            threading.Thread(target=log_in, args=((a, b)[number % 2], number))
            for number in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: sum(not each.ended.is_set() for each in sessions) == 1)
        (alive,) = [each for each in sessions if not each.ended.is_set()]
        assert a.replica.sessions == b.replica.sessions == {"alice": (alive.generation, alive.node)}
        assert alive.generation == max(each.generation for each in sessions)
        until(lambda: a.replica.emitted == b.replica.emitted)


def test_start_warns_about_a_running_server_with_other_unicode_tables(
    redis_server: RedisServer,
) -> None:
    a = LogNode(redis_server.url, "a")
    with running(a):
        field = f"unicode:{a.backplane.node}"
        own = redis_server.command("HGET", "{lobby}:state", field)
        assert own == unicodedata.unidata_version
        with running(same := LogNode(redis_server.url, "b")):
            assert not same.events.count("differ")
        redis_server.command("HSET", "{lobby}:state", field, "9.0.0")
        with running(other := LogNode(redis_server.url, "c")):
            (why,) = (str(why) for name, why in other.events.seen if name == "differ")
        assert why.startswith(f"this server has version {own} of the Unicode tables, and a has 9.0")
        settings = RedisSettings(parse_redis_url(redis_server.url))
        assert why in probe_redis(settings, 5.0).warnings
        assert why not in probe_redis(settings, 5.0, name="a").warnings
    assert redis_server.command("HGET", "{lobby}:state", field) is None
    assert why not in probe_redis(settings, 5.0).warnings

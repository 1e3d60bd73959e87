"""A user has one session on all nodes, which ends everywhere when its node is gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chat_server.backplane import RedisSettings, open_account_editor, parse_redis_url
from chat_server.core import requests
from tests.cluster.load import Load, LoadClient
from tests.support.cluster import Cluster, ProgramNode, StartCluster
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import StartRedis
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

LONG_LEASE = 600.0
"""Seconds. So long that no lease ends during a test."""

LOGINS = 50


def members(client: WireClient) -> str:
    """Return the members of the client's room, as `/who` lists them."""
    return client.request("/who").partition(": ")[2]


def until_members(client: WireClient, expected: str) -> None:
    """Wait until the client's room has these members."""
    until(lambda: members(client) == expected, f"in the room: {expected}", lambda: members(client))


def replace_account(cluster: Cluster, user: str) -> None:
    """Remove an account, and give another person one with this name and password."""
    settings = RedisSettings(parse_redis_url(cluster.redis.url))
    with open_account_editor(settings, 20.0) as editor:
        account = editor.read()[user]
        removal, addition = (requests.ChangeAccount(user, new) for new in (None, account))
        assert editor.edit(lambda _: removal)
        assert editor.edit(lambda _: addition)


def program_of(cluster: Cluster, node: int) -> ProgramNode:
    """Return a node that is a process."""
    program = cluster.nodes[node]
    assert isinstance(program, ProgramNode)
    return program


def test_sessions_of_a_killed_node_end_with_its_lease(start_cluster: StartCluster) -> None:
    cluster = start_cluster(
        2, in_processes=True, redis_lease_seconds=2.0, redis_renewal_seconds=0.3
    )
    cluster.log_in(0, "alice")
    cluster.log_in(0, "bob")
    carol = cluster.log_in(1, "carol")
    until_members(carol, "alice, bob, carol")
    program_of(cluster, 0).kill()
    until_members(carol, "carol")


@pytest.mark.parametrize("restart", [ProgramNode.kill, ProgramNode.stop])
def test_sessions_end_at_once_when_their_node_starts_again_or_stops_in_order(
    start_cluster: StartCluster, restart: Callable[[ProgramNode], None]
) -> None:
    cluster = start_cluster(2, in_processes=True, redis_lease_seconds=LONG_LEASE)
    cluster.log_in(0, "alice")
    carol = cluster.log_in(1, "carol")
    until_members(carol, "alice, carol")
    node = program_of(cluster, 0)
    restart(node)
    if restart is ProgramNode.stop:
        until_members(carol, "carol")
    node.start()
    until_members(carol, "carol")
    cluster.log_in(0, "alice")
    until_members(carol, "alice, carol")
    cluster.until_same_state()


@pytest.mark.parametrize("part", [RedisProxy.hold, RedisProxy.block])
def test_node_that_was_cut_off_longer_than_its_lease_restores_its_sessions_before_their_messages(
    start_cluster: StartCluster, part: Callable[[RedisProxy], None]
) -> None:
    # A pause of the other node must not notify carol, whose reads would be off by one line.
    cluster = start_cluster(
        2,
        redis_lease_seconds=1.5,
        redis_renewal_seconds=0.3,
        tuning_of={0: {"redis_notice_seconds": 0.3}},
    )
    alice, bob = cluster.log_in(0, "alice"), cluster.log_in(0, "bob")
    carol = cluster.log_in(1, "carol", subscribe="*")
    dave = cluster.log_in(0, "dave")
    until_members(carol, "alice, bob, carol, dave")
    part(cluster.proxies[0])
    notice = "[SERVER] Disconnected from the other servers; your messages will be sent later"
    alice.send("of the older session")
    dave.send("of a removed user")
    bob.send("one", "two")
    until_members(carol, "carol")
    replace_account(cluster, "dave")
    newer = cluster.log_in(1, "alice")
    newer.send("of the newer session")
    carol.expect_message("alice", "of the newer session")
    cluster.proxies[0].release()
    cluster.proxies[0].unblock()
    carol.expect_message("bob", "one")
    carol.expect_message("bob", "two")
    alice.expect(notice)
    assert alice.read_line() in (
        "[SERVER] Logged out due to new login",
        "[SERVER] Connected to the other servers again",
    )
    dave.expect(notice)
    assert dave.read_line() in (
        "[SERVER] Logged out: this account was removed",
        "[SERVER] Connected to the other servers again",
    )
    bob.expect(notice, "[SERVER] Connected to the other servers again")
    until_members(carol, "alice, bob, carol")
    newer.send("again")
    carol.expect_message("alice", "again")
    bob.send("three")
    carol.expect_message("bob", "three")
    carol.expect_silence()
    cluster.until_same_state()


def test_fifty_logins_of_a_user_over_two_nodes_leave_one_session(
    start_cluster: StartCluster,
) -> None:
    cluster = start_cluster(2)
    with Load(cluster.ports, ["bob", "carol"], per_second=20) as load:
        logins = [
            load.add(LoadClient(cluster.ports[number % 2], "alice", follows=False))
            for number in range(LOGINS)
        ]
        for login in logins:
            # Behind the LOGIN in one write: the text is published the moment the session begins.
            for _ in range(3):
                login.publish()
        load.work_until(
            lambda: (
                sum(not login.has_ended for login in logins) == 1
                and all(login.has_ended or login.is_ready for login in logins)
            ),
            "one session is left",
        )
        for login in [login for login in logins if login.has_ended]:
            assert login.lines[-1] == "[SERVER] Logged out due to new login"
            load.remove(login)
        load.run_while_delivered()
        load.drain()
        assert not load.faults()
        cluster.until_same_state()


def test_login_on_a_node_that_lags_waits_for_the_password_that_another_node_has_changed(
    start_cluster: StartCluster,
) -> None:
    cluster = start_cluster(2)
    alice = cluster.log_in(0, "alice")
    cluster.until_same_state()
    cluster.proxies[1].hold()
    assert alice.request("/passwd pw-of-alice correct-horse") == "[SERVER] Password changed"
    by_new, by_old = (cluster.connect(cluster.ports[1]) for _ in range(2))
    for client, password in ((by_new, "correct-horse"), (by_old, "pw-of-alice")):
        client.send(f"LOGIN alice {password}")
        client.expect("[SERVER] Login using: LOGIN <username> <password>")
    cluster.proxies[1].release()
    by_new.expect("[SERVER] Login successful")
    by_old.expect("[ERROR] Authentication failed")
    alice.expect("[SERVER] Logged out due to new login")


def test_moves_and_subscriptions_that_an_old_backup_lacks_are_made_again(
    start_cluster: StartCluster, start_redis: StartRedis
) -> None:
    def shared() -> list[tuple[object, object]]:
        """Return the members of rooms, in no order, and the subscriptions that each node knows."""
        return [
            ({name: set(members) for name, members in each["rooms"]}, each["subscriptions"])
            for each in cluster.states().values()
        ]

    cluster = start_cluster(2, redis_ring_bytes=0, redis_snapshot_seconds=1000.0)
    alice, bob = cluster.log_in(0, "alice"), cluster.log_in(1, "bob")
    backup = start_redis(replica_of=cluster.redis)
    backup.until_in_sync()
    backup.promote()  # it receives nothing more
    for client in (alice, bob):
        assert client.request("/join another") == "[SERVER] Joined room 'another'"
        assert client.request("/join secret") == "[SERVER] Joined room 'secret'"
        assert client.request("/subscribe carol") == "[SERVER] Subscribed to carol"
        assert client.request("/subscribe *") == "[SERVER] Subscribed to *"
        assert client.request("/unsubscribe carol") == "[SERVER] Unsubscribed from carol"
    cluster.until_same_state()
    before = shared()
    cluster.use_redis(backup)
    alice.send("only for the room")

    def is_said() -> bool:
        entries = backup.command("XREVRANGE", "{lobby}:log", "+", "-", "COUNT", 3)
        return any(fields["d"] == "only for the room" for _, fields in entries)

    until(is_said, "the nodes have connected to the backup")
    until(lambda: shared() == before, "all is as it was", lambda: f"{shared()}, not {before}")
    bob.send("/who")
    while (line := bob.read_line()) != "[SERVER] In room 'secret': alice, bob":
        # What it has read before is not said again.
        assert line is not None
        assert line.endswith(("alice: only for the room", "other servers again", "sent later"))

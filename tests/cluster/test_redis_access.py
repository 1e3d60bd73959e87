"""Nodes reach a Redis with TLS, an ACL or Sentinels, and reject one that they must not trust."""

from __future__ import annotations

import trustme

from chat_server.backplane.scripts import COMMANDS
from chat_server.wire import replies
from tests.cluster.faults import FaultRun
from tests.cluster.load import Load
from tests.support.cluster import StartCluster
from tests.support.redis_server import StartRedis, StartSentinel
from tests.support.wait_until import until

USERS = ("alice", "bob", "carol", "dave")
ACL = " ".join(["user lobby on >secret ~{lobby}:*", *(f"+{each}" for each in COMMANDS)])


def test_nodes_wait_while_redis_has_a_certificate_of_an_unknown_authority(
    start_cluster: StartCluster, start_redis: StartRedis
) -> None:
    redis = start_redis(tls=True, acl=[ACL], password="of the administrator")
    foreign = start_redis(tls=True, certificate=trustme.CA().issue_cert("127.0.0.1"))
    cluster = start_cluster(
        2,
        redis=redis,
        redis_user="lobby",
        redis_password_file=redis.write_password("secret"),
        redis_ca=redis.ca,
        redis_notice_seconds=0.3,
    )
    with Load(cluster.ports, USERS) as load:
        load.run_while_delivered()
        run = FaultRun(cluster, load, start_redis)
        cluster.use_redis(foreign)
        run.until_notified(replies.SERVERS_DISCONNECTED)
        assert not foreign.command("EXISTS", "{lobby}:log")
        cluster.use_redis(redis)
        run.drain()
        run.until_notified(replies.SERVERS_CONNECTED)
        load.run_while_delivered()
        load.drain()
        assert not load.faults()
        cluster.until_same_state()


def test_nodes_use_a_changed_password_file_without_a_restart(
    start_cluster: StartCluster, start_redis: StartRedis
) -> None:
    redis = start_redis(password="first-secret")
    cluster = start_cluster(
        2,
        redis=redis,
        redis_password_file=redis.write_password("first-secret"),
        redis_notice_seconds=0.3,
    )
    with Load(cluster.ports, USERS) as load:
        run = FaultRun(cluster, load, start_redis)
        redis.set_password("other-secret")
        redis.cut_connections()
        run.until_notified(replies.SERVERS_DISCONNECTED)
        redis.write_password("other-secret")
        run.drain()
        run.until_notified(replies.SERVERS_CONNECTED)
        run.drain()  # the load goes on until here
        assert not load.faults()
        assert "-secret" not in "".join(node.log for node in cluster.nodes)


def test_nodes_follow_a_failover_by_sentinel(
    start_cluster: StartCluster, start_redis: StartRedis, start_sentinel: StartSentinel
) -> None:
    primary = start_redis()
    replica = start_redis(replica_of=primary)
    replica.until_in_sync()
    sentinel = start_sentinel(primary)
    sentinel.until_replicas(1)
    cluster = start_cluster(2, redis=primary, redis_url=sentinel.url)
    with Load(cluster.ports, USERS) as load:
        load.run_while_delivered()
        primary.kill()
        until(
            lambda: sentinel.primary_port == replica.port,
            "the replica is the primary",
            work=load.work,
        )
        load.run_while_delivered()
        load.drain()
        assert not load.faults()
        cluster.until_same_state()

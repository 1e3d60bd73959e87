"""Each fault that a cluster must survive, while clients on two nodes publish all the time.

`test_faults.py` runs them once and shortly, `python -m tests.cluster.soak` at their full length.
A fault returns when the cluster works again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

import redis

from chat_server.wire import replies
from tests.cluster.load import Load
from tests.support.cluster import Cluster
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import RedisServer, free_port


@dataclass
class FaultRun:
    """A cluster of two nodes under load, and how severe its faults are."""

    cluster: Cluster
    load: Load
    start_redis: Callable[..., RedisServer]
    cuts: int = 25
    """How often a fault without a length happens."""
    away: float = 5.0
    """Seconds without Redis."""
    frozen: float = 3.0
    """Seconds in which Redis does not answer."""
    lost: float = 0.4
    """Seconds of acknowledged writes that are lost."""
    catch_up_seconds: list[float] = field(default_factory=list)
    """How long it took to deliver the last message that had waited."""

    @property
    def redis(self) -> RedisServer:
        """The current primary."""
        return self.cluster.redis

    def drain(self) -> None:
        """Publish nothing more, and wait until everything that waits is delivered."""
        self.catch_up_seconds.append(self.load.drain())
        self.load.is_publishing = True

    def until_notified(self, notice: str) -> None:
        """Work until every client has read a notice as its last one."""
        line = f"[SERVER] {notice}"
        self.load.work_until(
            lambda: all(each.lines[-1] == line for each in self.load.clients),
            f"all clients have read {line!r}",
        )


def cut_connections(run: FaultRun) -> None:
    """Close the connections of all nodes again and again."""
    for _ in range(run.cuts):
        run.load.work_until(run.redis.cut_connections, "a node has connected again")
        run.load.run(0.01)


def flush_scripts(run: FaultRun) -> None:
    """Let Redis forget the scripts again and again."""
    for _ in range(run.cuts):
        run.redis.command("SCRIPT", "FLUSH")
        run.load.run(0.02)


def freeze_redis(run: FaultRun) -> None:
    """Let Redis answer nothing for a while, with its connections open."""
    run.redis.freeze()
    try:
        run.load.run(run.frozen)
        run.until_notified(replies.SERVERS_DISCONNECTED)
    finally:
        run.redis.thaw()
    run.drain()
    run.until_notified(replies.SERVERS_CONNECTED)


def stop_redis(run: FaultRun) -> None:
    """Let Redis be away for a while, and come back with its data."""
    run.redis.stop()
    run.load.run(run.away)
    run.until_notified(replies.SERVERS_DISCONNECTED)
    run.redis.start()
    run.drain()
    run.until_notified(replies.SERVERS_CONNECTED)


def kill_redis(run: FaultRun) -> None:
    """Kill Redis. It comes back with what its AOF holds."""
    run.redis.kill()
    run.load.run(0.1)
    run.redis.start()


def kill_and_clear_redis(run: FaultRun) -> None:
    """Kill Redis. It comes back with nothing."""
    run.redis.kill()
    run.redis.clear()
    run.load.run(0.1)
    run.redis.start()


def lose_acknowledged_writes(run: FaultRun) -> None:
    """Let a replica take over that has not received the last writes."""
    _fail_over(run)


def lose_acknowledged_writes_before_a_late_node(run: FaultRun) -> None:
    """Let a replica take over as above. One node finds it after the other has sent again."""
    _fail_over(run, run.cluster.proxies[0])


def _fail_over(run: FaultRun, late: RedisProxy | None = None) -> None:
    old = run.redis
    replica = run.start_redis(replica_of=old)
    replica.until_in_sync()
    run.load.run_while_delivered()
    replica.promote()
    run.load.run(run.lost)
    if late is not None:
        late.hold()
    old.kill()
    run.cluster.use_redis(replica)
    if late is not None:
        run.load.run(0.5)
        late.release()


def clear_redis(run: FaultRun) -> None:
    """Let Redis lose everything without closing a connection."""
    run.redis.command("FLUSHALL")
    run.load.run(0.5)


def set_redis_back(run: FaultRun) -> None:
    """Let Redis go back to what it held a moment ago, without closing a connection."""
    with closing(redis.Redis(port=run.redis.port)) as client:
        backup = {key: client.dump(key) or b"" for key in client.scan_iter()}
        run.load.run(run.lost)
        with client.pipeline(transaction=True) as pipeline:
            pipeline.flushall()
            for key, value in backup.items():
                pipeline.restore(key, 0, value)
            pipeline.execute()
    run.load.run(0.5)


def lose_replies(run: FaultRun) -> None:
    """Cut the connection of a node when Redis has executed what the node has sent."""
    for proxy in run.cluster.proxies:
        proxy.lose_replies_to(b"EVALSHA", run.cuts)
    run.load.work_until(
        lambda: all(proxy.is_done for proxy in run.cluster.proxies), "all replies are lost"
    )


def run_out_of_memory(run: FaultRun) -> None:
    """Let Redis reject all writes for a while, as it does without memory."""
    run.redis.configure("maxmemory", 1)
    run.until_notified(replies.SERVERS_DISCONNECTED)
    run.redis.configure("maxmemory", 0)
    run.drain()
    run.until_notified(replies.SERVERS_CONNECTED)


def change_password(run: FaultRun) -> None:
    """Let Redis reject the password of the nodes for a while."""
    run.redis.set_password("another")
    for proxy in run.cluster.proxies:
        proxy.cut()
    run.until_notified(replies.SERVERS_DISCONNECTED)
    run.redis.set_password("")
    run.drain()
    run.until_notified(replies.SERVERS_CONNECTED)


def demote_redis(run: FaultRun) -> None:
    """Let Redis be a replica for a while, as a former primary is after a failover."""
    run.redis.command("REPLICAOF", "127.0.0.1", free_port())
    run.until_notified(replies.SERVERS_DISCONNECTED)
    run.redis.promote()
    run.drain()
    run.until_notified(replies.SERVERS_CONNECTED)


def hold_packets(run: FaultRun) -> None:
    """Let one node lose all packets for a while. They arrive afterwards."""
    proxy = run.cluster.proxies[0]
    proxy.hold()
    run.load.run(run.away)
    proxy.release()
    run.drain()


FAULTS: Final[tuple[Callable[[FaultRun], None], ...]] = (
    cut_connections,
    flush_scripts,
    freeze_redis,
    stop_redis,
    kill_redis,
    kill_and_clear_redis,
    lose_acknowledged_writes,
    lose_replies,
    run_out_of_memory,
    change_password,
    demote_redis,
    hold_packets,
)
"""All of them keep the sessions: none is longer than a lease."""

LONG_FAULTS: Final[tuple[Callable[[FaultRun], None], ...]] = (
    *FAULTS,
    lose_acknowledged_writes_before_a_late_node,
    clear_redis,
    set_redis_back,
)
"""Those of the soak. Shorter tests check the further ones, entry by entry."""

REORDERING: Final = frozenset(
    {
        lose_acknowledged_writes,
        lose_acknowledged_writes_before_a_late_node,
        kill_and_clear_redis,
        clear_redis,
        set_redis_back,
    }
)
"""After these, nodes may have read the messages of different authors in another order, if they had
applied different beginnings of what the log has lost. Each author's messages stay in order."""

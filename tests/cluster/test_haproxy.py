"""Behind a real HAProxy, new clients reach a node that works."""

from __future__ import annotations

from tests.support.cluster import Cluster, ProgramNode, StartCluster
from tests.support.redis_server import HaProxy, StartHaProxy
from tests.support.wait_until import until
from tests.support.wire_client import WireClient


def balancer_config(cluster: Cluster) -> str:
    """Return a configuration that asks each node for its health."""
    servers = "\n".join(
        f"    server {node.name} 127.0.0.1:{node.port} check port {node.metrics_port}"
        " inter 100ms fall 2 rise 1 on-marked-down shutdown-sessions"
        for node in cluster.nodes
        if isinstance(node, ProgramNode)
    )
    return (
        "defaults\n    mode tcp\n    timeout connect 1s\n    timeout client 1h\n"
        "    timeout server 1h\n    timeout check 1s\n"
        "listen chat\n    bind fd@{port}\n    balance roundrobin\n    option redispatch\n"
        "    option httpchk GET /healthz\n" + servers + "\n"
    )


def log_in(proxy: HaProxy, user: str) -> WireClient | None:
    """Log in through the proxy. Return None if no node takes the connection."""
    client = WireClient("127.0.0.1", proxy.port)
    try:
        client.send(f"LOGIN {user} pw-of-{user}")
        for _ in range(3):
            if (line := client.read_line()) is None or line.startswith("[ERROR]"):
                client.close()
                return None
    except OSError:
        client.close()
        return None
    return client


def test_client_moves_to_another_node_when_its_node_is_cut_off_or_killed(
    start_cluster: StartCluster, start_haproxy: StartHaProxy
) -> None:
    cluster = start_cluster(
        2, in_processes=True, has_metrics=True, redis_login_seconds=0.5, redis_lease_seconds=2.0
    )
    proxy = start_haproxy(balancer_config(cluster))
    first, other = cluster.nodes
    assert isinstance(first, ProgramNode)
    assert isinstance(other, ProgramNode)
    with WireClient("127.0.0.1", first.port) as alice:
        alice.send("LOGIN alice pw-of-alice")
        cluster.proxies[0].block()

        def is_moved() -> bool:
            """Return whether bob logs in twice in a row, so that both connections had one node."""
            for _ in range(2):
                client = log_in(proxy, "bob")
                if client is None:
                    return False
                client.close()
            return True

        until(is_moved, "the node that is cut off gets no clients")
        cluster.proxies[0].unblock()
        until(lambda: first.is_healthy(), "the node is healthy again")
    other.kill()
    until(is_moved, "the killed node gets no clients")
    carol = log_in(proxy, "carol")
    assert carol is not None
    with carol:
        assert carol.request("/who") == "[SERVER] In room 'lobby': carol"

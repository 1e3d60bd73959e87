"""ChatSession with real servers over a real Redis: a node stops, and Redis is away."""

from __future__ import annotations

from chat_server.wire import replies
from chat_tui import events
from chat_tui.events import ConnectionState
from chat_tui.model.entries import EntryState
from tests.support.cluster import Cluster, StartCluster
from tests.support.restartable_server import texts_until
from tests.support.session_harness import SessionHarness


def sign_in(harness: SessionHarness, cluster: Cluster) -> None:
    first, *others = [("127.0.0.1", port) for port in cluster.ports]
    harness.session.sign_in(
        *first, "alice", "pw-of-alice", room="dev", follow_everyone=True, others=others
    )
    harness.until_notice(events.SignedIn)
    harness.until_state(ConnectionState.ONLINE)
    harness.until(lambda: harness.session.can_send_now)


def test_client_has_every_message_once_after_its_node_has_stopped(
    harness: SessionHarness, start_cluster: StartCluster
) -> None:
    cluster = start_cluster(2)
    bob = cluster.log_in(1, "bob", subscribe="*")
    bob.send("/join dev")
    bob.expect("[SERVER] Joined room 'dev'")
    sign_in(harness, cluster)
    for number in range(3):
        bob.send(f"before {number}")
    harness.session.submit("mine before")
    harness.until_text("before 2")
    harness.until(lambda: harness.until_text("mine before").state is EntryState.SENT)
    cluster.nodes[0].stop()
    for number in range(3):
        bob.send(f"meanwhile {number}")
    server = f"127.0.0.1:{cluster.ports[1]}"
    harness.until(lambda: harness.model.connection.server == server, "the other node")
    harness.session.submit("mine after")
    harness.until(lambda: harness.until_text("mine after").state is EntryState.SENT)
    bob.send("after")
    harness.until_text("after")
    expected = [
        *(f"before {number}" for number in range(3)),
        *(f"meanwhile {number}" for number in range(3)),
        "after",
    ]
    entries = harness.model.log.entries()
    assert [entry.text for entry in entries if entry.author == "bob"] == expected
    mine = [(entry.text, entry.state) for entry in entries if entry.own]
    assert mine == [("mine before", EntryState.SENT), ("mine after", EntryState.SENT)]


def test_message_waits_while_redis_is_away_and_is_sent_once(
    harness: SessionHarness, start_cluster: StartCluster
) -> None:
    cluster = start_cluster(2, redis_notice_seconds=0.3)
    bob = cluster.log_in(1, "bob", subscribe="*")
    bob.send("/join dev")
    bob.expect("[SERVER] Joined room 'dev'")
    sign_in(harness, cluster)
    for proxy in cluster.proxies:
        proxy.block()
    harness.until(lambda: not harness.model.servers_connected, "the notice")
    bob.expect(f"[SERVER] {replies.SERVERS_DISCONNECTED}")
    harness.session.submit("patience")
    assert harness.until_text("patience").state is EntryState.PENDING
    for proxy in cluster.proxies:
        proxy.unblock()
    harness.until(lambda: harness.model.servers_connected, "connected again")
    texts_until(bob, f"[SERVER] {replies.SERVERS_CONNECTED}")  # the message may come first
    harness.until(lambda: harness.until_text("patience").state is EntryState.SENT)
    assert replies.SERVERS_CONNECTED in harness.texts()
    assert harness.texts().count("patience") == 1
    assert harness.model.connection.state is ConnectionState.ONLINE

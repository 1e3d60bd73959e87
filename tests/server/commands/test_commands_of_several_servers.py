"""Commands of clients that are connected to different servers of one chat."""

from __future__ import annotations

import pytest

from chat_server.core import now_microseconds
from chat_server.wire import format_stamp, history_replies, operator_replies, replies
from tests.support.cluster import Cluster, StartCluster


@pytest.fixture
def cluster(start_cluster: StartCluster) -> Cluster:
    """Return two servers whose operator is alice."""
    return start_cluster(operators=frozenset({"alice"}))


def test_kick_ends_the_session_on_another_server(cluster: Cluster) -> None:
    alice, bob = cluster.log_in(0, "alice"), cluster.log_in(1, "bob")
    assert alice.request("/kick bob too loud") == "[SERVER] Kicked bob"
    bob.expect("[SERVER] Logged out by an operator: too loud")
    bob.expect_end()
    assert alice.request("/kick bob") == f"[ERROR] {operator_replies.not_logged_in('bob')}"
    assert "Operator 'alice' kicked 'bob'" in cluster.nodes[0].log


def test_ban_holds_on_every_server_until_it_is_ended(cluster: Cluster) -> None:
    alice, bob = cluster.log_in(0, "alice"), cluster.log_in(1, "bob")
    assert alice.request("/ban bob 5") == "[SERVER] Banned bob for 5 min"
    bob.expect("[SERVER] Logged out by an operator: banned for 5 min")
    bob.expect_end()
    for node in cluster.nodes:
        again = cluster.connect(node.port)
        again.expect("[SERVER] Login using: LOGIN <username> <password>")
        assert again.request("LOGIN bob pw-of-bob").startswith("[ERROR] This account is banned")
    assert alice.request("/unban bob") == "[SERVER] Unbanned bob"
    cluster.log_in(1, "bob")


def test_replies_follow_the_messages_that_were_sent_before(cluster: Cluster) -> None:
    bob = cluster.log_in(1, "bob", subscribe="bob")
    bob.send(*["one", "/unsubscribe bob", "two", "/subscribe bob", "three", "/nonsense", "four"])
    bob.expect_message("bob", "one")
    bob.expect("[SERVER] Unsubscribed from bob", "[SERVER] Subscribed to bob")
    bob.expect_message("bob", "three")
    bob.expect(f"[ERROR] {replies.unknown_command('/nonsense')}")
    bob.expect_message("bob", "four")


def test_end_of_input_comes_after_the_echo_of_the_last_message(cluster: Cluster) -> None:
    bob = cluster.log_in(1, "bob", subscribe="bob")
    bob.send("last words")
    bob.send_eof()
    bob.expect_message("bob", "last words")
    bob.expect_end()
    cluster.until_same_state()


def test_private_message_waits_for_a_user_on_another_server(cluster: Cluster) -> None:
    alice = cluster.log_in(0, "alice")
    assert alice.request("/msg bob psst").startswith("[SERVER] Kept for bob")
    bob = cluster.log_in(1, "bob", subscribe="alice")
    assert bob.request("/unread") == "[SERVER] Unread: @alice (1)"


def test_erased_message_is_gone_on_every_server(cluster: Cluster) -> None:
    bob = cluster.log_in(1, "bob", subscribe="bob")
    assert bob.request("/stamps on") == f"[SERVER] {history_replies.stamps(True)}"
    bob.send("secret")
    line = bob.expect_match(r"\[(\S+)\] bob: secret")
    stamp = line[1]
    assert bob.request(f"/erase {format_stamp(now_microseconds())}").startswith("[ERROR]")
    assert bob.request(f"/erase {stamp}") == f"[SERVER] {history_replies.erased(1, 'bob')}"
    for node in (0, 1):
        carol = cluster.log_in(node, "carol", subscribe="bob")
        assert "secret" not in carol.request("/history")


def test_announcement_reaches_the_clients_of_every_server(cluster: Cluster) -> None:
    alice, bob = cluster.log_in(0, "alice"), cluster.log_in(1, "bob")
    alice.send("/announce Back in five")
    for client in (alice, bob):
        client.expect("[SERVER] Announcement from alice: Back in five")
    cluster.until_same_state()

"""Section 4 of the contract: `/msg`, to one user in any room, and `/me`, to the room."""

from __future__ import annotations

from tests.support.running_server import RunningServer, StartServer
from tests.support.wire_client import WireClient


def expect_private(client: WireClient, author: str, recipient: str, text: str) -> None:
    """Read one private message."""
    match = client.expect_match(r"\[\d\d:\d\d:\d\d\] ([^ :]+) -> ([^ :]+): (.*)")
    assert match.groups() == (author, recipient, text)


def expect_action(client: WireClient, author: str, text: str) -> None:
    """Read one action."""
    match = client.expect_match(r"\[\d\d:\d\d:\d\d\] \* ([^ :]+) (.*)")
    assert match.groups() == (author, text)


def test_private_message_reaches_recipient_in_any_room(server: RunningServer) -> None:
    alice = server.log_in("alice")
    bob = server.log_in("bob", subscribe="alice")
    carol = server.log_in("carol", subscribe="*")
    assert bob.request("/join dev") == "[SERVER] Joined room 'dev'"
    assert alice.request("/msg bob  two  spaces ") == "[SERVER] Sent to bob"
    expect_private(bob, "alice", "bob", "two  spaces")
    assert alice.request("/msg carol by the star") == "[SERVER] Sent to carol"
    expect_private(carol, "alice", "carol", "by the star")
    for client in (alice, bob, carol):
        client.expect_silence()


def test_private_message_error_is_same_for_offline_and_unsubscribed_recipient(
    server: RunningServer,
) -> None:
    alice = server.log_in("alice", subscribe="alice")
    bob = server.log_in("bob", subscribe="carol")
    rejection = "[ERROR] Not delivered: {} is offline or not subscribed to you"
    for name in ("bob", "carol", "nobody", "*"):
        assert alice.request(f"/msg {name} psst") == rejection.format(name)
    # The author is not a recipient either, although alice is subscribed to herself.
    assert alice.request("/msg alice psst") == rejection.format("alice")
    bob.expect_silence()
    assert bob.request("/subscribe alice") == "[SERVER] Subscribed to alice"
    assert alice.request("/msg bob psst") == "[SERVER] Sent to bob"
    expect_private(bob, "alice", "bob", "psst")
    bob.send("/quit")
    bob.expect("[SERVER] Goodbye")
    bob.expect_end()
    assert alice.request("/msg bob psst") == rejection.format("bob")


def test_private_message_recipient_is_normalized_and_truncated_in_error(
    server: RunningServer,
) -> None:
    server.add_accounts(["café"])
    cafe = server.log_in("café", subscribe="*")
    alice = server.log_in("alice")
    assert alice.request("/msg cafe\u0301 hi") == "[SERVER] Sent to café"
    expect_private(cafe, "alice", "café", "hi")
    long = "x" * 65
    answer = f"[ERROR] Not delivered: {'x' * 64} is offline or not subscribed to you"
    assert alice.request(f"/msg {long} hi") == answer


def test_action_is_delivered_like_message(server: RunningServer) -> None:
    alice = server.log_in("alice", subscribe="alice")
    bob = server.log_in("bob", subscribe="alice")
    carol = server.log_in("carol")
    dave = server.log_in("dave", subscribe="*")
    assert dave.request("/join dev") == "[SERVER] Joined room 'dev'"
    alice.send("/me  waves  twice")
    for client in (alice, bob):
        expect_action(client, "alice", "waves  twice")
    for client in (alice, bob, carol, dave):
        client.expect_silence()


def test_messages_actions_and_private_messages_keep_order(server: RunningServer) -> None:
    alice = server.log_in("alice")
    bob = server.log_in("bob", subscribe="alice")
    alice.send("one", "/me two", "/msg bob three", "four", "/msg bob five", "/me six")
    bob.expect_message("alice", "one")
    expect_action(bob, "alice", "two")
    expect_private(bob, "alice", "bob", "three")
    bob.expect_message("alice", "four")
    expect_private(bob, "alice", "bob", "five")
    expect_action(bob, "alice", "six")


def test_control_characters_are_removed_from_actions_and_private_messages(
    server: RunningServer,
) -> None:
    alice = server.log_in("alice")
    bob = server.log_in("bob", subscribe="alice")
    alice.send("/me \x1b[2Jdanc\x07es\u202e", "/msg bob \x1b]0;x\x07hi\x85there\t\u2066!")
    expect_action(bob, "alice", "[2Jdances")
    expect_private(bob, "alice", "bob", "]0;xhithere\t!")


def test_longest_action_and_private_message_arrive_whole(server: RunningServer) -> None:
    alice = server.log_in("alice")
    bob = server.log_in("bob", subscribe="alice")
    for head in ("/msg bob ", "/me "):
        text = "x" * (4095 - len(head))
        alice.send(head + text)
        if head == "/me ":
            expect_action(bob, "alice", text)
        else:
            expect_private(bob, "alice", "bob", text)
            alice.expect("[SERVER] Sent to bob")
        assert alice.request(head + text + "x") == "[ERROR] Line too long (limit 4096 bytes)"
    bob.expect_silence()


def test_actions_and_private_messages_consume_rate_limit(start_server: StartServer) -> None:
    server = start_server(rate=0.001, burst=5)
    bob = server.log_in("bob", subscribe="alice")
    alice = server.log_in("alice")
    alice.send("/me 1", "/msg bob 2", "/me 3", "/msg bob 4", "/me 5", "/me 6", "/msg bob 7")
    expect_action(bob, "alice", "1")
    expect_private(bob, "alice", "bob", "2")
    expect_action(bob, "alice", "3")
    expect_private(bob, "alice", "bob", "4")
    expect_action(bob, "alice", "5")
    alice.expect("[SERVER] Sent to bob", "[SERVER] Sent to bob")
    bob.expect_silence()

"""`/erase` on a real server."""

from __future__ import annotations

from pathlib import Path

from chat_server.core.waiting import MAX_FROM_ONE
from tests.support.history_pages import request_page
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import until


def test_author_erases_own_message_without_a_trace(kept: RunningServer) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    alice.publish("my secret", "well")
    stamp = request_page(alice, "/history").stamps[0]
    bob.expect_message("alice", "my secret")
    bob.expect_message("alice", "well")
    bob.send(f"/erase {stamp}")
    bob.expect(f"[ERROR] Nothing to erase: {stamp}")
    alice.send(f"/erase {stamp}")
    alice.expect("[SERVER] Erased 1 message by alice")
    assert request_page(bob, "/history").texts == ["well"]
    assert request_page(bob, "/search secret").texts == []
    assert "[*] User 'alice' erased 1 messages by 'alice'" in kept.log.getvalue()


def test_sender_erases_private_message_that_was_kept(kept: RunningServer) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    bob.close()
    until(lambda: not kept.is_logged_in("bob"))
    alice.send("/msg bob my secret", "/msg bob hello")
    alice.expect("[SERVER] Kept for bob", "[SERVER] Kept for bob")
    stamp = request_page(alice, "/history with bob").stamps[0]
    alice.send(f"/erase {stamp}")
    alice.expect("[SERVER] Erased 1 message by alice")
    bob = kept.log_in("bob")
    assert request_page(bob, "/history with alice").texts == ["hello"]


def test_operator_erases_all_messages_of_author_in_all_rooms(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(rate=0, history=tmp_path / "h.db", operators=frozenset({"carol"}))
    alice, bob = server.log_in("alice"), server.log_in("bob")
    carol = server.log_in("carol", subscribe="*")
    alice.publish("one", "two")
    alice.send("/join dev", "three", "/msg bob private")
    alice.expect("[SERVER] Joined room 'dev'", "[SERVER] Kept for bob")
    bob.publish("by bob")
    carol.send("/erase alice")
    for _ in range(3):
        carol.read_line()
    carol.expect("[SERVER] Erased 3 messages by alice")
    assert request_page(carol, "/history").texts == ["by bob"]
    assert request_page(alice, "/history").texts == []
    assert request_page(alice, "/history with bob").texts == ["private"]


def test_erased_private_message_makes_room_for_another_that_waits(kept: RunningServer) -> None:
    alice = kept.log_in("alice")
    for number in range(MAX_FROM_ONE):
        assert alice.request(f"/msg bob text {number}") == "[SERVER] Kept for bob"
    too_many = "[ERROR] Not kept: too many messages are waiting for bob"
    assert alice.request("/msg bob one too many") == too_many
    (stamp,) = request_page(alice, "/history with bob 1").stamps
    assert alice.request(f"/erase {stamp}") == "[SERVER] Erased 1 message by alice"
    assert alice.request("/msg bob the last one") == "[SERVER] Kept for bob"
    assert alice.request("/msg bob one too many") == too_many

"""`/unread`, kept private messages and `/history with` on a real server."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from chat_server.accounts.file_editor import disable_account
from chat_server.core import now_microseconds
from chat_server.core.waiting import MAX_FROM_ONE
from tests.support.history_pages import request_page
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import until
from tests.support.wire_client import WireClient


@pytest.fixture
def kept(start_server: StartServer, tmp_path: Path) -> RunningServer:
    """Return a server with history and without a rate limit. Its notices come at once."""
    return start_server(rate=0, unread_seconds=0.02, history=tmp_path / "chat.history.db")


def move(client: WireClient, room: str) -> None:
    client.send(f"/join {room}")
    client.expect(f"[SERVER] Joined room '{room}'")


def test_unread_counts_followed_authors_in_visited_rooms(kept: RunningServer) -> None:
    alice, bob, carol = (kept.log_in(name) for name in ("alice", "bob", "carol"))
    bob.send("/subscribe alice")
    bob.expect("[SERVER] Subscribed to alice")
    for room in ("dev", "quiet", "ops"):
        move(bob, room)
    alice.publish("one", "BOB, two", "bobby, three")
    carol.publish("bob does not follow me")
    move(alice, "dev")
    alice.publish("(bob)")
    move(alice, "never-visited")
    alice.publish("bob")
    move(alice, "ops")
    alice.publish("read")
    bob.expect_message("alice", "read")
    assert bob.request("/unread") == "[SERVER] Unread: lobby (3 @1), dev (1 @1)"
    move(bob, "dev")
    assert bob.request("/unread") == "[SERVER] Unread: lobby (3 @1)"


def test_unread_counting_stops_at_1000(kept: RunningServer) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    move(bob, "dev")
    alice.publish(*["hi"] * 999)
    assert bob.request("/unread") == "[SERVER] Unread: lobby (999)"
    alice.publish("bob", "hi")
    assert bob.request("/unread") == "[SERVER] Unread: lobby (1000+ @1)"


def test_notice_of_more_than_1000_has_the_numbers_of_the_reply(kept: RunningServer) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    move(bob, "dev")
    alice.publish(*["hi"] * 990)
    assert bob.request("/unread on") == "[SERVER] Unread on"
    alice.publish("hi bob")
    bob.expect("[SERVER] Unread: lobby (991 @1)")
    alice.publish(*["hi bob"] * 20)
    while (notice := bob.read_line()) and "1000+" not in notice:
        pass
    assert notice == bob.request("/unread") == "[SERVER] Unread: lobby (1000+ @10)"


def test_unread_notices_name_only_what_changed(kept: RunningServer) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    move(bob, "dev")
    move(bob, "ops")
    alice.publish("before notices were on")
    bob.send("/unread on")
    bob.expect("[SERVER] Unread on")
    alice.publish("bob, two")
    bob.expect("[SERVER] Unread: lobby (2 @1)")
    move(alice, "dev")
    alice.publish("three")
    bob.expect("[SERVER] Unread: dev (1)")
    move(alice, "ops")
    alice.publish("here")
    bob.expect_message("alice", "here")
    bob.send("/unread off")
    bob.expect("[SERVER] Unread off")
    move(alice, "dev")
    alice.publish("four")
    assert bob.request("/unread") == "[SERVER] Unread: lobby (2 @1), dev (2)"


def test_message_right_after_unread_on_is_announced(kept: RunningServer) -> None:
    """The first count comes after the reply, and must not swallow what arrived in between."""
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    move(bob, "dev")
    carol = kept.log_in("carol")
    carol.send("/unread on")  # keeps the notifier busy
    carol.expect("[SERVER] Unread on")
    bob.send("/unread on")
    bob.expect("[SERVER] Unread on")
    alice.publish("now")
    alice.send("/msg bob psst")
    alice.expect("[SERVER] Sent to bob")
    lines = {bob.read_line(), bob.read_line()}
    assert "[SERVER] Unread: lobby (1)" in lines


def test_number_that_falls_to_zero_is_announced_once(kept: RunningServer) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    move(bob, "dev")
    bob.send("/unread on")
    bob.expect("[SERVER] Unread on")
    alice.publish("to be erased")
    bob.expect("[SERVER] Unread: lobby (1)")
    stamp = request_page(alice, "/history").stamps[-1]
    alice.send(f"/erase {stamp}")
    alice.expect("[SERVER] Erased 1 message by alice")
    bob.expect("[SERVER] Unread: lobby (0)")
    move(alice, "ops")
    move(alice, "lobby")
    alice.publish("next")
    bob.expect("[SERVER] Unread: lobby (1)")


def test_visit_between_two_notices_resets_number(kept: RunningServer) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    move(bob, "dev")
    bob.send("/unread on")
    bob.expect("[SERVER] Unread on")
    alice.publish("one", "two", "three")
    line = bob.read_line()
    assert line == "[SERVER] Unread: lobby (3)"
    move(bob, "lobby")
    move(bob, "dev")
    alice.publish("four")
    bob.expect("[SERVER] Unread: lobby (1)")


def test_private_message_to_follower_elsewhere_is_announced_by_sender(
    kept: RunningServer,
) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob")
    bob.send("/unread on")
    bob.expect("[SERVER] Unread on")
    alice.send("/msg bob one")
    alice.expect("[SERVER] Kept for bob")
    assert bob.request("/unread") == "[SERVER] Unread: none"
    bob.send("/subscribe alice")
    bob.expect("[SERVER] Subscribed to alice", "[SERVER] Unread: @alice (1)")
    assert bob.request("/unread") == "[SERVER] Unread: @alice (1)"


def test_kept_private_messages_wait_until_they_are_asked_for(kept: RunningServer) -> None:
    alice = kept.log_in("alice")
    alice.send("/msg bob one", "/msg bob two")
    alice.expect("[SERVER] Kept for bob", "[SERVER] Kept for bob")
    assert request_page(alice, "/history with bob").texts == ["one", "two"]
    bob = kept.log_in("bob")
    assert bob.request("/unread") == "[SERVER] Unread: none"
    assert request_page(bob, "/history with alice").texts == []
    bob.send("/subscribe alice")
    bob.expect("[SERVER] Subscribed to alice")
    assert bob.request("/unread") == "[SERVER] Unread: @alice (2)", "bob had not seen them"
    page = request_page(bob, "/history with alice new")
    assert page.head == "History with alice"
    assert page.texts == ["one", "two"]
    assert bob.request("/unread") == "[SERVER] Unread: none"
    assert request_page(bob, "/history with alice new").texts == []
    assert request_page(bob, "/history with alice").texts == ["one", "two"]


def test_private_history_new_ends_where_live_messages_begin(kept: RunningServer) -> None:
    alice = kept.log_in("alice")
    bob = kept.log_in("bob", subscribe="alice")
    bob.send("/quit")
    bob.expect("[SERVER] Goodbye")
    until(lambda: not kept.is_logged_in("bob"))
    alice.send("/msg bob missed")
    alice.expect("[SERVER] Kept for bob")
    bob = kept.log_in("bob")
    alice.send("/msg bob live")
    alice.expect("[SERVER] Sent to bob")
    bob.expect_match(r"\[.*\] alice -> bob: live")
    assert request_page(bob, "/history with alice new").texts == ["missed"]
    page = request_page(bob, "/history with alice 1")
    assert page.texts == ["live"]
    assert page.foot.earlier == f"/history with alice before {page.stamps[0]}"
    assert request_page(bob, page.foot.earlier).texts == ["missed"]


def test_private_messages_are_read_by_their_two_users_only(kept: RunningServer) -> None:
    alice, bob, carol = (kept.log_in(name) for name in ("alice", "bob", "carol"))
    alice.send("/msg bob secret")
    alice.expect("[SERVER] Kept for bob")
    carol.send("/subscribe *")
    carol.expect("[SERVER] Subscribed to *")
    for other in ("alice", "bob"):
        assert request_page(carol, f"/history with {other}").texts == []
    for client in (alice, bob, carol):
        assert request_page(client, "/history").texts == []
        assert request_page(client, "/search secret").texts == []


def test_too_many_kept_messages_are_rejected(kept: RunningServer) -> None:
    alice = kept.log_in("alice")
    alice.send(*["/msg bob hi"] * (MAX_FROM_ONE + 1))
    alice.expect(*["[SERVER] Kept for bob"] * MAX_FROM_ONE)
    alice.expect("[ERROR] Not kept: too many messages are waiting for bob")
    bob = kept.log_in("bob", subscribe="alice")
    assert bob.request("/unread") == "[SERVER] Unread: @alice (100)"
    assert len(request_page(bob, "/history with alice 200").texts) == MAX_FROM_ONE
    bob.close()
    until(lambda: not kept.is_logged_in("bob"))
    alice.send("/msg bob again")
    alice.expect("[SERVER] Kept for bob")


def test_private_messages_that_are_no_longer_kept_do_not_wait(
    start_server: StartServer, tmp_path: Path
) -> None:
    now = now_microseconds()
    server = start_server(
        rate=0,
        history=tmp_path / "chat.history.db",
        clock=lambda: now,
        history_days=2,
        history_prune_seconds=0.1,
    )
    alice = server.log_in("alice")
    for number in range(MAX_FROM_ONE):
        assert alice.request(f"/msg bob text {number}") == "[SERVER] Kept for bob"
    now += 3 * 24 * 3600 * 1_000_000
    until(
        lambda: alice.request("/msg bob after three days") == "[SERVER] Kept for bob",
        "the old messages are pruned",
    )


@pytest.mark.parametrize("user", ["nobody", "dave", "alice"])
def test_private_message_is_not_kept_for_unknown_or_disabled_account_or_oneself(
    start_server: StartServer, tmp_path: Path, user: str
) -> None:
    server = start_server(rate=0, history=tmp_path / "h.db")
    disable_account(server.config.users, "dave")
    server.server.reload_accounts()
    alice = server.log_in("alice")
    error = f"[ERROR] Not delivered: {user} is offline or not subscribed to you"
    assert alice.request(f"/msg {user} hi") == error


def test_health_check_reports_dead_thread_of_unread_notices(
    kept: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kept.server.health_problem() is None
    with monkeypatch.context() as patch:
        patch.setattr(kept.server._unread_notifier, "_thread", threading.Thread(name="dead"))
        assert kept.server.health_problem() == "the thread 'unread' does not run"

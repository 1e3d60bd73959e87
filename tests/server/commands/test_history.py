"""`/history` and `/search` on a real server."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from chat_server.config import HistoryFrom
from chat_server.wire import format_stamp, parse_stamp
from tests.support.history_pages import read_page, request_page
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import until

# Pages


def test_history_shows_newest_messages_of_followed_author(kept: RunningServer) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    alice.publish(*(f"text {number}" for number in range(25)))
    for _ in range(25):
        bob.read_line()
    page = request_page(bob, "/history")
    assert page.head == "History of 'lobby'"
    assert page.texts == [f"text {number}" for number in range(5, 25)]
    assert page.foot.earlier == f"/history before {page.stamps[0]}"
    page = request_page(bob, page.foot.earlier)
    assert page.texts == [f"text {number}" for number in range(5)]
    assert page.foot.earlier is None
    assert page.foot.later is None


@pytest.mark.parametrize("count", [7, 200])
def test_paging_through_1000_messages_gives_each_exactly_once(
    kept: RunningServer, count: int
) -> None:
    alice = kept.log_in("alice")
    expected = [f"text {number}" for number in range(1000 if count == 200 else 100)]
    alice.publish(*expected)
    backward: list[str] = []
    command: str | None = f"/history {count}"
    while command is not None:
        page = request_page(alice, command)
        assert len(page.texts) <= count
        backward = page.texts + backward
        command = page.foot.earlier and f"{page.foot.earlier} {count}"
    forward: list[str] = []
    command = f"/history after 1h {count}"
    while command is not None:
        page = request_page(alice, command)
        assert len(page.texts) <= count
        forward += page.texts
        command = page.foot.later and f"{page.foot.later} {count}"
    assert backward == expected
    assert forward == expected


@pytest.mark.parametrize("command", ["/history 200", "/history after 1h 200"])
def test_page_of_long_messages_stays_below_64_kib_and_goes_on(
    kept: RunningServer, command: str
) -> None:
    alice = kept.log_in("alice")
    expected = [f"{number:02}" + "é" * 2000 for number in range(40)]
    alice.publish(*expected)
    read: set[str] = set()
    following: str | None = command
    pages = 0
    while following is not None:
        page = request_page(alice, following)
        assert page.size <= 65536
        assert not read & set(page.texts)
        read.update(page.texts)
        following = page.foot.earlier or page.foot.later
        pages += 1
    assert sorted(read) == expected
    assert 3 <= pages <= 8


def test_page_is_one_piece_while_live_messages_arrive(kept: RunningServer) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="*")
    bob.publish(*(f"text {number}" for number in range(100)))
    stop = threading.Event()

    def keep_talking() -> None:
        while not stop.is_set():
            alice.publish(*["live"] * 20)

    talker = threading.Thread(target=keep_talking)
    talker.start()
    try:
        for _ in range(20):
            bob.send("/history before 0m 100")
            line = bob.read_line()
            while line != "[SERVER] History of 'lobby'":
                assert line is not None
                assert line.endswith("alice: live")
                line = bob.read_line()
            bob._pending = f"{line}\n".encode() + bob._pending
            page = read_page(bob)
            assert len(page.texts) == 100
    finally:
        stop.set()
        talker.join()


# Visibility


def test_history_shows_followed_authors_and_always_own_messages(kept: RunningServer) -> None:
    alice, bob, carol = (kept.log_in(name) for name in ("alice", "bob", "carol"))
    for client, name in ((alice, "alice"), (bob, "bob"), (carol, "carol")):
        client.publish(f"by {name}")
    assert request_page(alice, "/history").texts == ["by alice"]
    alice.send("/subscribe bob")
    alice.expect("[SERVER] Subscribed to bob")
    assert request_page(alice, "/history").texts == ["by alice", "by bob"]
    alice.send("/subscribe *")
    alice.expect("[SERVER] Subscribed to *")
    assert request_page(alice, "/history").texts == ["by alice", "by bob", "by carol"]
    assert request_page(alice, "/search by").texts == ["by alice", "by bob", "by carol"]
    alice.send("/unsubscribe *", "/unsubscribe bob")
    alice.expect("[SERVER] Unsubscribed from *", "[SERVER] Unsubscribed from bob")
    assert request_page(alice, "/history").texts == ["by alice"]
    assert request_page(alice, "/search by").texts == ["by alice"]


def test_history_shows_only_room_that_user_is_in(kept: RunningServer) -> None:
    alice = kept.log_in("alice")
    alice.publish("in the lobby")
    alice.send("/join dev")
    alice.expect("[SERVER] Joined room 'dev'")
    alice.publish("in dev")
    page = request_page(alice, "/history")
    assert (page.head, page.texts) == ("History of 'dev'", ["in dev"])
    alice.send("/history lobby")
    alice.expect("[ERROR] The count must be a whole number from 1 to 200")
    assert request_page(alice, "/search in").texts == ["in dev"]


def test_room_that_closed_and_opened_again_keeps_its_history(kept: RunningServer) -> None:
    alice = kept.log_in("alice")
    alice.send("/join dev", "before it closed", "/leave", "/join dev")
    alice.expect(*(f"[SERVER] Joined room '{room}'" for room in ("dev", "lobby", "dev")))
    assert request_page(alice, "/history").texts == ["before it closed"]


@pytest.mark.parametrize("since", HistoryFrom)
def test_history_from_limits_how_far_back_users_read(
    start_server: StartServer, tmp_path: Path, since: HistoryFrom
) -> None:
    server = start_server(rate=0, history=tmp_path / "h.db", history_from=since)
    alice = server.log_in("alice")
    alice.send("/join dev")
    alice.expect("[SERVER] Joined room 'dev'")
    alice.publish("before the first visit of bob")
    bob = server.log_in("bob", subscribe="alice")
    bob.send("/join dev")
    bob.expect("[SERVER] Joined room 'dev'")
    alice.publish("after it")
    bob.expect_message("alice", "after it")
    hidden = [] if since is HistoryFrom.VISIT else ["before the first visit of bob"]
    assert request_page(bob, "/history").texts == [*hidden, "after it"]
    assert request_page(bob, "/search it OR first").texts == []
    assert request_page(bob, "/search first").texts == hidden


# What is new


def test_new_messages_are_those_sent_while_user_was_elsewhere(kept: RunningServer) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    assert request_page(bob, "/history new").texts == []
    alice.publish("live")
    bob.expect_message("alice", "live")
    bob.send("/join dev")
    bob.expect("[SERVER] Joined room 'dev'")
    alice.publish("missed one", "missed two")
    bob.send("/leave")
    bob.expect("[SERVER] Joined room 'lobby'")
    alice.publish("live again")
    bob.expect_message("alice", "live again")
    page = request_page(bob, "/history new")
    assert page.texts == ["missed one", "missed two"]
    assert page.foot.later is None
    assert request_page(bob, "/history new").texts == page.texts, "the visit has not ended"


def test_new_messages_beyond_a_page_go_on_at_the_foot(kept: RunningServer) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    bob.send("/join dev")
    bob.expect("[SERVER] Joined room 'dev'")
    expected = [f"text {number}" for number in range(450)]
    alice.publish(*expected)
    bob.send("/leave")
    bob.expect("[SERVER] Joined room 'lobby'")
    alice.publish("live")
    bob.expect_message("alice", "live")
    texts: list[str] = []
    command: str | None = "/history new"
    while command is not None:
        page = request_page(bob, command)
        texts += page.texts
        command = page.foot.later
        assert command is None or command == f"/history new {page.stamps[-1]}"
    assert texts == expected


def test_first_visit_of_a_room_has_nothing_new(kept: RunningServer) -> None:
    alice = kept.log_in("alice")
    alice.send("/join dev")
    alice.expect("[SERVER] Joined room 'dev'")
    alice.publish("before bob came")
    bob = kept.log_in("bob", subscribe="alice")
    bob.send("/join dev")
    bob.expect("[SERVER] Joined room 'dev'")
    assert request_page(bob, "/history new").texts == []
    assert request_page(bob, "/history").texts == ["before bob came"]


@pytest.mark.parametrize("how", ["quit", "close", "half-close"])
def test_orderly_end_of_session_marks_everything_as_read(kept: RunningServer, how: str) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    alice.publish("read")
    bob.expect_message("alice", "read")
    match how:
        case "quit":
            bob.send("/quit")
            bob.expect("[SERVER] Goodbye")
        case "close":
            bob.close()
        case "half-close":
            bob.send_eof()
            bob.expect_end()
    until(lambda: not kept.is_logged_in("bob"))
    alice.publish("missed")
    bob = kept.log_in("bob")
    assert request_page(bob, "/history new").texts == ["missed"]


@pytest.mark.parametrize("how", ["reset", "new login", "kick"])
def test_other_end_of_session_repeats_what_may_be_lost(
    start_server: StartServer, tmp_path: Path, how: str
) -> None:
    server = start_server(rate=0, history=tmp_path / "h.db", operators=frozenset({"carol"}))
    alice, carol = server.log_in("alice"), server.log_in("carol")
    alice.publish("before bob entered")
    bob = server.log_in("bob")
    bob.send("/subscribe alice", "/join dev", "/leave")
    bob.expect("[SERVER] Subscribed to alice")
    bob.expect("[SERVER] Joined room 'dev'", "[SERVER] Joined room 'lobby'")
    alice.publish("perhaps not read")
    bob.expect_message("alice", "perhaps not read")
    match how:
        case "reset":
            bob.reset()
            until(lambda: not server.is_logged_in("bob"))
        case "new login":
            bob = server.log_in("bob")
            assert request_page(bob, "/history new").texts == ["perhaps not read"]
            return
        case "kick":
            carol.send("/kick bob")
            carol.expect("[SERVER] Kicked bob")
    alice.publish("missed")
    bob = server.log_in("bob")
    assert request_page(bob, "/history new").texts == ["perhaps not read", "missed"]


def test_message_sent_to_client_that_has_closed_is_new_at_its_next_login(
    kept: RunningServer,
) -> None:
    """A close with a message that was not read: the system answers it with a reset."""
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    for number in range(20):
        bob.close()
        alice.publish(f"missed {number}")
        until(lambda: not kept.is_logged_in("bob"))
        bob = kept.log_in("bob")
        assert request_page(bob, "/history new").texts[-1:] == [f"missed {number}"]


def test_upper_bound_of_new_messages_is_turning_stamps_on(kept: RunningServer) -> None:
    alice, bob = kept.log_in("alice"), kept.log_in("bob", subscribe="alice")
    alice.publish("one")
    bob.expect_message("alice", "one")
    assert request_page(bob, "/history new 1h").texts == []
    bob.send("/stamps on")
    bob.expect("[SERVER] Stamps on")
    alice.publish("two")
    live = bob.expect_match(r"\[(.*)\] alice: two")
    page = request_page(bob, "/history new 1h")
    assert page.texts == ["one"]
    everything = request_page(bob, "/history")
    assert everything.texts == ["one", "two"]
    assert everything.stamps[-1] == live[1], "a live message has the stamp of the history"


def test_run_of_messages_has_the_same_stamps_live_and_past(kept: RunningServer) -> None:
    alice = kept.log_in("alice")
    alice.send("/subscribe alice", "/stamps on", *(f"text {n}" for n in range(60)), "/me waves")
    alice.expect("[SERVER] Subscribed to alice", "[SERVER] Stamps on")
    live = [
        alice.expect_match(r"\[(.{32})\] (?:alice: text \d+|\* alice waves)") for _ in range(61)
    ]
    assert [match[1] for match in live] == request_page(alice, "/history 61").stamps


# Restart


def test_history_subscriptions_and_markers_outlive_the_server(
    start_server: StartServer, tmp_path: Path
) -> None:
    path = tmp_path / "h.db"
    server = start_server(rate=0, history=path)
    alice, bob = server.log_in("alice"), server.log_in("bob", subscribe="alice")
    alice.publish("read")
    bob.expect_message("alice", "read")
    bob.send("/subscribe bob", "/quit")
    bob.expect("[SERVER] Subscribed to bob", "[SERVER] Goodbye")
    alice.publish("missed")
    first = request_page(alice, "/history")
    alice.send("/msg bob kept")
    alice.expect("[SERVER] Kept for bob")
    server.close()
    server = start_server(rate=0, history=path)
    bob = server.log_in("bob")
    bob.send("/subs")
    bob.expect("[SERVER] Subscriptions: alice")
    assert request_page(bob, "/history new").texts == ["missed"]
    assert bob.request("/unread") == "[SERVER] Unread: @alice (1)"
    bob.publish("after the restart")
    after = request_page(bob, "/history")
    assert after.texts == ["read", "missed", "after the restart"]
    assert after.stamps[:2] == first.stamps
    before_restart, newest = parse_stamp(after.stamps[1]), parse_stamp(after.stamps[2])
    assert before_restart is not None
    assert newest is not None
    assert newest > before_restart


# The disk


def test_history_is_unavailable_while_disk_is_locked_and_chat_goes_on(
    start_server: StartServer, tmp_path: Path
) -> None:
    path = tmp_path / "h.db"
    server = start_server(rate=0, history=path, history_wait_seconds=0.3)
    alice, bob = server.log_in("alice"), server.log_in("bob", subscribe="alice")
    alice.publish("one")
    bob.expect_message("alice", "one")
    assert request_page(bob, "/history").texts == ["one"]
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        alice.publish("two")
        bob.expect_message("alice", "two")
        for command in ("/history", "/search two", "/unread", f"/erase {format_stamp(1)}"):
            bob.send(command)
            alice.publish("live meanwhile")
            error = "[ERROR] History is not available now; try again"
            assert {bob.read_line(), bob.read_line()} > {error}
        other.execute("ROLLBACK")
    other.close()
    until(lambda: bob.request("/unread") == "[SERVER] Unread: none")
    assert request_page(bob, "/history").texts == ["one", "two", *["live meanwhile"] * 4]


# Search


def test_search_finds_newest_20_messages_with_all_words(kept: RunningServer) -> None:
    alice = kept.log_in("alice")
    alice.publish(*(f"build number {number} is green" for number in range(25)), "build is red")
    page = request_page(alice, "/search GREEN  build")
    assert page.head == "Found in 'lobby'"
    assert page.texts == [f"build number {number} is green" for number in range(5, 25)]
    assert page.foot == (None, None)
    assert request_page(alice, "/search green red").texts == []
    assert request_page(alice, '/search "green').texts == page.texts
    assert request_page(alice, "/search ... ***").texts == []

"""Sessions of a server that the others give up, and what the log has lost, in hubs with one log."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chat_server.core import requests
from chat_server.core.records import LogSkipped, MessagesErased
from chat_server.core.values import EndCause, EndNotice
from tests.server.core.shared_log import Client, Log, Node
from tests.server.core.two_nodes import USERS, TwoNodes, read


@pytest.fixture
def chat() -> TwoNodes:
    return TwoNodes()


def test_sessions_of_a_lost_node_end_for_the_others_and_go_on_when_restored(
    chat: TwoNodes,
) -> None:
    chat.first.hub.subscribe(chat.alice, "alice")
    chat.first.hub.join(chat.alice, "dev")
    chat.second.catch_up()
    chat.second.hub.set_presence(chat.bob, True)
    read(chat.alice), read(chat.bob)
    chat.append(requests.EndNode("a:1"))
    assert read(chat.bob) == ["[SERVER] Room 'dev' closed"]
    assert not chat.alice.ended.is_set()
    chat.check_states()
    chat.restore(chat.first)
    assert read(chat.bob) == ["[SERVER] Room 'dev' opened"]
    assert read(chat.alice) == []
    chat.first.hub.publish(chat.alice, ["still here"])
    assert read(chat.alice) == ["alice: still here"]
    chat.check_states()


def test_client_of_a_lost_node_reads_what_is_said_in_its_room(chat: TwoNodes) -> None:
    chat.append(requests.EndNode("a:1"))
    chat.second.hub.publish(chat.bob, ["anyone?"])
    chat.catch_up()
    assert read(chat.alice) == ["bob: anyone?"]


def test_settings_of_a_session_survive_the_loss_of_its_node(chat: TwoNodes) -> None:
    chat.first.hub.set_presence(chat.alice, True)
    chat.first.hub.set_stamps(chat.alice, True)
    read(chat.alice)
    chat.append(requests.EndNode("a:1"))
    chat.restore(chat.first)
    chat.second.hub.join(chat.bob, "dev")
    chat.catch_up()
    assert read(chat.alice) == ["[SERVER] bob left room 'lobby'", "[SERVER] Room 'dev' opened"]
    assert chat.first.hub._applier.state.stamp_readers == {"alice": chat.alice}


def test_client_of_a_lost_node_reads_an_announcement(chat: TwoNodes) -> None:
    chat.append(requests.EndNode("a:1"))
    chat.second.hub.announce(chat.bob, "soon")
    chat.catch_up()
    assert read(chat.alice) == ["[SERVER] Announcement from bob: soon"]


def test_snapshot_contains_the_erasures_for_a_history_that_missed_them(chat: TwoNodes) -> None:
    chat.first.hub.erase(chat.alice, 5, "", is_operator=False)
    chat.append(requests.Erase(0, "carol", True), "bob", chat.bob.generation)
    chat.check_states()
    late = Node(chat.log, "c:1", USERS)
    late.rebuild(chat.first.state(), len(chat.log.entries))
    (skipped,) = late.records
    assert isinstance(skipped, LogSkipped)
    stamps = [entry.stamp for entry in chat.log.entries[-2:]]
    assert skipped.erasures == (
        (stamps[0], MessagesErased(5, "", "alice")),
        (stamps[1], MessagesErased(0, "carol", "bob", True)),
    )
    assert late.state() == chat.first.state()


@pytest.mark.parametrize("is_older_open", [True, False])
def test_server_that_starts_later_knows_which_rooms_look_alike(
    chat: TwoNodes, is_older_open: bool
) -> None:
    """A restored session opens its room again, which looks like one that opened meanwhile."""
    chat.first.hub.join(chat.alice, "Dev")
    chat.append(requests.EndNode("a:1"))
    chat.second.hub.join(chat.bob, "dev")
    chat.restore(chat.first)
    if not is_older_open:
        chat.second.hub.join(chat.bob, "lobby")
    third = Node(chat.log, "c:1", USERS)
    third.rebuild(chat.second.state(), len(chat.log.entries))
    carol = chat.log_in(third, "carol")
    third.hub.join(carol, "DEV")
    other = "dev" if is_older_open else "Dev"
    assert read(carol) == [f"[ERROR] Can't open DEV: it looks like room '{other}'"]
    chat.check_states()
    assert third.state() == chat.first.state()


def test_client_that_leaves_while_its_node_is_lost_has_ended(chat: TwoNodes) -> None:
    chat.append(requests.EndNode("a:1"))
    chat.first.hub.log_out(chat.alice, EndNotice(EndCause.QUIT))
    assert chat.alice.ended.is_set()
    assert read(chat.alice) == ["[SERVER] Goodbye"]
    assert chat.first.hub.replica.local_sessions() == []


def test_session_that_a_snapshot_does_not_contain_is_kept_until_it_is_restored(
    chat: TwoNodes,
) -> None:
    empty = Node(Log(), "c:1", USERS).state()
    for node in (chat.first, chat.second):
        node.hub.replica.restore(requests.Snapshot(0, empty))
    assert [each.user for _, each in chat.first.hub.replica.local_sessions()] == ["alice"]
    chat.restore(chat.first)
    chat.restore(chat.second)
    chat.second.hub.subscribe(chat.bob, "alice")
    read(chat.bob)
    chat.first.hub.publish(chat.alice, ["again"])
    chat.catch_up()
    assert read(chat.bob) == ["alice: again"]
    assert chat.first.hub._applier.state.sessions["alice"] is chat.alice
    chat.check_states()


def test_older_session_says_nothing_after_a_newer_login_on_another_node(chat: TwoNodes) -> None:
    newer = chat.log_in(chat.second, "alice")
    generation = chat.alice.generation
    chat.first.catch_up()
    assert read(chat.alice) == ["[SERVER] Logged out due to new login"]
    chat.append(requests.Publish(("ghost",)), "alice", generation)
    chat.append(requests.Join("dev"), "alice", generation)
    assert read(chat.bob) == read(newer) == []
    assert newer.room.name == "lobby"


def test_lost_message_of_an_ended_session_reaches_its_room(chat: TwoNodes) -> None:
    generation = chat.alice.generation
    chat.first.hub.log_out(chat.alice)
    chat.second.catch_up()
    chat.log.append(requests.Publish(("saved",)), "alice", generation, "a:1", chat.first.number + 1)
    lost = chat.log.entries.pop()
    chat.log.entries.append(replace(lost, first_stamp=lost.stamp, room="lobby"))
    chat.second.catch_up()
    assert read(chat.bob) == ["alice: saved"]


def test_message_that_only_the_snapshot_contains_is_emitted_once(chat: TwoNodes) -> None:
    """Another server had read it before the log lost everything, and wrote the new start."""
    chat.first.hub.publish(chat.alice, ["once"])
    entry = chat.log.entries[-1]
    ahead = chat.first.state()
    chat.second.hub.replica.restore(requests.Snapshot(chat.log.stamp, ahead))
    again = replace(entry, stamp=entry.stamp + 10, first_stamp=entry.stamp, room="lobby")
    chat.second.apply(again)
    chat.second.apply(again)
    assert read(chat.bob) == ["alice: once"]


def test_private_message_that_only_the_snapshot_contains_is_emitted_once(chat: TwoNodes) -> None:
    chat.first.hub.send_private(chat.alice, "bob", "once")
    entry = chat.log.entries[-1]
    chat.second.hub.replica.restore(requests.Snapshot(chat.log.stamp, chat.first.state()))
    again = replace(entry, stamp=entry.stamp + 10, first_stamp=entry.stamp)
    chat.second.apply(again)
    chat.second.apply(again)
    assert read(chat.bob) == ["alice -> bob: once"]
    chat.first.apply(again)
    assert read(chat.alice) == ["[SERVER] Sent to bob"]
    assert chat.first.state() == chat.second.state()


def test_erasure_that_only_the_snapshot_contains_is_recorded(chat: TwoNodes) -> None:
    chat.first.hub.erase(chat.alice, 5, "", is_operator=False)
    entry = chat.log.entries[-1]
    chat.second.hub.replica.restore(requests.Snapshot(chat.log.stamp, chat.first.state()))
    chat.second.apply(replace(entry, stamp=entry.stamp + 10, first_stamp=entry.stamp))
    assert chat.second.flat_records()[-1] == MessagesErased(5, "", "alice")
    assert chat.first.state() == chat.second.state()


def test_watcher_reads_what_changed_before_a_newer_snapshot(chat: TwoNodes) -> None:
    carol = chat.log_in(chat.first, "carol")
    chat.first.hub.join(carol, "old")
    chat.second.catch_up()
    chat.second.hub.set_presence(chat.bob, True)
    read(chat.bob)
    chat.first.hub.join(carol, "lobby")
    chat.first.hub.join(chat.alice, "new")
    chat.second.hub.replica.restore(requests.Snapshot(chat.log.stamp, chat.first.state()))
    assert read(chat.bob) == [
        "[SERVER] alice left room 'lobby'",
        "[SERVER] Room 'old' closed",
        "[SERVER] Room 'new' opened",
        "[SERVER] carol joined room 'lobby'",
    ]


def test_server_that_stops_still_applies_what_the_others_apply(chat: TwoNodes) -> None:
    """A line that was on its way changes the state of all of them, or of none."""
    chat.first.hub.shut_down()
    chat.append(requests.Join("dev"), "alice", chat.alice.generation)
    chat.append(requests.Subscribe("carol"), "alice", chat.alice.generation)
    assert chat.second.hub._applier.state.sessions["alice"].room.name == "dev"
    assert read(chat.alice) == ["[SERVER] Server is shutting down"]
    chat.check_states()


def test_server_that_stops_takes_no_login_after_its_state_was_replaced(chat: TwoNodes) -> None:
    chat.first.hub.shut_down()
    chat.first.hub.replica.restore(requests.Snapshot(chat.log.stamp, chat.second.state()))
    carol = Client()
    assert chat.first.hub.log_in("carol", carol, []) is None
    assert carol.lines[-1].endswith("[SERVER] Server is shutting down")


def test_each_node_counts_its_own_messages_and_deliveries(chat: TwoNodes) -> None:
    chat.first.hub.publish(chat.alice, ["one", "two"])
    chat.first.hub.send_private(chat.alice, "bob", "psst")
    chat.catch_up()
    assert (chat.first.hub.messages, chat.first.hub.deliveries) == (3, 0)
    assert (chat.second.hub.messages, chat.second.hub.deliveries) == (0, 3)
    chat.second.rebuild(Node(Log(), "c:1", USERS).state(), 0)
    assert (chat.second.hub.messages, chat.second.hub.deliveries) == (0, 3)


def test_notices_about_the_other_servers_reach_the_own_clients_only(chat: TwoNodes) -> None:
    chat.catch_up()
    chat.first.hub.replica.set_connected(False)
    chat.first.hub.replica.set_connected(True)
    assert read(chat.alice) == [
        "[SERVER] Disconnected from the other servers; your messages will be sent later",
        "[SERVER] Connected to the other servers again",
    ]
    assert read(chat.bob) == []


def test_shutdown_of_a_node_ends_its_own_sessions_only(chat: TwoNodes) -> None:
    chat.catch_up()
    chat.first.hub.shut_down()
    assert read(chat.alice) == ["[SERVER] Server is shutting down"]
    assert chat.alice.ended.is_set()
    assert chat.first.hub.log_in("carol", Client(), []) is None
    assert not chat.bob.ended.is_set()
    chat.append(requests.EndNode("a:1"))
    assert "alice" not in chat.second.hub._applier.state.sessions
    chat.check_states()


def test_session_of_another_node_takes_no_place_here(chat: TwoNodes) -> None:
    chat.catch_up()
    assert chat.first.hub.has_session("alice")
    assert not chat.first.hub.has_session("bob")
    assert chat.first.hub.sizes() == (1, 1)


def test_every_node_records_an_erasure(chat: TwoNodes) -> None:
    record = chat.first.hub.erase(chat.alice, 5, "", is_operator=False)
    chat.catch_up()
    assert record == MessagesErased(5, "", "alice", False)
    for node in (chat.first, chat.second):
        assert node.flat_records()[-1] == record


STATE_PROGRAM = """
from tests.server.core.two_nodes import TwoNodes
chat = TwoNodes()
for name in ("zoe", "*", "carol", "alice", "bob"):
    chat.second.hub.subscribe(chat.bob, name)
chat.second.hub.join(chat.bob, "dev")
chat.second.hub.send_private(chat.bob, "carol", "psst")
chat.catch_up()
print(chat.first.state())
"""


def test_state_does_not_depend_on_the_order_of_sets() -> None:
    root = Path(__file__).parents[3]
    states = [
        subprocess.run(
            [sys.executable, "-c", STATE_PROGRAM],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert states[0] == states[1]
    assert "psst" not in states[0]
    assert "carol" in states[0]


def test_reply_to_a_lost_private_message_reaches_no_newer_session(chat: TwoNodes) -> None:
    newer = chat.log_in(chat.second, "alice")
    request = requests.SendPrivate("bob", "psst", may_wait=False)
    chat.log.append(request, "alice", chat.alice.generation, "a:1", chat.first.number + 1)
    lost = chat.log.entries.pop()
    chat.log.entries.append(replace(lost, first_stamp=lost.stamp))
    chat.second.catch_up()
    assert read(chat.bob) == ["alice -> bob: psst"]
    assert read(newer) == []

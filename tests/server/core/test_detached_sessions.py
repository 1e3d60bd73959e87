"""Sessions that the other servers have given up, and what may not let them go on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat_server.core import requests
from tests.server.core.two_nodes import TwoNodes, jump, read

ACCOUNT = requests.AccountRecord("hash", created="2026")
REMOVED = "[SERVER] Logged out: this account was removed"
DISABLED = "[SERVER] Logged out: this account was disabled"


@pytest.fixture
def chat() -> TwoNodes:
    return TwoNodes()


def test_newer_login_ends_a_session_that_was_not_restored(chat: TwoNodes) -> None:
    chat.append(requests.EndNode("a:1"))
    newer = chat.log_in(chat.second, "alice")
    ((generation, request),) = chat.first.hub.replica.local_sessions()
    chat.append(request, "alice", generation)
    assert read(chat.alice) == ["[SERVER] Logged out due to new login"]
    assert chat.alice.ended.is_set()
    assert not newer.ended.is_set()
    assert chat.first.hub.replica.local_sessions() == []
    chat.check_states()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (requests.ChangeAccount("alice", None), "[SERVER] Logged out: this account was removed"),
        (
            requests.ChangeAccount("alice", requests.AccountRecord("hash", True, "2026")),
            "[SERVER] Logged out: this account was disabled",
        ),
        (
            requests.BanUser("alice", None),
            "[SERVER] Logged out by an operator: banned until the server stops",
        ),
        (
            requests.BanAddress("192.0.2.1", 1),
            "[SERVER] Logged out by an operator: your address is banned for 1 min",
        ),
    ],
)
def test_session_is_not_restored_if_its_user_may_not_log_in_any_more(
    chat: TwoNodes, change: requests.Request, line: str
) -> None:
    operator = chat.log_in(chat.second, "carol")
    ((generation, restoration),) = chat.first.hub.replica.local_sessions()
    chat.append(requests.EndNode("a:1"))
    of_operator = not isinstance(change, requests.ChangeAccount)
    chat.append(change, *(("carol", operator.generation) if of_operator else ()))
    assert read(chat.alice) == [line]
    chat.append(restoration, "alice", generation)
    assert read(chat.alice) == []
    assert chat.alice.ended.is_set()
    assert "alice" not in chat.second.hub._applier.state.sessions
    chat.check_states()


@pytest.mark.parametrize("is_snapshot", [False, True], ids=["log", "snapshot"])
@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            [requests.ChangeAccount("alice", None), requests.ChangeAccount("alice", ACCOUNT)],
            REMOVED,
        ),
        ([requests.ChangeAccount("alice", replace(ACCOUNT, created="2027"))], REMOVED),
        (
            [
                requests.ChangeAccount("dave", ACCOUNT, "alice"),
                requests.ChangeAccount("alice", ACCOUNT),
            ],
            REMOVED,
        ),
        (
            [
                requests.ChangeAccount("alice", None),
                requests.ChangeAccount("alice", ACCOUNT, "carol"),
            ],
            REMOVED,
        ),
        (
            [
                requests.ChangeAccount("alice", replace(ACCOUNT, is_disabled=True)),
                requests.ChangeAccount("alice", ACCOUNT),
            ],
            DISABLED,
        ),
    ],
    ids=["added again", "replaced", "renamed and added", "name of another one", "enabled again"],
)
def test_session_of_a_former_account_is_not_restored_as_one_of_the_new_account(
    chat: TwoNodes, changes: list[requests.Request], line: str, is_snapshot: bool
) -> None:
    """`snapshot`: the server was away for longer than the log keeps."""
    generation, restoration = chat.first.hub.replica.local_sessions()[0]
    for change in (requests.EndNode("a:1"), *changes):
        chat.log.append(change)
        if not is_snapshot:
            chat.catch_up()
    if is_snapshot:
        jump(chat)
    assert read(chat.alice) == [line]
    assert chat.alice.ended.is_set()
    # The writer may have taken its sessions before the reader has read that they are over.
    chat.append(restoration, "alice", generation)
    chat.log.append(requests.LogIn("alice", "192.0.2.1"), "alice", generation)
    chat.log.entries[-1] = replace(chat.log.entries[-1], first_stamp=generation)
    chat.append(requests.Publish(("ghost",)), "alice", generation)
    assert read(chat.bob) == []
    assert "alice" not in chat.second.hub._applier.state.sessions
    chat.check_states()
    newer = chat.log_in(chat.first, "alice")
    assert not newer.ended.is_set()
    chat.append(requests.EndNode("a:1"))
    chat.restore(chat.first)
    assert chat.second.hub._applier.state.sessions["alice"].generation == newer.generation
    chat.check_states()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (requests.ChangeAccount("alice", None), REMOVED),
        (requests.ChangeAccount("alice", replace(ACCOUNT, is_disabled=True)), DISABLED),
        (requests.BanUser("alice", None), "[SERVER] Logged out by an operator: banned"),
    ],
)
def test_session_that_only_its_server_knows_is_not_restored_after_a_gap_of_the_log(
    chat: TwoNodes, change: requests.Request, line: str
) -> None:
    chat.log.append(requests.EndNode("a:1"))
    of_operator = not isinstance(change, requests.ChangeAccount)
    chat.log.append(change, *(("bob", chat.bob.generation) if of_operator else ()))
    jump(chat)
    chat.restore(chat.first)
    assert read(chat.alice) == [line]
    assert chat.alice.ended.is_set()
    chat.check_states()


def test_newer_login_during_a_gap_of_the_log_ends_the_older_session(chat: TwoNodes) -> None:
    """Redis refuses to restore it, so the server learns that it is over from the snapshot alone."""
    chat.log.append(requests.EndNode("a:1"))
    newer = chat.log_in(chat.second, "alice")
    jump(chat)
    assert read(chat.alice) == ["[SERVER] Logged out due to new login"]
    assert chat.alice.ended.is_set()
    assert not newer.ended.is_set()
    assert chat.first.hub.replica.local_sessions() == []


def test_detached_session_of_a_later_login_survives_older_entries(chat: TwoNodes) -> None:
    """The state is rebuilt from an older one, and the account was added before the login."""
    before = chat.first.state()
    read_before = chat.first.read
    for change in (requests.ChangeAccount("carol", None), requests.ChangeAccount("carol", ACCOUNT)):
        chat.append(change)
    chat.append(requests.BanUser("carol", 1), "bob", chat.bob.generation)
    chat.append(requests.Unban("carol"), "bob", chat.bob.generation)
    carol = chat.log_in(chat.first, "carol")
    chat.first.rebuild(before, read_before)
    assert not carol.ended.is_set()
    assert chat.first.hub._applier.state.sessions["carol"] is carol
    chat.check_states()


@pytest.mark.parametrize(
    "accounts", [[ACCOUNT], [ACCOUNT, replace(ACCOUNT, is_disabled=True), ACCOUNT]]
)
def test_change_of_an_account_that_is_made_again_ends_no_later_session(
    chat: TwoNodes, accounts: list[requests.AccountRecord]
) -> None:
    """The log has lost it, and a login behind it."""
    chat.append(requests.ChangeAccount("carol", None))
    before, read_before = chat.second.state(), len(chat.log.entries)
    for account in accounts:
        chat.append(requests.ChangeAccount("carol", account))
    changes = chat.log.entries[read_before:]
    carol = chat.log_in(chat.first, "carol")
    chat.catch_up()
    del chat.log.entries[read_before:]
    for node in (chat.first, chat.second):
        node.rebuild(before, read_before)
    for change in changes:
        chat.log.stamp += 1
        again = replace(change, stamp=chat.log.stamp, first_stamp=change.stamp)
        chat.log.entries.append(again)
    chat.catch_up()
    chat.restore(chat.first)
    assert not carol.ended.is_set()
    assert chat.second.hub._applier.state.sessions["carol"].generation == carol.generation
    chat.check_states()


def test_only_existing_accounts_take_room_in_the_state(chat: TwoNodes) -> None:
    for change in (
        requests.ChangeAccount("dave", ACCOUNT),
        requests.ChangeAccount("erin", ACCOUNT, "dave"),
        requests.ChangeAccount("carol", replace(ACCOUNT, is_disabled=True)),
        requests.ChangeAccount("carol", None),
    ):
        chat.append(change)
    assert [user for user, *_ in chat.first.state()["ended_before"]] == ["erin"]


def test_place_of_a_detached_session_is_that_of_its_user(chat: TwoNodes) -> None:
    chat.append(requests.EndNode("a:1"))
    assert chat.first.hub.has_session("alice")
    assert not chat.second.hub.has_session("alice")


# Presence notices


@pytest.fixture
def watched(chat: TwoNodes) -> TwoNodes:
    """Alice, at the first node, watches. Carol is there as well, in a room of her own."""
    carol = chat.log_in(chat.first, "carol")
    chat.first.hub.join(carol, "dev")
    chat.first.hub.set_presence(chat.alice, True)
    read(chat.alice)
    chat.catch_up()
    return chat


def test_watcher_of_a_lost_node_reads_the_moves_of_others(watched: TwoNodes) -> None:
    watched.append(requests.EndNode("a:1"))
    watched.second.hub.join(watched.bob, "ops")
    watched.catch_up()
    assert read(watched.alice) == ["[SERVER] bob left room 'lobby'", "[SERVER] Room 'ops' opened"]
    watched.second.hub.join(watched.bob, "lobby")
    watched.restore(watched.first)
    assert read(watched.alice) == ["[SERVER] Room 'ops' closed", "[SERVER] bob joined room 'lobby'"]


def test_watcher_of_a_lost_node_may_turn_notices_on(chat: TwoNodes) -> None:
    chat.append(requests.EndNode("a:1"))
    chat.first.hub.set_presence(chat.alice, True)
    chat.second.hub.join(chat.bob, "ops")
    chat.catch_up()
    assert read(chat.alice)[-2:] == [
        "[SERVER] bob left room 'lobby'",
        "[SERVER] Room 'ops' opened",
    ]
    chat.first.hub.set_presence(chat.alice, False)
    chat.second.hub.join(chat.bob, "lobby")
    chat.catch_up()
    assert read(chat.alice)[1:] == []


def test_watcher_reads_that_a_detached_session_has_ended(watched: TwoNodes) -> None:
    watched.append(requests.EndNode("a:1"))
    watched.append(requests.ChangeAccount("carol", None))
    watched.restore(watched.first)
    assert read(watched.alice) == ["[SERVER] Room 'dev' closed"]


def test_watcher_reads_that_a_user_left_a_lost_node_for_another_one(watched: TwoNodes) -> None:
    watched.append(requests.EndNode("a:1"))
    watched.log_in(watched.second, "carol")
    watched.catch_up()
    assert read(watched.alice) == [
        "[SERVER] Room 'dev' closed",
        "[SERVER] carol joined room 'lobby'",
    ]


def test_room_of_a_detached_session_opens_again_for_watchers(watched: TwoNodes) -> None:
    watched.append(requests.EndNode("a:1"))
    watched.second.hub.join(watched.bob, "dev")
    watched.second.hub.join(watched.bob, "lobby")
    watched.catch_up()
    read(watched.alice)
    watched.restore(watched.first)
    assert read(watched.alice) == ["[SERVER] Room 'dev' opened"]


def test_shutdown_of_a_lost_node_is_the_last_line_of_its_watchers(watched: TwoNodes) -> None:
    carol = watched.first.hub._applier.state.sessions["carol"]
    watched.first.hub.join(carol, "lobby")
    watched.first.hub.set_presence(carol, True)
    read(carol)
    watched.append(requests.EndNode("a:1"))
    watched.first.hub.shut_down()
    assert read(carol) == ["[SERVER] Server is shutting down"]


def test_watcher_reads_no_notices_of_its_own_node_after_a_gap_of_the_log(watched: TwoNodes) -> None:
    """The snapshot contains no session of the node, and alice's own room has closed."""
    watched.first.hub.join(watched.alice, "ops")
    carol = watched.first.hub._applier.state.sessions["carol"]
    watched.first.hub.join(carol, "ops")
    watched.catch_up()
    read(watched.alice)
    watched.log.append(requests.EndNode("a:1"))
    jump(watched)
    assert read(watched.alice) == ["[SERVER] Room 'ops' closed"]
    jump(watched)
    watched.second.hub.join(watched.bob, "ops")
    watched.catch_up()
    watched.restore(watched.first)
    assert read(watched.alice) == ["[SERVER] Room 'ops' opened", "[SERVER] bob joined room 'ops'"]


def test_watcher_whose_detached_session_ends_leaves_no_notices_behind(watched: TwoNodes) -> None:
    watched.append(requests.EndNode("a:1"))
    watched.append(requests.ChangeAccount("alice", None))
    state = watched.first.hub._applier.state
    assert state.watchers == {}
    assert state.presence.announced == set()


def test_end_of_an_older_session_ends_no_notices_while_a_state_is_rebuilt(chat: TwoNodes) -> None:
    before, read_before = chat.first.state(), chat.first.read
    alice = chat.log_in(chat.first, "alice")
    chat.first.hub.set_presence(alice, True)
    chat.second.hub.join(chat.bob, "ops")
    chat.first.catch_up()
    chat.first.rebuild(before, read_before)
    read(alice)
    chat.second.hub.join(chat.bob, "lobby")
    chat.first.catch_up()
    assert read(alice) == ["[SERVER] Room 'ops' closed", "[SERVER] bob joined room 'lobby'"]


def test_held_move_of_a_detached_session_is_announced() -> None:
    chat = TwoNodes(burst=1)
    carol = chat.log_in(chat.first, "carol")
    chat.first.hub.set_presence(chat.alice, True)
    chat.first.hub.join(carol, "dev")
    read(chat.alice)
    chat.first.hub.join(carol, "lobby")
    chat.append(requests.EndNode("a:1"))
    chat.log.stamp += 3_000_000
    chat.first.hub.settle_presence()
    assert read(chat.alice) == ["[SERVER] Room 'dev' closed", "[SERVER] carol joined room 'lobby'"]


def test_watcher_reads_no_changes_back_when_an_older_state_is_loaded(watched: TwoNodes) -> None:
    before = requests.Snapshot(watched.log.stamp, watched.second.state())
    watched.second.hub.join(watched.bob, "ops")
    jump(watched)
    assert read(watched.alice) == ["[SERVER] bob left room 'lobby'", "[SERVER] Room 'ops' opened"]
    watched.first.hub.replica.restore(before)
    assert read(watched.alice) == []

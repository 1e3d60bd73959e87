"""ChatSession with the real server, over real sockets, without a screen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chat_server.wire import replies
from chat_tui import events
from chat_tui.events import ConnectionState
from chat_tui.model.entries import EntryKind, EntryState
from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.restartable_server import RestartableServer, texts_until
from tests.support.server_program import ServerProgram
from tests.support.session_harness import SessionHarness


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RestartableServer]:
    server = RestartableServer(write_accounts_file(tmp_path / "users.json"))
    yield server
    server.close()


def sign_in(
    harness: SessionHarness,
    server: RestartableServer,
    *,
    room: str | None = None,
    follow_everyone: bool = True,
) -> None:
    """Sign alice in, and wait until the client's first requests are answered."""
    harness.session.sign_in(
        "127.0.0.1",
        server.port,
        "alice",
        "pw-of-alice",
        room=room,
        follow_everyone=follow_everyone,
    )
    harness.until_notice(events.SignedIn)
    harness.until_state(ConnectionState.ONLINE)
    harness.until(lambda: harness.model.people.known)
    harness.until(lambda: harness.model.rooms.members_of(room or "lobby") is not None)


def test_sign_in_lists_people_and_rooms_of_real_server(
    harness: SessionHarness, server: RestartableServer
) -> None:
    server.start().log_in("bob")
    server.log_in("carol", "/join dev")
    sign_in(harness, server)
    assert [person.name for person in harness.model.people.here()] == ["alice", "bob"]
    assert [(room.name, room.members) for room in harness.model.rooms.listed()] == [
        ("lobby", 2),
        ("dev", 1),
    ]
    assert "/who" in harness.model.commands
    assert harness.texts() == []
    assert harness.model.round_trip is not None
    assert 0 < harness.model.round_trip < 5


def test_messages_are_exchanged_with_netcat_user(
    harness: SessionHarness, server: RestartableServer
) -> None:
    bob = server.start().log_in("bob")
    sign_in(harness, server)
    harness.session.submit("hello \U0001f600 [red]\n/two\n\n  three")
    assert {entry.state for entry in harness.model.log} == {EntryState.PENDING}
    harness.until(lambda: {entry.state for entry in harness.model.log} == {EntryState.SENT})
    for text in ("hello \U0001f600 [red]", "/two", "  three"):
        bob.expect_message("alice", text)
    bob.send("hi alice")
    assert not harness.until_text("hi alice").own


def test_joins_and_leaves_of_others_update_model(
    harness: SessionHarness, server: RestartableServer
) -> None:
    server.start()
    sign_in(harness, server)
    bob = server.log_in("bob")
    harness.until_text("bob joined")
    assert harness.model.rooms.members_of("lobby") == 2
    bob.send("/join dev")
    harness.until_text("bob left")
    harness.until(lambda: harness.model.rooms.members_of("dev") == 1)
    bob.close()
    harness.until(lambda: "dev" not in harness.model.rooms)


def test_text_typed_after_room_change_reaches_new_room_only(
    harness: SessionHarness, server: RestartableServer
) -> None:
    bob = server.start().log_in("bob")
    carol = server.log_in("carol", "/join dev")
    sign_in(harness, server)
    harness.session.submit("for the lobby")
    harness.session.join("dev")
    harness.session.submit("for dev")
    harness.session.join("lobby")
    harness.session.submit("for the lobby again")
    harness.until(lambda: harness.texts()[-1:] == ["for the lobby again"])
    harness.until(lambda: harness.model.log.entries()[-1].state is EntryState.SENT)
    bob.send("/rooms")
    received = texts_until(bob, "[SERVER] Active rooms")
    assert received == ["for the lobby", "for the lobby again"]
    carol.expect_message("alice", "for dev")


def test_typed_commands_get_replies_from_real_server(
    harness: SessionHarness, server: RestartableServer
) -> None:
    server.start().log_in("bob")
    sign_in(harness, server)
    for typed in ("/help", "/dance", "/who nowhere", "/subs", "/unsubscribe alice", "/who"):
        harness.session.submit(typed)
    harness.session.submit("my own message")
    harness.until(lambda: harness.model.log.entries()[-1].state is EntryState.SENT)
    harness.until_text("In room 'lobby': alice, bob")
    own, *answers = harness.texts()
    assert own == "my own message"
    assert [answer.split(" - ")[0] for answer in answers[:3]] == [
        "/join <room>",
        "/leave",
        "/rooms",
    ]
    assert answers[len(harness.model.commands) :] == [
        "Unknown command: /dance (try /help)",
        "No such room: nowhere",
        "Subscriptions: *, alice",
        "Unsubscribed from alice",
        "In room 'lobby': alice, bob",
    ]


def test_follow_toggle_starts_and_stops_messages(
    harness: SessionHarness, server: RestartableServer
) -> None:
    bob = server.start().log_in("bob")
    sign_in(harness, server, follow_everyone=False)
    assert harness.model.people.follows_none_present
    harness.session.toggle_follow("bob")
    harness.until(lambda: harness.model.people.follows("bob"))
    bob.send("one")
    harness.until_text("one")
    harness.session.toggle_follow("bob")
    harness.until(lambda: not harness.model.people.follows("bob"))
    assert "You no longer see messages from bob. To undo: /subscribe bob" in harness.texts()
    bob.send("two")
    bob.send("/rooms")
    texts_until(bob, "[SERVER] Active rooms")
    harness.session.submit("three")
    harness.until_text("three")
    harness.until(lambda: harness.model.log.entries()[-1].state is EntryState.SENT)
    assert "two" not in harness.texts()
    for _ in range(2):  # the second request changes nothing, although the first is unanswered
        harness.session.follow("bob")
    harness.until(lambda: harness.model.people.follows("bob"))
    bob.send("four")
    harness.until_text("four")
    assert harness.model.people.last_unfollowed is None


def test_server_restart_restores_room_and_subscriptions(
    harness: SessionHarness, server: RestartableServer
) -> None:
    server.start()
    sign_in(harness, server, room="dev")
    harness.session.toggle_follow("bob")
    harness.until(lambda: [person.name for person in harness.model.people.elsewhere()] == ["bob"])
    harness.session.submit("before")
    harness.until(lambda: harness.model.log[0].state is EntryState.SENT)
    server.stop()
    harness.until_state(ConnectionState.WAITING)
    assert harness.texts() == ["before", replies.SHUTTING_DOWN]
    harness.session.submit("typed meanwhile")
    assert harness.until_notice(events.TextReturned).text == "typed meanwhile"
    server.start()
    harness.until_state(ConnectionState.ONLINE)
    bob = server.log_in("bob", "/join dev")
    bob.send("after")
    harness.until_text("after")
    assert harness.model.room == "dev"
    harness.session.submit("/subs")
    harness.until_text("Subscriptions: *, alice, bob")
    kinds = [entry.kind for entry in harness.model.log]
    assert kinds.count(EntryKind.GAP) == 1


def test_connection_cut_is_restored_without_loss(
    harness: SessionHarness, server: RestartableServer
) -> None:
    server.start()
    sign_in(harness, server, room="dev")
    connection = harness.session._connection
    assert connection is not None
    connection._stream.shutdown()
    harness.until(lambda: harness.model.connection.state is not ConnectionState.ONLINE)
    harness.until_state(ConnectionState.ONLINE)
    harness.session.submit("/subs")
    harness.until_text("Subscriptions: *, alice")
    harness.session.submit("/who")
    harness.until_text("In room 'dev': alice")
    assert harness.model.room == "dev"
    assert harness.notices == []


def test_many_subscriptions_survive_server_restart(
    harness: SessionHarness, server: RestartableServer
) -> None:
    names = [f"user-with-a-long-name-{n:03}" for n in range(120)]
    write_accounts_file(server.config.users, [*PEOPLE, *names])
    server.start()
    sign_in(harness, server)
    for name in names:
        harness.session.toggle_follow(name)
    harness.until(lambda: len(harness.model.people.elsewhere()) == 120)
    server.stop()
    harness.until_state(ConnectionState.WAITING)
    server.start()
    harness.until_state(ConnectionState.ONLINE)
    harness.until(lambda: len(harness.model.people.elsewhere()) == 120)
    harness.session.submit("/subs")
    harness.until(lambda: len([text for text in harness.texts() if "Subscriptions:" in text]) > 3)


def test_login_of_same_name_signs_session_out(
    harness: SessionHarness, server: RestartableServer
) -> None:
    server.start()
    sign_in(harness, server)
    server.log_in("alice")
    assert harness.until_notice(events.SignedOut).reason == replies.LOGGED_OUT_BY_NEW_LOGIN
    assert harness.model.connection.state is ConnectionState.OFFLINE


def test_removed_account_is_signed_out(harness: SessionHarness, server: RestartableServer) -> None:
    server.start()
    sign_in(harness, server)
    server.remove("alice")
    assert harness.until_notice(events.SignedOut).reason == replies.LOGGED_OUT_ACCOUNT_REMOVED


def test_account_removed_while_disconnected_ends_reconnecting(
    harness: SessionHarness, server: RestartableServer
) -> None:
    server.start()
    sign_in(harness, server)
    server.stop()
    harness.until_state(ConnectionState.WAITING)
    server.start()
    server.remove("alice")
    seen = (events.SignInFailed, events.SignedOut)  # it may have been online again for a moment
    harness.until(lambda: any(isinstance(notice, seen) for notice in harness.notices))
    assert harness.model.connection.state is ConnectionState.OFFLINE


def test_wrong_password_is_rejected_by_real_server(
    harness: SessionHarness, server: RestartableServer
) -> None:
    server.start()
    harness.session.sign_in("127.0.0.1", server.port, "alice", "guess")
    failure = harness.until_notice(events.SignInFailed)
    assert failure == events.SignInFailed("Authentication failed", retry=False)


def test_rate_limited_client_loses_no_message(
    harness: SessionHarness, server: RestartableServer
) -> None:
    """No message is lost, no request expires, and room changes keep their order."""
    bob = server.start(rate=100, burst=10).log_in("bob")
    sign_in(harness, server)
    harness.session.submit("\n".join(f"line {n}" for n in range(100)))
    harness.session.join("dev")
    harness.session.submit("in dev")
    entry = harness.until_text("in dev")
    harness.until(lambda: harness.model.log[entry.id].state is EntryState.SENT)
    assert harness.model.room == "dev"
    lobby = harness.model.log_of("lobby")
    assert {entry.state for entry in lobby if entry.own} == {EntryState.SENT}
    for n in range(100):
        bob.expect_message("alice", f"line {n}")


def test_quit_signs_out_from_real_server(
    harness: SessionHarness, server: RestartableServer
) -> None:
    server.start()
    sign_in(harness, server)
    harness.session.submit("/quit")
    assert harness.until_notice(events.SignedOut) == events.SignedOut("Goodbye", requested=True)


def test_times_of_server_in_another_zone_are_shown_in_the_clients(
    harness: SessionHarness, tmp_path: Path
) -> None:
    # Ahead of every zone that a test machine is likely to be in, and not by whole hours.
    zone = {"TZ": "<+1345>-13:45"}
    with ServerProgram(tmp_path / "users.json", environment=zone) as server:
        bob = server.log_in("bob")
        harness.session.sign_in(
            "127.0.0.1", server.port, "alice", "pw-of-alice", follow_everyone=True
        )
        harness.until_state(ConnectionState.ONLINE)
        harness.session.submit("mine")
        bob.send("hi alice")
        harness.until(lambda: {entry.state for entry in harness.model.log} == {EntryState.SENT})
        for entry in (harness.until_text("hi alice"), harness.until_text("mine")):
            assert abs(entry.timestamp - datetime.now()) < timedelta(minutes=2)
        bob.close()
        harness.session.cancel()

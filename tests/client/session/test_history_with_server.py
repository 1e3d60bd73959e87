"""The client's catch-up with the real server and its history file, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_tui.account import make_account
from chat_tui.events import CaughtUp, ConnectionState, Event
from chat_tui.model.entries import EntryKind, EntryState
from chat_tui.storage.known_servers import KnownServers
from chat_tui.storage.stamp_store import StampStore
from tests.support.accounts import write_accounts_file
from tests.support.cutting_proxy import CuttingProxy
from tests.support.restartable_server import RestartableServer, texts_until
from tests.support.session_harness import SessionHarness


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RestartableServer]:
    server = RestartableServer(write_accounts_file(tmp_path / "users.json"))
    server.start(history=tmp_path / "users.history.db")
    yield server
    server.close()


def sign_in(harness: SessionHarness, port: int, room: str | None = None) -> None:
    harness.session.sign_in(
        "127.0.0.1", port, "alice", "pw-of-alice", room=room, follow_everyone=True
    )
    harness.until_state(ConnectionState.ONLINE)


def messages(harness: SessionHarness, place: str = "lobby") -> list[str]:
    kinds = (EntryKind.MESSAGE, EntryKind.ACTION, EntryKind.PRIVATE)
    entries = harness.model.log_of(place).entries()
    return [f"{entry.author}: {entry.text}" for entry in entries if entry.kind in kinds]


def test_first_sign_in_shows_earlier_messages_and_then_live_ones(
    harness: SessionHarness, server: RestartableServer
) -> None:
    bob = server.log_in("bob")
    bob.send("before")
    bob.send("/subs")
    sign_in(harness, server.port)
    harness.until_text("before")
    bob.send("/me waves")
    harness.until_text("waves")
    assert messages(harness) == ["bob: before", "bob: waves"]
    assert "messages may be missing" not in " ".join(harness.texts())


def test_reconnect_completes_the_log_over_a_restart_of_the_server(
    harness: SessionHarness, server: RestartableServer, proxy: CuttingProxy
) -> None:
    bob = server.log_in("bob")
    sign_in(harness, proxy.port)
    bob.send("one")
    harness.until_text("one")
    proxy.cut()
    for number in range(30):
        bob.send(f"missed {number}")
    bob.send("/quit")
    texts_until(bob, "[SERVER] Goodbye")  # the server has taken all
    server.stop()
    server.start()
    server.log_in("bob").send("live")
    harness.until_text("live")
    harness.until_state(ConnectionState.ONLINE)
    assert messages(harness) == [
        "bob: one",
        *(f"bob: missed {number}" for number in range(30)),
        "bob: live",
    ]
    assert "messages may be missing" not in " ".join(harness.texts())


@pytest.mark.parametrize("lines", [0, 1, 2, 3])
def test_unconfirmed_messages_are_sent_once_wherever_the_connection_is_cut(
    harness: SessionHarness, server: RestartableServer, proxy: CuttingProxy, lines: int
) -> None:
    bob = server.log_in("bob")
    sign_in(harness, proxy.port)
    proxy.swallow_input_after(lines)
    for text in ("ok", "ok", "done"):
        harness.session.submit(text)
    for _ in range(lines):
        assert bob.read_line() is not None  # the server has taken it
    proxy.cut()

    def is_settled() -> bool:
        states = [entry.state for entry in harness.model.log.entries() if entry.own]
        return states.count(EntryState.SENT) == 3 and EntryState.PENDING not in states

    harness.until(is_settled, "not all are sent")
    bob.send("/history 10")
    texts_until(bob, "[SERVER] History of")
    assert texts_until(bob, "[SERVER] End of history") == ["ok", "ok", "done"]


def test_next_start_knows_what_was_read(
    tmp_path: Path, harness: SessionHarness, server: RestartableServer
) -> None:
    bob = server.log_in("bob")
    folder = tmp_path / "state"
    first = SessionHarness(known=KnownServers(folder), stamps=StampStore(folder))
    sign_in(first, server.port)
    bob.send("read")
    first.until_text("read")
    first.model.unread.clear("lobby")  # as if the user had looked
    first.run_once()
    first.close()
    bob.send("new")
    bob.send("/subs")
    second = SessionHarness(known=KnownServers(folder), stamps=StampStore(folder))
    try:
        sign_in(second, server.port)
        second.until_text("new")
        assert messages(second) == ["bob: read", "bob: new"]
        assert second.model.unread.count("lobby") == 1
    finally:
        second.close()


def test_next_start_counts_what_was_received_but_not_seen(
    tmp_path: Path, server: RestartableServer
) -> None:
    bob = server.log_in("bob")
    folder = tmp_path / "state"
    first = SessionHarness(known=KnownServers(folder), stamps=StampStore(folder))
    sign_in(first, server.port)
    bob.send("/msg alice one", "/msg alice alice, two")
    first.until(lambda: first.model.unread.numbers("@bob") == (2, 1))
    first.close()
    second = SessionHarness(known=KnownServers(folder), stamps=StampStore(folder))
    try:
        sign_in(second, server.port)
        assert second.model.unread.numbers("@bob") == (2, 1)
        second.session.read_private("bob")
        second.until(lambda: messages(second, "@bob") == ["bob: one", "bob: alice, two"])
        second.until(lambda: second.model.unread.numbers("@bob") == (2, 1))
        assert second.model.log_of("@bob").read_marker.new_from == 0
        second.model.unread.clear("@bob")  # as if the user had looked
    finally:
        second.close()
    store = StampStore(folder)
    store.open(make_account("127.0.0.1", server.port, "alice", "").identity)
    assert not store.unread


def test_live_messages_are_shown_though_the_stored_stamp_is_in_the_future(
    tmp_path: Path, server: RestartableServer
) -> None:
    bob = server.log_in("bob")
    identity = make_account("127.0.0.1", server.port, "alice", "").identity
    store = StampStore(tmp_path / "state")
    store.open(identity)
    store.read_up_to({"lobby": "2199-01-01T00:00:00.000000+00:00"})
    store.save()
    harness = SessionHarness(stamps=store)
    seen: list[Event] = []
    harness.session.observe = seen.append
    try:
        sign_in(harness, server.port)
        bob.send("live")
        harness.until_text("live")
        harness.until(lambda: seen.count(CaughtUp("lobby")) == 2)
        harness.model.unread.clear("lobby")
    finally:
        harness.close()
    stamp = StampStore(tmp_path / "state").read(identity)["lobby"]
    assert stamp == harness.model.log.entries()[-1].stamp


def test_private_messages_that_were_kept_are_read_on_opening(
    harness: SessionHarness, server: RestartableServer
) -> None:
    alice = server.log_in("alice")
    alice.close()
    bob = server.log_in("bob")
    bob.send("/msg alice are you there?")
    assert bob.read_line() == "[SERVER] Kept for alice"
    sign_in(harness, server.port)
    harness.until(lambda: harness.model.unread.count("@bob") == 1)
    harness.session.read_private("bob")
    harness.until(lambda: messages(harness, "@bob") == ["bob: are you there?"])


def test_kept_messages_are_new_in_a_conversation_without_a_log(
    harness: SessionHarness, server: RestartableServer
) -> None:
    alice = server.log_in("alice")
    bob = server.log_in("bob")
    bob.send("/msg alice read on another machine")
    alice.expect_match(r".* bob -> alice: read on another machine")
    alice.send("/quit")
    alice.expect("[SERVER] Goodbye")
    alice.expect_end()
    bob.send("/msg alice one", "/msg alice alice, two")
    sign_in(harness, server.port)
    harness.until(lambda: harness.model.unread.count("@bob") == 2)
    harness.session.read_private("bob")
    harness.until(lambda: len(messages(harness, "@bob")) == 3)
    log = harness.model.log_of("@bob")
    assert log.read_marker.new_from == log.first + 1
    assert [entry.past for entry in log.entries()] == [True, False, False]
    assert harness.model.unread.numbers("@bob") == (2, 1)

"""The session over real sockets, against a server that does what the test says."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from chat_server.wire import replies
from chat_server.wire.protocol import CLIENT_RECEIVE_LIMIT
from chat_tui import events
from chat_tui.events import ConnectionState
from chat_tui.model.entries import EntryKind, EntryState
from tests.support.session_harness import ScriptedServer, SessionHarness


@pytest.fixture
def desk() -> Iterator[SessionHarness]:
    desk = SessionHarness()
    yield desk
    desk.close()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


def resend_all(desk: SessionHarness) -> int:
    """Send again what is not confirmed; how many."""
    return sum(desk.session.resend(entry.id) for entry in desk.model.unconfirmed)


def test_sign_in_and_exchange_messages(desk: SessionHarness, server: ScriptedServer) -> None:
    client = desk.sign_in(server, follows="alice, bob")
    assert desk.model.user == "alice"
    assert desk.model.server == f"127.0.0.1:{server.port}"
    desk.session.submit("hello")
    client.expect("hello")
    assert desk.model.log[0].state is EntryState.PENDING
    client.say("[12:00:00] alice: hello", "[12:00:01] bob: hi alice")
    desk.until_text("hi alice")
    assert [entry.state for entry in desk.model.log] == [EntryState.SENT] * 2
    assert [person.name for person in desk.model.people.elsewhere()] == ["bob"]
    assert desk.model.history[0] == "hello"


def test_invalid_sign_in_fields_fail_without_connecting(desk: SessionHarness) -> None:
    for host, port, user, password in (
        ("", 9000, "alice", "secret"),
        ("127.0.0.1", 0, "alice", "secret"),
        ("127.0.0.1", 65536, "alice", "secret"),
        ("127.0.0.1", 9000, "two words", "secret"),
        ("127.0.0.1", 9000, "alice", "a\nb"),
    ):
        desk.session.sign_in(host, port, user, password)
        assert not desk.until_notice(events.SignInFailed).retry
        assert desk.model.connection.state is ConnectionState.OFFLINE


def test_sign_in_fails_if_nothing_listens(desk: SessionHarness) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    desk.session.sign_in("127.0.0.1", port, "alice", "secret", plaintext=True)
    assert "Nothing listens" in desk.until_notice(events.SignInFailed).reason
    assert desk.model.connection.state is ConnectionState.OFFLINE


def test_rejected_login_is_reported_once_and_not_retried(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    desk.session.sign_in("127.0.0.1", server.port, "alice", "wrong", plaintext=True)
    client = desk.during(server.accept)
    client.say(f"[SERVER] {replies.LOGIN_PROMPT}")
    desk.during(lambda: client.expect("LOGIN alice wrong"))
    client.say(f"[ERROR] {replies.AUTHENTICATION_FAILED}")
    client.close()
    refused = desk.until_notice(events.SignInFailed)
    assert refused == events.SignInFailed("Authentication failed", retry=False)
    assert desk.model.connection.state is ConnectionState.OFFLINE
    desk.work()
    assert desk.notices == []


def test_first_sign_in_is_not_retried_even_if_retryable(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    desk.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    desk.during(server.accept).say(f"[ERROR] {replies.SERVER_FULL}")
    assert desk.until_notice(events.SignInFailed).retry
    assert desk.model.connection.state is ConnectionState.OFFLINE


def test_reconnect_restores_room_subscriptions_and_unconfirmed_message(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    client = desk.sign_in(server, room="dev", follows="*, alice, bob")
    assert desk.model.people.everyone
    assert desk.model.room == "dev"
    desk.session.submit("may have arrived")
    client.expect("may have arrived")
    client.reset()
    desk.until(lambda: desk.model.connection.state is not ConnectionState.ONLINE)
    assert desk.model.room == "dev"
    assert [entry.text for entry in desk.model.unconfirmed] == ["may have arrived"]
    client = desk.during(lambda: server.let_in("dev"))
    desk.during(lambda: client.expect("/subscribe *", "/subscribe bob"))
    assert desk.model.connection.state is ConnectionState.RETRYING  # not yet as it was
    client.say("[SERVER] Subscribed to *", "[SERVER] Subscribed to bob")
    desk.until_state(ConnectionState.ONLINE)
    assert desk.notices == []  # no screen has to change for this
    assert [entry.kind for entry in desk.model.log] == [EntryKind.MESSAGE, EntryKind.GAP]

    desk.until(lambda: resend_all(desk) == 1)
    client.expect("may have arrived")
    assert [e.state for e in desk.model.log if e.kind is EntryKind.MESSAGE] == [
        EntryState.RESENT,
        EntryState.PENDING,
    ]
    client.say("[12:00:00] alice: may have arrived")
    desk.until(lambda: desk.model.log[2].state is EntryState.SENT)
    assert resend_all(desk) == 0


def test_text_typed_while_disconnected_is_returned(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    desk.sign_in(server).close()
    desk.until(lambda: desk.model.connection.state is not ConnectionState.ONLINE)
    desk.session.submit("one\ntwo")
    assert desk.until_notice(events.TextReturned).text == "one\ntwo"
    assert len(desk.model.history) == 1
    desk.session.join("dev")
    assert desk.texts()[-1] == "Not connected"
    desk.session.toggle_follow("bob")


def test_connection_loss_during_join_returns_text_and_rejoins_room(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    client = desk.sign_in(server)
    desk.session.join("dev")
    desk.session.submit("for dev")
    client.expect("/join dev")
    client.close()
    assert desk.until_notice(events.TextReturned).text == "for dev"
    desk.during(lambda: server.let_in("dev"))


def test_forced_logout_is_never_retried(desk: SessionHarness, server: ScriptedServer) -> None:
    client = desk.sign_in(server)
    client.say(f"[SERVER] {replies.LOGGED_OUT_BY_NEW_LOGIN}")
    client.close()
    gone = desk.until_notice(events.SignedOut)
    assert gone == events.SignedOut(replies.LOGGED_OUT_BY_NEW_LOGIN)
    assert desk.model.connection == events.ConnectionChanged(
        ConnectionState.OFFLINE, replies.LOGGED_OUT_BY_NEW_LOGIN
    )
    desk.session.retry_now()
    for _ in range(5):
        desk.work()
    assert desk.model.connection.state is ConnectionState.OFFLINE
    assert desk.notices == []


def test_manual_sign_in_of_same_user_keeps_log(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    client = desk.sign_in(server)
    client.say("[12:00:00] bob: hi", f"[SERVER] {replies.LOGGED_OUT_ACCOUNT_REMOVED}")
    desk.until_notice(events.SignedOut)
    desk.sign_in(server)
    kinds = [entry.kind for entry in desk.model.log]
    assert kinds == [EntryKind.MESSAGE, EntryKind.SERVER, EntryKind.GAP]


def test_sign_in_of_other_user_clears_log(desk: SessionHarness, server: ScriptedServer) -> None:
    client = desk.sign_in(server)
    client.say("[12:00:00] bob: for alice")
    desk.until_text("for alice")
    desk.session.cancel()
    assert desk.model.connection.state is ConnectionState.OFFLINE
    assert desk.texts() == ["for alice"]
    desk.session.sign_in("127.0.0.1", server.port, "bob", "hidden", plaintext=True)
    client = desk.during(server.accept)
    desk.during(lambda: client.let_in("bob", "hidden"))
    desk.until_notice(events.SignedIn)
    assert desk.texts() == []
    assert desk.model.user == "bob"


def test_session_reconnects_after_server_restart(desk: SessionHarness) -> None:
    first = ScriptedServer()
    client = desk.sign_in(first)
    client.say(f"[SERVER] {replies.SHUTTING_DOWN}")
    first.close()
    desk.until_state(ConnectionState.WAITING)
    assert desk.model.connection.reason in (
        replies.SHUTTING_DOWN,
        f"Nothing listens at 127.0.0.1 port {first.port}",
    )
    assert replies.SHUTTING_DOWN in desk.texts()
    second = ScriptedServer(first.port)
    desk.during(second.let_in)
    desk.until_state(ConnectionState.ONLINE)
    second.close()


@pytest.mark.parametrize(
    "refusal", [replies.SERVER_FULL, replies.TOO_MANY_CONNECTIONS, replies.SHUTTING_DOWN]
)
def test_temporary_rejections_do_not_stop_reconnecting(
    desk: SessionHarness, server: ScriptedServer, refusal: str
) -> None:
    desk.sign_in(server).close()
    for _ in range(2):
        refusing = desk.during(server.accept)
        mark = "[SERVER]" if refusal == replies.SHUTTING_DOWN else "[ERROR]"
        refusing.say(f"{mark} {refusal}")
        refusing.close()
        desk.until(lambda: desk.model.connection.reason == refusal)
    desk.during(server.let_in)
    desk.until_state(ConnectionState.ONLINE)
    assert desk.notices == []


def test_reconnect_waits_for_login_throttle(desk: SessionHarness, server: ScriptedServer) -> None:
    desk.sign_in(server).close()
    client = desk.during(server.accept)
    client.say(f"[SERVER] {replies.LOGIN_PROMPT}", f"[ERROR] {replies.too_many_failures(42)}")
    desk.until(lambda: "try again in 42 s" in desk.model.connection.reason)
    assert desk.model.connection.state is ConnectionState.WAITING
    assert desk.model.connection.retry_in is not None
    assert desk.model.connection.retry_in >= 41
    desk.session.retry_now()  # the person knows better
    desk.during(server.let_in)
    desk.until_state(ConnectionState.ONLINE)


def test_failed_authentication_stops_reconnecting(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    desk.sign_in(server).close()
    client = desk.during(server.accept)
    client.say(f"[SERVER] {replies.LOGIN_PROMPT}", f"[ERROR] {replies.AUTHENTICATION_FAILED}")
    assert desk.until_notice(events.SignInFailed).reason == "Authentication failed"
    assert desk.model.connection.state is ConnectionState.OFFLINE


def test_typed_quit_signs_out(desk: SessionHarness, server: ScriptedServer) -> None:
    client = desk.sign_in(server)
    desk.session.submit("/quit")
    client.expect("/quit")
    client.say("[SERVER] Goodbye")
    client.close()
    assert desk.until_notice(events.SignedOut).requested
    assert desk.model.connection.state is ConnectionState.OFFLINE


def test_typed_quit_signs_out_while_disconnected(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    desk.sign_in(server).close()
    desk.until(lambda: desk.model.connection.state is not ConnectionState.ONLINE)
    desk.session.cancel()
    desk.session.submit("/quit")
    assert desk.until_notice(events.SignedOut).requested


def test_cancel_of_unanswered_sign_in_closes_connection(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    desk.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    client = desk.during(server.accept)
    desk.session.cancel()
    assert desk.model.connection.state is ConnectionState.OFFLINE
    assert desk.during(client.line) == ""
    assert desk.notices == []


def test_sign_in_to_other_server_closes_first_connection(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    first = desk.sign_in(server)
    other = ScriptedServer()
    desk.sign_in(other)
    assert first.line() == ""
    assert desk.model.server == f"127.0.0.1:{other.port}"
    other.close()


def test_close_sends_pending_text(desk: SessionHarness, server: ScriptedServer) -> None:
    client = desk.sign_in(server)
    desk.session.submit("bye")
    desk.session.close()
    assert client.line() == "bye"
    assert client.line() == ""


def test_close_returns_at_once_if_server_is_silent(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    desk.sign_in(server)
    began = time.monotonic()
    desk.close()
    assert time.monotonic() - began < 1.0


def test_close_returns_at_once_if_server_does_not_read(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    desk.sign_in(server)
    for _ in range(4000):  # far more than the kernel's buffers hold
        desk.session.submit("x" * 4000)
    began = time.monotonic()
    desk.close()
    assert time.monotonic() - began < 1.0


def test_close_returns_at_once_with_unread_input(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    client = desk.sign_in(server)
    flood = b"[12:00:00] bob: hello\n" * 20_000
    desk.during(lambda: client.say_bytes(flood))
    desk.close()


def test_message_flood_is_pumped_in_bounded_batches(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    client = desk.sign_in(server)
    before = desk.wakes
    flood = b"".join(b"[12:00:00] bob: %d\n" % n for n in range(30_000))
    desk.during(lambda: client.say_bytes(flood))
    desk.until_text("29999")
    assert [entry.text for entry in desk.model.log] == [str(n) for n in range(20_000, 30_000)]
    assert desk.wakes - before < 3000


def test_pump_processes_at_most_max_events(desk: SessionHarness, server: ScriptedServer) -> None:
    client = desk.sign_in(server)
    client.say(*(f"[12:00:00] bob: {n}" for n in range(100)))
    desk.until_arrived(100)
    for turn in range(1, 4):
        assert desk.session.pump(max_events=7, max_seconds=60)
        assert desk.model.log.end == 7 * turn
    wakes = desk.wakes
    client.say("[12:00:00] bob: more")
    desk.until_arrived(80)
    assert desk.wakes == wakes  # who was told that there is more is not woken for it
    assert not desk.session.pump(max_seconds=60)
    assert desk.texts()[-1] == "more"


def test_pump_stops_after_max_seconds(desk: SessionHarness, server: ScriptedServer) -> None:
    client = desk.sign_in(server)
    client.say(*(f"[12:00:00] bob: {n}" for n in range(100)))
    desk.until_arrived(100)
    assert desk.session.pump(max_seconds=0)
    assert 0 < desk.model.log.end < 100


def test_line_received_byte_by_byte_is_decoded(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    client = desk.sign_in(server)
    for byte in "[12:00:00] bob: Zo\u00eb \U0001f600\r\n".encode():
        client.say_bytes(bytes([byte]))
    desk.until_text("Zo\u00eb \U0001f600")


def test_invalid_utf8_is_replaced(desk: SessionHarness, server: ScriptedServer) -> None:
    client = desk.sign_in(server)
    client.say_bytes(b"[12:00:00] bob: caf\xe9\n\xff\xfe\x00\n[SERVER] \x1b[2J\n")
    desk.until_text("\u241b[2J")
    assert desk.texts() == ["caf\ufffd", "\ufffd\ufffd\u2400", "\u241b[2J"]


def test_oversize_line_is_reported_and_longest_line_accepted(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    client = desk.sign_in(server)
    longest = "y" * (CLIENT_RECEIVE_LIMIT - 1 - len("[12:00:00] bob: "))
    desk.during(
        lambda: client.say(
            f"[12:00:00] bob: {longest}",
            "z" * CLIENT_RECEIVE_LIMIT,
            "[12:00:00] bob: and on it goes",
        )
    )
    desk.until_text("and on it goes")
    first, second, _ = desk.texts()
    assert first == longest
    assert "65536" in second


def test_unterminated_last_line_is_processed(desk: SessionHarness, server: ScriptedServer) -> None:
    client = desk.sign_in(server)
    client.say_bytes(f"[SERVER] {replies.LOGGED_OUT_BY_NEW_LOGIN}".encode())
    client.close()
    desk.until_notice(events.SignedOut)


def test_sign_in_to_non_chat_server_fails(desk: SessionHarness, server: ScriptedServer) -> None:
    desk.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    desk.during(server.accept).say("SSH-2.0-OpenSSH_9.2p1 Debian-2")
    assert "No chat server" in desk.until_notice(events.SignInFailed).reason


def test_legacy_server_gets_one_line_at_a_time(
    desk: SessionHarness, server: ScriptedServer
) -> None:
    """One `recv` is one line there: nothing may come before the answer to what came before."""
    desk.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    client = desk.during(server.accept)

    def one_recv(line: str) -> None:
        assert client.recv() == f"{line}\n"

    client.say("[SERVER] Welcome to the chat server", f"[SERVER] {replies.LOGIN_PROMPT}")
    desk.during(lambda: one_recv("LOGIN alice secret"))
    client.say(
        "[SERVER] Login successful",
        "[SERVER] Available commands: /join, /leave, /rooms, /subscribe, /unsubscribe, /subs",
    )
    desk.during(lambda: one_recv("/subscribe alice"))
    client.say("[SERVER] Subscribed to alice")
    desk.during(lambda: one_recv("/rooms"))
    client.say("[SERVER] Active rooms: dev, lobby")
    desk.during(lambda: one_recv("/subs"))
    client.say("[SERVER] Subscriptions: alice")
    desk.until(lambda: "dev" in desk.model.rooms)
    desk.session.submit("one\ntwo")
    desk.session.join("dev")
    desk.session.submit("three")
    desk.session.submit("/dance")
    assert "would publish it" in desk.until_notice(events.TextReturned).reason
    desk.during(lambda: one_recv("one"))
    client.say("[12:00:00] alice: one")
    desk.during(lambda: one_recv("two"))  # no echo: the next one comes 0.2 s later
    desk.during(lambda: one_recv("/join dev"))
    client.say("[SERVER] Joined room 'dev'")
    desk.during(lambda: one_recv("/rooms"))
    client.say("[SERVER] Active rooms: dev, lobby")
    desk.during(lambda: one_recv("three"))
    assert desk.model.room == "dev"
    assert desk.texts() == ["three"]
    assert "Welcome to the chat server" in [e.text for e in desk.model.log_of("lobby").entries()]

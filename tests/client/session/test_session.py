"""ChatSession over real sockets, with a server that the test plays."""

from __future__ import annotations

import socket

import pytest

from chat_server.wire import Stream, replies
from chat_server.wire.protocol import CLIENT_RECEIVE_LIMIT
from chat_tui import events
from chat_tui.events import ConnectionState
from chat_tui.model.entries import EntryKind, EntryState
from tests.support.scripted_server import ScriptedServer
from tests.support.session_harness import SessionHarness
from tests.support.wait_until import until


def resend_all(harness: SessionHarness) -> int:
    """Send all unconfirmed messages again. Return their number."""
    return sum(harness.session.resend(entry.id) for entry in harness.model.unconfirmed)


def test_sign_in_and_exchange_messages(harness: SessionHarness, server: ScriptedServer) -> None:
    client = harness.sign_in(server, follows="alice, bob")
    assert harness.model.user == "alice"
    assert harness.model.server == f"127.0.0.1:{server.port}"
    harness.session.submit("hello")
    client.expect("hello")
    assert harness.model.log[0].state is EntryState.PENDING
    client.send("[12:00:00] alice: hello", "[12:00:01] bob: hi alice")
    harness.until_text("hi alice")
    assert [entry.state for entry in harness.model.log] == [EntryState.SENT] * 2
    assert [person.name for person in harness.model.people.elsewhere()] == ["bob"]
    assert harness.model.history[0] == "hello"


def test_invalid_sign_in_fields_fail_without_connecting(harness: SessionHarness) -> None:
    for host, port, user, password in (
        ("", 9000, "alice", "secret"),
        ("127.0.0.1", 0, "alice", "secret"),
        ("127.0.0.1", 65536, "alice", "secret"),
        ("127.0.0.1", 9000, "two words", "secret"),
        ("127.0.0.1", 9000, "alice", "a\nb"),
    ):
        harness.session.sign_in(host, port, user, password)
        assert not harness.until_notice(events.SignInFailed).retry
        assert harness.model.connection.state is ConnectionState.OFFLINE


def test_sign_in_fails_if_nothing_listens(harness: SessionHarness) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    harness.session.sign_in("127.0.0.1", port, "alice", "secret", plaintext=True)
    assert "Nothing listens" in harness.until_notice(events.SignInFailed).reason
    assert harness.model.connection.state is ConnectionState.OFFLINE


def test_rejected_login_is_reported_once_and_not_retried(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    harness.session.sign_in("127.0.0.1", server.port, "alice", "wrong", plaintext=True)
    client = harness.run_while(server.accept)
    client.send(f"[SERVER] {replies.LOGIN_PROMPT}")
    harness.run_while(lambda: client.expect("LOGIN alice wrong"))
    client.send(f"[ERROR] {replies.AUTHENTICATION_FAILED}")
    client.close()
    failure = harness.until_notice(events.SignInFailed)
    assert failure == events.SignInFailed("Authentication failed", retry=False)
    assert harness.model.connection.state is ConnectionState.OFFLINE
    harness.run_once()
    assert harness.notices == []


def test_sign_in_waits_for_the_check_of_its_password(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    harness.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    client = harness.run_while(server.accept)
    client.send(f"[SERVER] {replies.LOGIN_PROMPT}")
    harness.until_notice(events.PasswordCheckPending)
    waiting = events.ConnectionChanged(ConnectionState.CONNECTING, checking_password=True)
    assert harness.model.connection == waiting
    client.expect("LOGIN alice secret")
    client.send("[SERVER] Login successful", "[SERVER] Available commands: /help, /quit")
    harness.until_state(ConnectionState.ONLINE)
    assert harness.model.connection == events.ConnectionChanged(ConnectionState.ONLINE)
    assert [type(notice) for notice in harness.notices] == [events.SignedIn]


def test_sign_in_that_waits_for_the_check_of_its_password_can_be_cancelled(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    harness.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    client = harness.run_while(server.accept)
    client.send(f"[SERVER] {replies.LOGIN_PROMPT}")
    harness.until_notice(events.PasswordCheckPending)
    harness.session.cancel()
    assert harness.model.connection == events.ConnectionChanged(ConnectionState.OFFLINE)
    until(Stream(client._socket).peer_is_gone, "the server sees a reset, not an end of the input")


def test_reconnect_shows_that_the_server_checks_the_password(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    harness.sign_in(server).close()
    client = harness.run_while(server.accept)
    client.send(f"[SERVER] {replies.LOGIN_PROMPT}")
    harness.until(lambda: harness.model.connection.checking_password)
    assert harness.model.connection.state is ConnectionState.RETRYING
    assert harness.notices == [], "the chat stays in view"
    client.close()
    harness.until(lambda: not harness.model.connection.checking_password)


def test_first_sign_in_is_not_retried_even_if_retryable(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    harness.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    harness.run_while(server.accept).send(f"[ERROR] {replies.SERVER_FULL}")
    assert harness.until_notice(events.SignInFailed).retry
    assert harness.model.connection.state is ConnectionState.OFFLINE


def test_reconnect_restores_room_subscriptions_and_unconfirmed_message(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    client = harness.sign_in(server, room="dev", follows="*, alice, bob")
    assert harness.model.people.everyone
    assert harness.model.room == "dev"
    harness.session.submit("may have arrived")
    client.expect("may have arrived")
    client.reset()
    harness.until(lambda: harness.model.connection.state is not ConnectionState.ONLINE)
    assert harness.model.room == "dev"
    assert [entry.text for entry in harness.model.unconfirmed] == ["may have arrived"]
    client = harness.run_while(lambda: server.accept_login("dev"))
    harness.run_while(lambda: client.expect("/subscribe *", "/subscribe bob"))
    assert harness.model.connection.state is ConnectionState.RETRYING  # not fully restored yet
    client.send("[SERVER] Subscribed to *", "[SERVER] Subscribed to bob")
    harness.until_state(ConnectionState.ONLINE)
    assert harness.notices == []  # a reconnect needs no other screen
    assert [entry.kind for entry in harness.model.log] == [EntryKind.MESSAGE, EntryKind.GAP]

    harness.until(lambda: resend_all(harness) == 1)
    client.expect("may have arrived")
    assert [e.state for e in harness.model.log if e.kind is EntryKind.MESSAGE] == [
        EntryState.RESENT,
        EntryState.PENDING,
    ]
    client.send("[12:00:00] alice: may have arrived")
    harness.until(lambda: harness.model.log[2].state is EntryState.SENT)
    assert resend_all(harness) == 0


def test_text_typed_while_disconnected_is_returned(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    harness.sign_in(server).close()
    harness.until(lambda: harness.model.connection.state is not ConnectionState.ONLINE)
    harness.session.submit("one\ntwo")
    assert harness.until_notice(events.TextReturned).text == "one\ntwo"
    assert len(harness.model.history) == 1
    harness.session.join("dev")
    assert harness.texts()[-1] == "Not connected"
    harness.session.toggle_follow("bob")


def test_connection_loss_during_join_returns_text_and_rejoins_room(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    client = harness.sign_in(server)
    harness.session.join("dev")
    harness.session.submit("for dev")
    client.expect("/join dev")
    client.close()
    assert harness.until_notice(events.TextReturned).text == "for dev"
    harness.run_while(lambda: server.accept_login("dev"))


def test_forced_logout_is_never_retried(harness: SessionHarness, server: ScriptedServer) -> None:
    client = harness.sign_in(server)
    client.send(f"[SERVER] {replies.LOGGED_OUT_BY_NEW_LOGIN}")
    client.close()
    gone = harness.until_notice(events.SignedOut)
    assert gone == events.SignedOut(replies.LOGGED_OUT_BY_NEW_LOGIN)
    assert harness.model.connection == events.ConnectionChanged(
        ConnectionState.OFFLINE, replies.LOGGED_OUT_BY_NEW_LOGIN
    )
    harness.session.retry_now()
    for _ in range(5):
        harness.run_once()
    assert harness.model.connection.state is ConnectionState.OFFLINE
    assert harness.notices == []


def test_manual_sign_in_of_same_user_keeps_log(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    client = harness.sign_in(server)
    client.send("[12:00:00] bob: hi", f"[SERVER] {replies.LOGGED_OUT_ACCOUNT_REMOVED}")
    harness.until_notice(events.SignedOut)
    harness.sign_in(server)
    kinds = [entry.kind for entry in harness.model.log]
    assert kinds == [EntryKind.MESSAGE, EntryKind.SERVER, EntryKind.GAP]


def test_sign_in_of_other_user_clears_log(harness: SessionHarness, server: ScriptedServer) -> None:
    client = harness.sign_in(server)
    client.send("[12:00:00] bob: for alice")
    harness.until_text("for alice")
    harness.session.cancel()
    assert harness.model.connection.state is ConnectionState.OFFLINE
    assert harness.texts() == ["for alice"]
    harness.session.sign_in("127.0.0.1", server.port, "bob", "hidden", plaintext=True)
    client = harness.run_while(server.accept)
    harness.run_while(lambda: client.accept_login("bob", "hidden"))
    harness.until_notice(events.SignedIn)
    assert harness.texts() == []
    assert harness.model.user == "bob"


def test_session_reconnects_after_server_restart(harness: SessionHarness) -> None:
    first = ScriptedServer()
    client = harness.sign_in(first)
    client.send(f"[SERVER] {replies.SHUTTING_DOWN}")
    first.close()
    harness.until_state(ConnectionState.WAITING)
    assert harness.model.connection.reason in (
        replies.SHUTTING_DOWN,
        f"Nothing listens at 127.0.0.1 port {first.port}",
    )
    assert replies.SHUTTING_DOWN in harness.texts()
    second = ScriptedServer(first.port)
    harness.run_while(second.accept_login)
    harness.until_state(ConnectionState.ONLINE)
    second.close()


@pytest.mark.parametrize(
    "rejection", [replies.SERVER_FULL, replies.TOO_MANY_CONNECTIONS, replies.SHUTTING_DOWN]
)
def test_temporary_rejections_do_not_stop_reconnecting(
    harness: SessionHarness, server: ScriptedServer, rejection: str
) -> None:
    harness.sign_in(server).close()
    for _ in range(2):
        client = harness.run_while(server.accept)
        mark = "[SERVER]" if rejection == replies.SHUTTING_DOWN else "[ERROR]"
        client.send(f"{mark} {rejection}")
        client.close()
        harness.until(lambda: harness.model.connection.reason == rejection)
    harness.run_while(server.accept_login)
    harness.until_state(ConnectionState.ONLINE)
    assert harness.notices == []


def test_reconnect_waits_for_login_throttle(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    harness.sign_in(server).close()
    client = harness.run_while(server.accept)
    client.send(f"[SERVER] {replies.LOGIN_PROMPT}", f"[ERROR] {replies.too_many_failures(42)}")
    harness.until(lambda: "try again in 42 s" in harness.model.connection.reason)
    assert harness.model.connection.state is ConnectionState.WAITING
    assert harness.model.connection.retry_in is not None
    assert harness.model.connection.retry_in >= 41
    harness.session.retry_now()  # the user does not wait
    harness.run_while(server.accept_login)
    harness.until_state(ConnectionState.ONLINE)


def test_failed_authentication_stops_reconnecting(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    harness.sign_in(server).close()
    client = harness.run_while(server.accept)
    client.send(f"[SERVER] {replies.LOGIN_PROMPT}", f"[ERROR] {replies.AUTHENTICATION_FAILED}")
    assert harness.until_notice(events.SignInFailed).reason == "Authentication failed"
    assert harness.model.connection.state is ConnectionState.OFFLINE


def test_typed_quit_signs_out(harness: SessionHarness, server: ScriptedServer) -> None:
    client = harness.sign_in(server)
    harness.session.submit("/quit")
    client.expect("/quit")
    client.send("[SERVER] Goodbye")
    client.close()
    assert harness.until_notice(events.SignedOut).requested
    assert harness.model.connection.state is ConnectionState.OFFLINE


def test_typed_quit_signs_out_while_disconnected(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    harness.sign_in(server).close()
    harness.until(lambda: harness.model.connection.state is not ConnectionState.ONLINE)
    harness.session.cancel()
    harness.session.submit("/quit")
    assert harness.until_notice(events.SignedOut).requested


def test_cancel_of_unanswered_sign_in_closes_connection(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    harness.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    client = harness.run_while(server.accept)
    harness.session.cancel()
    assert harness.model.connection.state is ConnectionState.OFFLINE
    assert harness.run_while(client.read_line) == ""
    assert harness.notices == []


def test_sign_in_to_other_server_closes_first_connection(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    first = harness.sign_in(server)
    other = ScriptedServer()
    harness.sign_in(other)
    assert first.read_line() == ""
    assert harness.model.server == f"127.0.0.1:{other.port}"
    other.close()


def test_close_sends_pending_text(harness: SessionHarness, server: ScriptedServer) -> None:
    client = harness.sign_in(server)
    harness.session.submit("bye")
    harness.session.close()
    assert client.read_line() == "bye"
    assert client.read_line() == ""


def test_close_does_not_wait_for_silent_server(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    client = harness.sign_in(server)
    harness.close()  # the server sends nothing and does not close its end
    assert client.read_line() == ""


def test_close_does_not_wait_for_server_that_does_not_read(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    harness.sign_in(server)
    for _ in range(4000):  # far more than the kernel's buffers hold
        harness.session.submit("x" * 4000)
    connection = harness.session._connection
    assert connection is not None
    assert connection._outgoing, "some lines are not sent yet"
    harness.close()  # the server never reads them


def test_close_does_not_wait_until_input_is_read(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    client = harness.sign_in(server)
    flood = b"[12:00:00] bob: hello\n" * 20_000
    harness.run_while(lambda: client.send_bytes(flood))
    harness.close()


def test_message_flood_is_pumped_in_bounded_batches(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    client = harness.sign_in(server)
    before = harness.wakes
    flood = b"".join(b"[12:00:00] bob: %d\n" % n for n in range(30_000))
    harness.run_while(lambda: client.send_bytes(flood))
    harness.until_text("29999")
    assert [entry.text for entry in harness.model.log] == [str(n) for n in range(20_000, 30_000)]
    assert harness.wakes - before < 3000


def test_pump_processes_at_most_max_events(harness: SessionHarness, server: ScriptedServer) -> None:
    client = harness.sign_in(server)
    client.send(*(f"[12:00:00] bob: {n}" for n in range(100)))
    harness.until_arrived(100)
    for turn in range(1, 4):
        assert harness.session.pump(max_events=7, max_seconds=60)
        assert harness.model.log.end == 7 * turn
    wakes = harness.wakes
    client.send("[12:00:00] bob: more")
    harness.until_arrived(80)
    assert harness.wakes == wakes  # after True, `wake` is not called
    assert not harness.session.pump(max_seconds=60)
    assert harness.texts()[-1] == "more"


def test_pump_stops_after_max_seconds(harness: SessionHarness, server: ScriptedServer) -> None:
    client = harness.sign_in(server)
    client.send(*(f"[12:00:00] bob: {n}" for n in range(100)))
    harness.until_arrived(100)
    assert harness.session.pump(max_seconds=0)
    assert 0 < harness.model.log.end < 100


def test_line_received_byte_by_byte_is_decoded(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    client = harness.sign_in(server)
    for byte in "[12:00:00] bob: Zo\u00eb \U0001f600\r\n".encode():
        client.send_bytes(bytes([byte]))
    harness.until_text("Zo\u00eb \U0001f600")


def test_invalid_utf8_is_replaced(harness: SessionHarness, server: ScriptedServer) -> None:
    client = harness.sign_in(server)
    client.send_bytes(b"[12:00:00] bob: caf\xe9\n\xff\xfe\x00\n[SERVER] \x1b[2J\n")
    harness.until_text("\u241b[2J")
    assert harness.texts() == ["caf\ufffd", "\ufffd\ufffd\u2400", "\u241b[2J"]


def test_oversize_line_is_reported_and_longest_line_accepted(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    client = harness.sign_in(server)
    longest = "y" * (CLIENT_RECEIVE_LIMIT - 1 - len("[12:00:00] bob: "))
    harness.run_while(
        lambda: client.send(
            f"[12:00:00] bob: {longest}",
            "z" * CLIENT_RECEIVE_LIMIT,
            "[12:00:00] bob: and on it goes",
        )
    )
    harness.until_text("and on it goes")
    first, second, _ = harness.texts()
    assert first == longest
    assert "65536" in second


def test_unterminated_last_line_is_processed(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    client = harness.sign_in(server)
    client.send_bytes(f"[SERVER] {replies.LOGGED_OUT_BY_NEW_LOGIN}".encode())
    client.close()
    harness.until_notice(events.SignedOut)


def test_sign_in_to_non_chat_server_fails(harness: SessionHarness, server: ScriptedServer) -> None:
    harness.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    harness.run_while(server.accept).send("SSH-2.0-OpenSSH_9.2p1 Debian-2")
    assert "No chat server" in harness.until_notice(events.SignInFailed).reason


def test_legacy_server_gets_one_line_at_a_time(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    """A legacy server takes each `recv` for one line, so each line waits for the previous reply."""
    harness.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    client = harness.run_while(server.accept)

    def expect_recv(line: str) -> None:
        assert client.recv() == f"{line}\n"

    client.send("[SERVER] Welcome to the chat server", f"[SERVER] {replies.LOGIN_PROMPT}")
    harness.run_while(lambda: expect_recv("LOGIN alice secret"))
    client.send(
        "[SERVER] Login successful",
        "[SERVER] Available commands: /join, /leave, /rooms, /subscribe, /unsubscribe, /subs",
    )
    harness.run_while(lambda: expect_recv("/subscribe alice"))
    client.send("[SERVER] Subscribed to alice")
    harness.run_while(lambda: expect_recv("/rooms"))
    client.send("[SERVER] Active rooms: dev, lobby")
    harness.run_while(lambda: expect_recv("/subs"))
    client.send("[SERVER] Subscriptions: alice")
    harness.until(lambda: "dev" in harness.model.rooms)
    harness.session.submit("one\ntwo")
    harness.session.join("dev")
    harness.session.submit("three")
    harness.session.submit("/dance")
    assert "would publish it" in harness.until_notice(events.TextReturned).reason
    harness.run_while(lambda: expect_recv("one"))
    client.send("[12:00:00] alice: one")
    harness.run_while(lambda: expect_recv("two"))  # no echo: the next line follows 0.2 s later
    harness.run_while(lambda: expect_recv("/join dev"))
    client.send("[SERVER] Joined room 'dev'")
    harness.run_while(lambda: expect_recv("/rooms"))
    client.send("[SERVER] Active rooms: dev, lobby")
    harness.run_while(lambda: expect_recv("three"))
    assert harness.model.room == "dev"
    assert harness.texts() == ["three"]
    assert "Welcome to the chat server" in [e.text for e in harness.model.log_of("lobby").entries()]

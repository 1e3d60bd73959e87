"""ChatSession and time: timeouts, reconnect delays, the countdown, a suspended client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from chat_tui import events
from chat_tui.events import ConnectionState
from chat_tui.transport.backoff import Backoff
from tests.support.fake_clock import FakeClock
from tests.support.scripted_server import ScriptedServer
from tests.support.session_harness import SessionHarness


@pytest.fixture
def harness(clock: FakeClock) -> Iterator[SessionHarness]:
    with closing(SessionHarness(clock=clock, backoff=Backoff(lambda: 1.0))) as harness:
        yield harness


def pass_time(harness: SessionHarness, clock: FakeClock, seconds: float) -> None:
    """Let time pass in small steps, with a tick at each, as it does while the client runs."""
    end = clock.now + seconds
    while clock.now < end:
        clock.now = min(end, clock.now + 1.0)
        harness.session.tick()
    harness.notices += harness.session.take_notices()


def test_silent_server_is_pinged_and_disconnected_after_timeout(
    harness: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    client = harness.sign_in(server)
    pass_time(harness, clock, 19)
    pass_time(harness, clock, 2)
    client.expect("/subs")
    pass_time(harness, clock, 8)
    assert harness.model.connection.state is ConnectionState.ONLINE
    pass_time(harness, clock, 3)
    harness.until(lambda: harness.model.connection.state is not ConnectionState.ONLINE)
    assert harness.model.connection.reason == "The server does not answer any more"
    assert client.read_line() == ""


def test_partial_line_keeps_connection_alive(
    harness: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    client = harness.sign_in(server)
    for _ in range(5):
        pass_time(harness, clock, 18)
        connection = harness.session._connection
        assert connection is not None
        before = connection.received_at
        client.send_bytes(b"x")
        harness.until(lambda connection=connection, before=before: connection.received_at > before)  # type: ignore[misc]
    assert harness.model.connection.state is ConnectionState.ONLINE


def test_suspended_client_does_not_time_out_server(
    harness: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    client = harness.sign_in(server)
    pass_time(harness, clock, 21)
    client.expect("/subs")
    clock.now += 600  # suspended by Ctrl+Z for ten minutes
    harness.session.tick()
    assert harness.model.connection.state is ConnectionState.ONLINE
    client.send("[SERVER] Subscriptions: alice, bob")
    harness.until(harness.model.people.elsewhere)
    pass_time(harness, clock, 15)
    assert harness.model.connection.state is ConnectionState.ONLINE


def test_retry_countdown_moves_by_whole_seconds(clock: FakeClock, server: ScriptedServer) -> None:
    backoff = Backoff(lambda: 58.5)  # a first delay of 29.75 s
    with closing(SessionHarness(clock=clock, backoff=backoff)) as harness:
        harness.sign_in(server).close()
        server.close()
        harness.until_state(ConnectionState.WAITING)
        for expected in (30.0, 29.0, 28.0):
            harness.session.tick()
            assert harness.model.connection.retry_in == expected
            clock.now += 1.0


def test_reconnect_pauses_grow_until_session_is_stable(
    harness: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    delays: list[float | None] = []
    client = harness.sign_in(server)
    for seconds in (1.0, 30.0, 59.0, 61.0, 1.0):
        harness.until_state(ConnectionState.ONLINE)
        for _ in range(int(seconds)):
            pass_time(harness, clock, 1.0)
            end = harness.model.log.end
            client.send("[12:00:00] bob: still here")
            harness.until(lambda end=end: harness.model.log.end > end)  # type: ignore[misc]
        client.close()
        harness.until_state(ConnectionState.WAITING)
        delays.append(harness.model.connection.retry_in)
        clock.now += 4.0
        client = harness.run_while(server.accept_login)
    assert delays == [1.0, 2.0, 4.0, 1.0, 2.0]


def test_manual_sign_in_resets_reconnect_pauses(
    harness: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    for _ in range(3):
        client = harness.sign_in(server)
        client.close()
        harness.until_state(ConnectionState.WAITING)
        assert harness.model.connection.retry_in == 1.0


def test_missing_greeting_times_out_sign_in(
    harness: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    harness.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    client = harness.run_while(server.accept)
    harness.until(lambda: harness.session._connection is not None)
    pass_time(harness, clock, 9)
    assert harness.notices == []
    pass_time(harness, clock, 2)
    assert "No chat server" in harness.until_notice(events.SignInFailed).reason
    assert client.read_line() == ""


def test_incomplete_restore_counts_as_online_after_timeout(
    harness: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    harness.sign_in(server, follows="alice, bob").close()
    harness.until_state(ConnectionState.WAITING)
    clock.now += 1.0
    client = harness.run_while(server.accept_login)
    harness.run_while(lambda: client.expect("/subscribe bob"))  # no reply
    pass_time(harness, clock, 5)
    assert harness.model.connection.state is ConnectionState.RETRYING
    pass_time(harness, clock, 1)
    harness.until_state(ConnectionState.ONLINE)

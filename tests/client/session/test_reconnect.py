"""The session and the clock: silence, pauses, the countdown, a program that stood still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chat_tui import events
from chat_tui.events import ConnectionState
from tests.support.session_harness import ScriptedServer, SessionHarness


class FakeClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def desk(clock: FakeClock) -> Iterator[SessionHarness]:
    desk = SessionHarness(clock=clock)
    yield desk
    desk.close()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


def pass_time(desk: SessionHarness, clock: FakeClock, seconds: float) -> None:
    """Let time pass as it does while the program runs: in small steps, with a look at each."""
    end = clock.now + seconds
    while clock.now < end:
        clock.now = min(end, clock.now + 1.0)
        desk.session.tick()
    desk.notices += desk.session.take_notices()


def test_silent_server_is_pinged_and_disconnected_after_timeout(
    desk: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    client = desk.sign_in(server)
    pass_time(desk, clock, 19)
    pass_time(desk, clock, 2)
    client.expect("/subs")
    pass_time(desk, clock, 8)
    assert desk.model.connection.state is ConnectionState.ONLINE
    pass_time(desk, clock, 3)
    desk.until(lambda: desk.model.connection.state is not ConnectionState.ONLINE)
    assert desk.model.connection.reason == "The server does not answer any more"
    assert client.line() == ""


def test_partial_line_keeps_connection_alive(
    desk: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    client = desk.sign_in(server)
    for _ in range(5):
        pass_time(desk, clock, 18)
        connection = desk.session._connection
        assert connection is not None
        before = connection.heard_at
        client.say_bytes(b"x")
        desk.until(lambda connection=connection, before=before: connection.heard_at > before)  # type: ignore[misc]
    assert desk.model.connection.state is ConnectionState.ONLINE


def test_suspended_client_does_not_time_out_server(
    desk: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    client = desk.sign_in(server)
    pass_time(desk, clock, 21)
    client.expect("/subs")
    clock.now += 600  # Ctrl+Z, and ten minutes later fg
    desk.session.tick()
    assert desk.model.connection.state is ConnectionState.ONLINE
    client.say("[SERVER] Subscriptions: alice, bob")
    desk.until(desk.model.people.elsewhere)
    pass_time(desk, clock, 15)
    assert desk.model.connection.state is ConnectionState.ONLINE


def test_retry_countdown_moves_by_whole_seconds(
    desk: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    desk.sign_in(server).close()
    server.close()
    desk.until_state(ConnectionState.WAITING)
    assert desk.model.connection.retry_in == 1.0
    for expected in (30.0, 29.0, 28.0):
        if expected == 30.0:
            desk.session._reconnector._retry_at = clock.now + 30.0
        desk.session.tick()
        assert desk.model.connection.retry_in == expected
        clock.now += 1.0


def test_reconnect_pauses_grow_until_session_is_stable(
    desk: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    pauses: list[float] = []
    client = desk.sign_in(server)
    for lasts in (1.0, 30.0, 59.0, 61.0, 1.0):
        desk.until_state(ConnectionState.ONLINE)
        for _ in range(int(lasts)):
            pass_time(desk, clock, 1.0)
            heard = desk.model.log.end
            client.say("[12:00:00] bob: still here")
            desk.until(lambda heard=heard: desk.model.log.end > heard)  # type: ignore[misc]
        client.close()
        desk.until_state(ConnectionState.WAITING)
        assert desk.session._reconnector._retry_at is not None
        pauses.append(round((desk.session._reconnector._retry_at - clock.now) / 0.05, 3))
        clock.now += 3.0
        client = desk.during(server.let_in)
    assert pauses == [1.0, 2.0, 4.0, 1.0, 2.0]


def test_manual_sign_in_resets_reconnect_pauses(
    desk: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    for _ in range(3):
        client = desk.sign_in(server)
        client.close()
        desk.until_state(ConnectionState.WAITING)
        assert desk.session._reconnector._retry_at is not None
        assert desk.session._reconnector._retry_at - clock.now == pytest.approx(0.05)


def test_missing_greeting_times_out_sign_in(
    desk: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    desk.session.sign_in("127.0.0.1", server.port, "alice", "secret", plaintext=True)
    client = desk.during(server.accept)
    desk.until(lambda: desk.session._protocol is not None)
    pass_time(desk, clock, 9)
    assert desk.notices == []
    pass_time(desk, clock, 2)
    assert "No chat server" in desk.until_notice(events.SignInFailed).reason
    assert client.line() == ""


def test_incomplete_restore_counts_as_online_after_timeout(
    desk: SessionHarness, clock: FakeClock, server: ScriptedServer
) -> None:
    desk.sign_in(server, follows="alice, bob").close()
    desk.until_state(ConnectionState.WAITING)
    clock.now += 1.0
    client = desk.during(server.let_in)
    desk.during(lambda: client.expect("/subscribe bob"))  # and no answer
    pass_time(desk, clock, 5)
    assert desk.model.connection.state is ConnectionState.RETRYING
    pass_time(desk, clock, 1)
    desk.until_state(ConnectionState.ONLINE)

"""A session whose account has several servers: the next one takes over, and nothing is lost."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chat_server.wire import replies
from chat_tui import events
from chat_tui.account import Address
from chat_tui.events import ConnectionState
from chat_tui.model.entries import EntryState
from tests.support.accounts import write_accounts_file
from tests.support.restartable_server import RestartableServer
from tests.support.scripted_server import ScriptedServer
from tests.support.session_harness import SessionHarness

UNREACHABLE = f"[ERROR] {replies.SERVERS_UNREACHABLE}"


@pytest.fixture
def other() -> Iterator[ScriptedServer]:
    with closing(ScriptedServer()) as other:
        yield other


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def sign_in(harness: SessionHarness, *ports: int, waits_for_servers: bool = False) -> None:
    first, *others = [("127.0.0.1", port) for port in ports]
    harness.session.sign_in(
        *first,
        "alice",
        "secret",
        plaintext=True,
        others=others,
        waits_for_servers=waits_for_servers,
    )


def reject(server: ScriptedServer, line: str) -> None:
    client = server.accept()
    client.send(f"[SERVER] {replies.LOGIN_PROMPT}", line)
    client.close()


def test_first_sign_in_tries_the_servers_in_order(
    harness: SessionHarness, closed_port: int, server: ScriptedServer, other: ScriptedServer
) -> None:
    sign_in(harness, closed_port, server.port, other.port)
    harness.run_while(lambda: reject(server, f"[ERROR] {replies.SERVER_FULL}"))
    harness.run_while(other.accept_login)
    harness.until_notice(events.SignedIn)
    harness.until_state(ConnectionState.ONLINE)
    assert harness.notices == []
    assert harness.model.connection.server == f"127.0.0.1:{other.port}"
    assert harness.model.server == f"127.0.0.1:{closed_port}"  # names the account


def test_wrong_password_is_not_tried_at_the_next_server(
    harness: SessionHarness, server: ScriptedServer, other: ScriptedServer
) -> None:
    sign_in(harness, server.port, other.port)
    harness.run_while(lambda: reject(server, f"[ERROR] {replies.AUTHENTICATION_FAILED}"))
    assert harness.until_notice(events.SignInFailed).reason == replies.AUTHENTICATION_FAILED
    assert harness.model.connection.state is ConnectionState.OFFLINE


def test_first_sign_in_fails_once_each_server_has_failed(
    harness: SessionHarness, closed_port: int, server: ScriptedServer
) -> None:
    sign_in(harness, closed_port, server.port)
    harness.run_while(lambda: reject(server, f"[ERROR] {replies.SERVER_FULL}"))
    assert harness.until_notice(events.SignInFailed).reason == replies.SERVER_FULL
    assert harness.model.connection.state is ConnectionState.OFFLINE


def test_lost_session_continues_at_another_server(
    harness: SessionHarness, server: ScriptedServer, other: ScriptedServer
) -> None:
    sign_in(harness, server.port, other.port)
    client = harness.run_while(server.accept_login)
    harness.until_state(ConnectionState.ONLINE)
    client.send("[12:00:00] bob: before")
    harness.until_text("before")
    client.close()
    harness.run_while(other.accept_login)
    harness.until_state(ConnectionState.ONLINE)
    assert harness.model.connection.server == f"127.0.0.1:{other.port}"
    assert "before" in harness.texts()  # the log goes on: it is the same chat
    harness.until_notice(events.SignedIn)
    assert harness.notices == []


def test_user_chooses_another_server(
    harness: SessionHarness, server: ScriptedServer, other: ScriptedServer
) -> None:
    sign_in(harness, server.port, other.port)
    harness.run_while(server.accept_login)
    harness.until_state(ConnectionState.ONLINE)
    address: Address = ("127.0.0.1", other.port)
    assert harness.session.servers == (("127.0.0.1", server.port), address)
    harness.session.use_server(address)
    harness.run_while(other.accept_login)
    harness.until_state(ConnectionState.ONLINE)
    assert harness.session.address == address


def test_delay_is_between_two_rounds_of_all_servers(
    harness: SessionHarness, server: ScriptedServer, other: ScriptedServer
) -> None:
    sign_in(harness, server.port, other.port)
    client = harness.run_while(server.accept_login)
    harness.until_state(ConnectionState.ONLINE)
    delays: list[ConnectionState] = []
    apply = harness.model.apply

    def record(event: events.Event) -> None:
        if isinstance(event, events.ConnectionChanged):
            delays.append(event.state)
        apply(event)

    harness.model.apply = record  # type: ignore[method-assign]
    client.close()
    full = f"[ERROR] {replies.SERVER_FULL}"
    harness.run_while(lambda: reject(other, full))
    harness.run_while(lambda: reject(server, full))
    harness.until(lambda: delays.count(ConnectionState.WAITING) == 2)
    waiting, retrying = ConnectionState.WAITING, ConnectionState.RETRYING
    assert [state for state in delays if state in (waiting, retrying)][:4] == [
        waiting,
        retrying,
        retrying,
        waiting,
    ]


def test_first_sign_in_waits_while_the_servers_cannot_reach_each_other(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    sign_in(harness, server.port, waits_for_servers=True)
    harness.run_while(lambda: reject(server, UNREACHABLE))
    harness.until_notice(events.SignInPostponed)
    assert harness.model.connection.state in (ConnectionState.WAITING, ConnectionState.RETRYING)
    harness.run_while(lambda: reject(server, UNREACHABLE))
    harness.run_while(server.accept_login)
    harness.until_notice(events.SignedIn)
    harness.until_state(ConnectionState.ONLINE)
    assert not any(isinstance(notice, events.SignInFailed) for notice in harness.notices)


def test_waiting_sign_in_can_be_cancelled(harness: SessionHarness, server: ScriptedServer) -> None:
    sign_in(harness, server.port, waits_for_servers=True)
    harness.run_while(lambda: reject(server, UNREACHABLE))
    harness.until_notice(events.SignInPostponed)
    harness.session.cancel()
    assert harness.model.connection.state is ConnectionState.OFFLINE
    harness.run_once()
    assert harness.model.connection.state is ConnectionState.OFFLINE


def test_sign_in_of_a_script_fails_if_the_servers_cannot_reach_each_other(
    harness: SessionHarness, server: ScriptedServer
) -> None:
    sign_in(harness, server.port)
    harness.run_while(lambda: reject(server, UNREACHABLE))
    assert harness.until_notice(events.SignInFailed).retry


def test_client_comes_back_to_the_second_real_server_when_the_first_stops(
    harness: SessionHarness, tmp_path: Path
) -> None:
    users = write_accounts_file(tmp_path / "users.json")
    with closing(RestartableServer(users)) as first, closing(RestartableServer(users)) as second:
        first.start()
        bob = second.start().log_in("bob")
        harness.session.sign_in(
            "127.0.0.1",
            first.port,
            "alice",
            "pw-of-alice",
            follow_everyone=True,
            others=[("127.0.0.1", second.port)],
        )
        harness.until_notice(events.SignedIn)
        harness.until_state(ConnectionState.ONLINE)
        harness.session.submit("at the first")
        harness.until(lambda: harness.until_text("at the first").state is EntryState.SENT)
        first.stop()
        harness.until(
            lambda: harness.model.connection.server == f"127.0.0.1:{second.port}", "other server"
        )
        harness.session.submit("at the second")
        bob.expect_message("alice", "at the second")
        bob.send("hello")
        harness.until_text("hello")
        assert "at the first" in harness.texts()

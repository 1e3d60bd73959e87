"""Admission of connections (protocol, section 2), over a real socket."""

from __future__ import annotations

import pytest

from chat_server.addresses import parse_network
from chat_server.wire import replies
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

PROMPT = f"[SERVER] {replies.LOGIN_PROMPT}"
REJECTED = "[ERROR] Too many connections from your address; try again later"


def connect_without_login(server: RunningServer, times: int) -> None:
    """Connect and close without a login. Return when the server has noticed."""
    before = server.server.client_count
    for _ in range(times):
        client = server.connect()
        client.expect(PROMPT)
        client.close()
    until(lambda: server.server.client_count == before, "the connections are closed")


def test_connections_without_login_are_rejected_and_sessions_continue(
    start_server: StartServer,
) -> None:
    server = start_server(limit_loopback_without_login=True)
    alice = server.log_in("alice")
    connect_without_login(server, 32)
    rejected = server.connect()
    rejected.send(
        "LOGIN bob pw-of-bob"
    )  # the server does not read it, and must not lose its own line to a reset
    rejected.expect(REJECTED)
    rejected.expect_end()
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice"


def test_default_limit_of_connections_without_login_is_32(start_server: StartServer) -> None:
    server = start_server(limit_loopback_without_login=True)
    connect_without_login(server, 31)
    server.log_in("alice")


def test_logged_in_clients_of_one_address_can_reconnect_without_limit(
    start_server: StartServer,
) -> None:
    server = start_server(limit_loopback_without_login=True, connections_without_login=2)
    for _ in range(6):
        # All connect before the first one logs in, as after a restart.
        clients = {name: server.connect() for name in ("alice", "bob", "carol", "dave", "DPS")}
        for client in clients.values():
            client.expect(PROMPT)
        for name, client in clients.items():
            client.send(f"LOGIN {name} pw-of-{name}")
            client.expect("[SERVER] Login successful")
        for client in clients.values():
            client.close()
    server.log_in("alice")


def fail_login(server: RunningServer, credentials: str) -> None:
    client = server.connect()
    client.send(f"LOGIN {credentials}")
    client.expect(PROMPT)
    client.expect_match(r"\[ERROR\] (Authentication failed|Too many failed logins; .*)")
    client.expect_end()


def test_wrong_passwords_of_one_user_do_not_reject_connections_of_others_at_the_address(
    start_server: StartServer,
) -> None:
    server = start_server(
        limit_loopback_without_login=True, connections_without_login=3, login_failures=2
    )
    alice = server.log_in("alice")
    for _ in range(6):
        fail_login(server, "bob guess")
    until(lambda: server.server.client_count == 1, "the connections are closed")
    server.log_in("alice")  # the newest login wins
    alice.expect("[SERVER] Logged out due to new login")


def test_wrong_passwords_from_unknown_address_count_as_connections_without_login(
    start_server: StartServer,
) -> None:
    server = start_server(limit_loopback_without_login=True, connections_without_login=3)
    for _ in range(3):
        fail_login(server, "alice guess")
    until(lambda: server.server.client_count == 0, "the connections are closed")
    server.connect().expect(REJECTED)


def test_rejected_connection_does_not_count_as_connection_without_login(
    start_server: StartServer,
) -> None:
    server = start_server(
        limit_loopback_without_login=True,
        connections_without_login=1,
        connections_without_login_window=0.5,
    )
    connect_without_login(server, 1)
    rejected = 0

    def is_admitted() -> bool:
        nonlocal rejected
        with WireClient("127.0.0.1", server.port) as client:
            if client.read_line() == PROMPT:
                return True
        rejected += 1
        return False

    until(is_admitted, "a client that keeps reconnecting is admitted")
    assert rejected
    # The log has one line for any number of them.
    assert server.log.getvalue().count("[!] Refused ") == 1
    assert "did not log in" in server.log.getvalue()


@pytest.mark.parametrize("settings", [{}, {"trusted": (parse_network("127.0.0.0/8"),)}])
def test_loopback_and_trusted_networks_are_exempt_except_from_login_throttle(
    start_server: StartServer, settings: dict[str, object]
) -> None:
    if settings:
        settings = {**settings, "limit_loopback": True, "limit_loopback_without_login": True}
    server = start_server(
        connections_without_login=1, max_connections_per_ip=1, login_failures=2, **settings
    )
    connect_without_login(server, 3)
    for _ in range(2):
        client = server.connect()
        client.send("LOGIN alice wrong")
        client.expect(PROMPT, "[ERROR] Authentication failed")
    client = server.connect()
    client.send("LOGIN alice pw-of-alice")
    client.expect(PROMPT)
    client.expect_match(r"\[ERROR\] Too many failed logins; try again in \d+ s")

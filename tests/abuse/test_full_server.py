"""A server without free places: who is disconnected, and who gets in."""

from __future__ import annotations

import threading

from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import until
from tests.support.wire_client import WireClient

PROMPT = "[SERVER] Login using: LOGIN <username> <password>"
FULL = "[ERROR] Server is full; try again later"


def strangers(server: RunningServer, number: int) -> list[WireClient]:
    clients = []
    for _ in range(number):
        client = server.connect()
        client.expect(PROMPT)
        clients.append(client)
    return clients


def test_user_logs_in_while_clients_without_login_fill_the_server(
    start_server: StartServer,
) -> None:
    server = start_server(max_clients=8, rate=0)
    idle = strangers(server, 8)
    alice = server.log_in("alice")
    bob = server.log_in("bob")
    assert alice.request("/who") == bob.request("/who") == "[SERVER] In room 'lobby': alice, bob"
    for client in idle[:2]:
        client.expect(FULL)
        client.expect_end()
    assert "another connection needed its place before it logged in" in server.log.getvalue()


def test_member_places_are_not_taken_by_clients_without_login(start_server: StartServer) -> None:
    server = start_server(max_clients=8, member_places=5)
    idle = strangers(server, 6)
    for client in idle[:3]:
        client.expect(FULL)
        client.expect_end()
    until(lambda: server.server.client_count == 3, "three have a place")


def test_operator_gets_into_a_server_that_is_full_of_users(start_server: StartServer) -> None:
    server = start_server(max_clients=8, operators=frozenset({"carol"}), rate=0)
    users = [f"user{number}" for number in range(7)]
    server.add_accounts(users)
    for user in users[:6]:
        server.log_in(user)
    (late,) = strangers(server, 1)
    late.send(f"LOGIN {users[6]} pw-of-{users[6]}")
    late.expect(FULL)
    late.expect_end()
    carol = server.log_in("carol")
    assert carol.request("/kick user0") == "[SERVER] Kicked user0"
    assert f"Refused login for '{users[6]}' from 127.0.0.1" in server.log.getvalue()


def test_operator_gets_in_while_rejected_logins_linger(start_server: StartServer) -> None:
    server = start_server(
        max_clients=8, operators=frozenset({"carol"}), rate=0, linger_seconds=600.0
    )
    users = [f"user{number}" for number in range(6)]
    server.add_accounts(users)
    for user in users:
        server.log_in(user)
    for number in (1, 2):
        lingering = server.connect(source=f"127.0.5.{number}")
        lingering.expect(PROMPT)
        lingering.send("LOGIN nobody guess")
        lingering.expect("[ERROR] Authentication failed")
    server.log_in("carol")


def test_user_types_a_login_while_clients_of_many_networks_fill_the_server(
    start_server: StartServer,
) -> None:
    server = start_server(max_clients=8)
    server.log_in("alice", source="127.0.6.1").close()
    typing = server.connect(source="127.0.6.1")
    typing.expect(PROMPT)
    for number in range(20):
        server.connect(source=f"127.0.7.{number}").expect(PROMPT)
    typing.send("LOGIN alice pw-of-alice")
    typing.expect("[SERVER] Login successful")


def test_operators_get_into_a_small_server(start_server: StartServer) -> None:
    operators = ("carol", "dave", "DPS")
    server = start_server(max_clients=8, operators=frozenset(operators), rate=0)
    users = [f"user{number}" for number in range(4)]
    server.add_accounts(users)
    for user in users:
        server.log_in(user)
    strangers(server, 4)
    for operator in operators:
        server.log_in(operator)


def test_operator_gets_into_a_server_with_two_places(start_server: StartServer) -> None:
    server = start_server(max_clients=2, operators=frozenset({"carol"}), rate=0)
    server.log_in("alice")
    strangers(server, 3)
    server.log_in("carol")


def test_user_with_a_session_may_log_in_again_on_a_full_server(start_server: StartServer) -> None:
    server = start_server(max_clients=8, operators=frozenset({"carol"}), rate=0)
    users = [f"user{number}" for number in range(6)]
    server.add_accounts(users)
    sessions = [server.log_in(user) for user in users]
    server.log_in("user0")
    sessions[0].expect("[SERVER] Logged out due to new login")


def test_flood_of_connections_leaves_no_thread_or_place_behind(start_server: StartServer) -> None:
    server = start_server(max_clients=10)
    threads = threading.active_count()
    for client in strangers(server, 150):
        client.close()
    until(lambda: server.server.client_count == 0, "all have gone")
    until(lambda: threading.active_count() == threads, "their threads have ended")
    server.log_in("alice")

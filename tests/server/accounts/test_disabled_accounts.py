"""Accounts that are disabled, enabled or renamed while the server runs."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from chat_server.accounts.file_editor import (
    disable_account,
    enable_account,
    remove_account,
    rename_account,
)
from tests.support.accounts import write_accounts_file
from tests.support.running_server import RunningServer, StartServer
from tests.support.server_program import ServerProgram
from tests.support.wire_client import WireClient

PROMPT = "[SERVER] Login using: LOGIN <username> <password>"


def disable(server: RunningServer, name: str) -> None:
    disable_account(server.config.users, name)
    server.server.reload_accounts()


def enable(server: RunningServer, name: str) -> None:
    enable_account(server.config.users, name)
    server.server.reload_accounts()


def expect_login_fails(server: RunningServer, user: str) -> None:
    client = server.connect()
    client.expect(PROMPT)
    client.send(f"LOGIN {user} pw-of-{user}")
    client.expect("[ERROR] Authentication failed")
    client.expect_end()


def test_disabling_account_ends_session_and_rejects_login(server: RunningServer) -> None:
    alice, bob = server.log_in("alice"), server.log_in("bob")
    disable(server, "alice")
    alice.expect("[SERVER] Logged out: this account was disabled")
    alice.expect_end()
    expect_login_fails(server, "alice")
    assert bob.request("/who") == "[SERVER] In room 'lobby': bob"
    log = server.log.getvalue()
    assert "[-] User 'alice' logged out: account disabled" in log
    assert "[!] Failed login for 'alice' from 127.0.0.1:" in log


def test_login_to_disabled_account_counts_as_failure(start_server: StartServer) -> None:
    server = start_server(login_failures=2)
    disable(server, "alice")
    for _ in range(2):
        expect_login_fails(server, "alice")
    client = server.connect()
    client.expect(PROMPT)
    client.send("LOGIN bob pw-of-bob")
    client.expect_match(r"\[ERROR\] Too many failed logins; try again in \d+ s")


def test_enabling_account_restores_subscriptions_to_it(server: RunningServer) -> None:
    alice, bob = server.log_in("alice", subscribe="bob"), server.log_in("bob", subscribe="alice")
    disable(server, "alice")
    alice.expect("[SERVER] Logged out: this account was disabled")
    assert bob.request("/subs") == "[SERVER] Subscriptions: alice"
    carol = server.log_in("carol")
    assert carol.request("/subscribe alice") == "[SERVER] Subscribed to alice"
    enable(server, "alice")
    back = server.log_in("alice")
    assert back.request("/subs") == "[SERVER] Subscriptions: bob"
    back.send("hello again")
    bob.expect_message("alice", "hello again")
    carol.expect_message("alice", "hello again")


def test_renaming_account_ends_session_of_old_name(server: RunningServer) -> None:
    alice = server.log_in("alice")
    rename_account(server.config.users, "alice", "alicia")
    server.server.reload_accounts()
    alice.expect("[SERVER] Logged out: this account was removed")
    expect_login_fails(server, "alice")
    client = server.connect()
    client.expect(PROMPT)
    client.send("LOGIN alicia pw-of-alice")
    client.expect("[SERVER] Login successful")


def test_logins_racing_with_disabling_do_not_stay(start_server: StartServer) -> None:
    # Any number of them may be too late. The throttle must not reject one for it.
    server = start_server(rate=0, login_failures=0)
    bob = server.log_in("bob")
    start = threading.Barrier(21)
    last: list[str | None] = []

    def log_in(client: WireClient) -> None:
        start.wait(10)
        client.send("LOGIN alice pw-of-alice")
        lines = []
        while (line := client.read_line()) is not None:
            lines.append(line)
        last.append(lines[-1])

    clients = [server.connect() for _ in range(20)]
    threads = [threading.Thread(target=log_in, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    start.wait(10)
    disable(server, "alice")
    for thread in threads:
        thread.join(20)
    assert len(last) == 20, "every connection was closed"
    assert set(last) <= {
        "[SERVER] Logged out: this account was disabled",
        "[SERVER] Logged out due to new login",
        "[ERROR] Authentication failed",
    }
    assert bob.request("/who") == "[SERVER] In room 'lobby': bob"


@pytest.mark.parametrize(
    ("command", "farewell"),
    [("disable", "account was disabled"), ("remove", "account was removed")],
)
def test_server_process_notices_account_change_within_one_second(
    tmp_path: Path, command: str, farewell: str
) -> None:
    with ServerProgram(tmp_path / "users.json") as program, program.log_in("alice") as alice:
        change = disable_account if command == "disable" else remove_account
        change(program.users, "alice")
        line = alice.read_line(timeout=1.0)
        assert line == f"[SERVER] Logged out: this {farewell}"


def test_insecure_users_file_is_logged_at_start(tmp_path: Path) -> None:
    users = write_accounts_file(tmp_path / "users.json")
    users.chmod(0o644)
    with ServerProgram(users) as program:
        assert f"{users} can be read or written by others (mode 0644)" in program.log
    users.chmod(0o600)
    with ServerProgram(users, log=tmp_path / "second.log") as program:
        program.log_in("alice").close()
        assert "can be read" not in program.log

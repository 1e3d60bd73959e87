"""Accounts that change while the server runs: renames, removal and creation."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from chat_server.accounts.file_editor import rename_account
from tests.server.history.in_process import InProcessServer
from tests.server.history.pages import read_page
from tests.support.running_server import StartServer

NOON = 1_795_348_800_000_000


def test_account_renamed_twice_while_the_file_is_locked_keeps_everything(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    server = InProcessServer(file, {"alice", "bob"}, NOON)
    server.log_in("alice")
    server.publish("alice", ["hello"])
    server.log_in("bob")
    server.request("bob", "/subscribe alice")
    server.request("alice", "/msg bob a secret")
    assert len(server.request("alice", "/history")) == 3
    with closing(sqlite3.connect(file, isolation_level=None)) as other_process:
        other_process.execute("BEGIN IMMEDIATE")
        server.rename("alice", "alicia")
        server.rename("alicia", "alina")
        other_process.execute("ROLLBACK")
    server.log_in("alina")
    page = server.request("alina", "/history")
    assert [line.partition("] ")[2] for line in page[1:-1]] == ["alina: hello"]
    private = server.request("bob", "/history with alina")
    assert [line.partition("] ")[2] for line in private[1:-1]] == ["alina -> bob: a secret"]
    assert server.request("bob", "/subs") == ["[SERVER] Subscriptions: alina"]
    server.stop()


def test_rename_of_account_keeps_its_past(start_server: StartServer, tmp_path: Path) -> None:
    file = tmp_path / "chat.db"
    server = start_server(rate=0, history=file)
    bob, carol = server.log_in("bob", subscribe="alice"), server.log_in("carol")
    assert carol.request("/subscribe bob") == "[SERVER] Subscribed to bob"
    bob.send("said as bob")
    carol.expect_message("bob", "said as bob")
    users = server.config.users
    rename_account(users, "bob", "robert")
    server.server.reload_accounts()
    bob.expect("[SERVER] Logged out: this account was removed")
    assert carol.request("/subs") == "[SERVER] Subscriptions: robert"
    server.stop()
    accounts = json.loads(users.read_text())
    assert "bob" not in accounts
    server = start_server(rate=0, history=file)
    robert = server.connect()
    robert.expect("[SERVER] Login using: LOGIN <username> <password>")
    robert.send("LOGIN robert pw-of-bob")
    robert.expect("[SERVER] Login successful")
    robert.expect_match(r"\[SERVER\] Available commands: .*")
    assert robert.request("/subs") == "[SERVER] Subscriptions: alice"
    assert read_page(robert)[-1].endswith(": said as bob")


def test_account_created_again_while_running_inherits_nothing(
    start_server: StartServer, tmp_path: Path
) -> None:
    companion = tmp_path / "users.more.json"
    companion.write_text(json.dumps({"created": {"bob": "2026-11-01T00:00:00Z"}}))
    server = start_server(rate=0, history=tmp_path / "chat.db")
    bob = server.log_in("bob", subscribe="alice")
    draft = tmp_path / "draft"
    draft.write_text(json.dumps({"created": {"bob": "2026-11-02T00:00:00Z"}}))
    draft.replace(companion)
    server.server.reload_accounts()
    bob.expect("[SERVER] Logged out: this account was removed")
    server.server.reload_accounts()
    again = server.log_in("bob")
    assert again.request("/subs") == "[SERVER] Subscriptions: none"
    server.stop()
    server = start_server(rate=0, history=tmp_path / "chat.db")
    again = server.log_in("bob")
    assert again.request("/subs") == "[SERVER] Subscriptions: none"


def test_account_whose_creation_time_is_written_late_keeps_its_past(
    start_server: StartServer, tmp_path: Path
) -> None:
    """A rename writes the users file first and its companion second."""
    companion = tmp_path / "users.more.json"
    companion.write_text(json.dumps({"created": {"bob": "2026-11-01T00:00:00Z"}}))
    server = start_server(rate=0, history=tmp_path / "chat.db")
    server.log_in("bob", subscribe="alice").close()
    users = server.config.users
    accounts = json.loads(users.read_text())
    accounts["robert"] = accounts.pop("bob")
    users.write_text(json.dumps(accounts))
    server.server.reload_accounts()
    companion.write_text(json.dumps({"created": {"robert": "2026-11-01T00:00:00Z"}}))
    server.server.reload_accounts()
    server.server.reload_accounts()
    server.stop()
    server = start_server(rate=0, history=tmp_path / "chat.db")
    robert = server.connect()
    robert.send("LOGIN robert pw-of-bob", "/subs")
    lines = [robert.read_line() for _ in range(4)]
    assert lines[3] == "[SERVER] Subscriptions: alice"

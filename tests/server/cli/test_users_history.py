"""`chat-server users`: what removing and renaming an account does to its history."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chat_server.core.records import AccountRenamed
from chat_server.core.values import PublishedMessages
from chat_server.history.sqlite import SqliteStore
from tests.support.server_cli import run_server
from tests.support.stored_history import START, write_history
from tests.support.users_file import HASH, HASH_5, OTHER_HASH

NAMES = ("alice", "bob", "carol")


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """Return a users file with a history next to it."""
    users = tmp_path / "users.json"
    users.write_text(json.dumps({"alice": HASH, "bob": HASH_5, "carol": OTHER_HASH}))
    users.chmod(0o600)
    write_history(tmp_path / "users.history.db")
    return users


def exported(users: Path, name: str) -> list[dict[str, object]]:
    """Return what is kept of the user."""
    done = run_server("history", "export", name, "--users", users)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_users_remove_says_how_to_remove_messages_too(users: Path) -> None:
    done = run_server("users", "remove", "alice", "--users", users)
    assert (done.exit_code, done.stdout) == (0, f"Removed alice from {users}\n")
    hint = "The messages of alice stay in rooms. To remove them: chat-server history forget alice"
    assert done.stderr.startswith(hint)
    done = run_server("--history", "off", "users", "remove", "bob", "--users", users)
    assert (done.exit_code, done.stderr) == (0, "")


def test_users_rename_renames_in_history(users: Path) -> None:
    before = exported(users, "alice")
    done = run_server("users", "rename", "alice", "alicia", "--users", users)
    assert (done.exit_code, done.output) == (0, "Renamed alice to alicia\n")
    renamed = json.loads(json.dumps(before).replace('"alice"', '"alicia"'))
    assert exported(users, "alicia") == renamed
    assert exported(users, "alice") == []
    assert {"kind": "subscription", "publisher": "alicia"} in exported(users, "bob")
    # A server that starts finds the account it knows, and keeps all.
    with closing(SqliteStore(users.with_name("users.history.db"))) as store:
        assert store.start({"alicia": None, "bob": None, "carol": None}) == []
    assert exported(users, "alicia") == renamed


@pytest.mark.parametrize("server_is_first", [True, False])
def test_rename_is_done_once_if_server_does_it_too(users: Path, server_is_first: bool) -> None:
    before = exported(users, "alice")
    with closing(SqliteStore(users.with_name("users.history.db"))) as store:
        if server_is_first:
            store.apply([AccountRenamed("alice", "alicia")])
        assert run_server("users", "rename", "alice", "alicia", "--users", users).exit_code == 0
        if not server_is_first:
            store.apply([AccountRenamed("alice", "alicia")])
        store.apply([PublishedMessages("lobby", "alicia", ("still here",), START + 90)])
    now = exported(users, "alicia")
    assert len(now) == len(before) + 1
    assert exported(users, "alice") == []


def test_users_rename_without_history_file_creates_none(users: Path, tmp_path: Path) -> None:
    (tmp_path / "users.history.db").unlink()
    assert run_server("users", "rename", "alice", "alicia", "--users", users).exit_code == 0
    assert not list(tmp_path.glob("*.db*"))


def test_rename_that_fails_in_history_says_how_to_repeat_it(users: Path) -> None:
    file = users.with_name("users.history.db")
    before = exported(users, "alice")
    data = file.read_bytes()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA application_id = 7")
    done = run_server("users", "rename", "alice", "alicia", "--users", users)
    assert done.exit_code == 1
    assert "it is a database of another program" in done.stderr
    assert "chat-server history rename alice alicia --history" in done.stderr
    assert "alicia" in json.loads(users.read_text())
    file.write_bytes(data)
    for _ in range(2):
        done = run_server("history", "rename", "alice", "alicia", "--history", file)
        assert (done.exit_code, done.stdout) == (0, f"alice is alicia in {file}\n")
    assert len(exported(users, "alicia")) == len(before)

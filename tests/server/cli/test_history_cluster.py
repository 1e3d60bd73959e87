"""`chat-server history` on the file of one of several servers."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from chat_server.core.records import LogEntry, LogPosition
from chat_server.core.values import PublishedMessages
from chat_server.history.sqlite import SqliteStore
from chat_server.wire import format_stamp
from tests.support.history_cli import fail_history
from tests.support.server_cli import run_server
from tests.support.users_file import write_users

START = 1_700_000_000_000_000
WARNING = "Other servers of this chat keep theirs: run this on each of them"


def write_file(path: Path, stamp: int = START, *, is_shared: bool = True) -> Path:
    run = PublishedMessages("lobby", "alice", ("one", "two"), stamp)
    with closing(SqliteStore(path)) as store:
        store.start({"alice": None})
        store.apply([LogEntry((run,), LogPosition(stamp, "one:1", 1)) if is_shared else run])
    return path


@pytest.mark.parametrize("is_shared", [True, False])
def test_commands_that_change_the_file_name_the_other_servers(
    tmp_path: Path, is_shared: bool
) -> None:
    file = write_file(tmp_path / "h.db", is_shared=is_shared)
    for command in (
        ("erase", "lobby", format_stamp(START)),
        ("prune",),
        ("rename", "alice", "anna"),
        ("forget", "anna", "--yes"),
    ):
        done = run_server("history", *command, "--history", file)
        assert done.exit_code == 0, done.output
        assert (WARNING in done.stderr.splitlines()) == is_shared


@pytest.mark.parametrize("is_shared", [True, False])
def test_forget_names_the_place_of_the_accounts(tmp_path: Path, is_shared: bool) -> None:
    file = write_file(tmp_path / "h.db", is_shared=is_shared)
    users = tmp_path / "users.json"  # several servers have imported it
    write_users(users, "alice")
    options = ("--history", file, "--users", users)
    done = run_server("history", "forget", "alice", "--yes", *options)
    assert done.exit_code == 0, done.output
    in_redis = "If the account alice still exists, new messages are kept. To remove it:"
    assert (f"{in_redis} chat-server users --redis URL remove alice" in done.stderr) == is_shared
    assert ("The account alice still exists" in done.stderr) != is_shared


@pytest.mark.parametrize(
    "damage",
    [
        "INSERT INTO log_gap VALUES(20, 10)",
        "UPDATE log_number SET number = -1 WHERE node != ''",
        "DELETE FROM log_number WHERE node = ''",
    ],
)
def test_check_looks_at_the_place_in_the_log(tmp_path: Path, damage: str) -> None:
    file = write_file(tmp_path / "h.db")
    assert run_server("history", "check", "--history", file).exit_code == 0
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(damage)
    assert "the place in the log of several servers is wrong" in fail_history(file, "check")


def test_repair_leaves_the_stamps_of_a_log_alone(tmp_path: Path) -> None:
    future = time.time_ns() // 1000 + 86_400_000_000
    file = write_file(tmp_path / "h.db", future)
    done = run_server("history", "check", "--repair", "--history", file)
    assert done.exit_code == 1
    assert "its stamps are those of the log of several servers" in done.stderr
    with closing(sqlite3.connect(file)) as connection:
        stamps = connection.execute("SELECT stamp FROM message ORDER BY id").fetchall()
    assert stamps == [(future,), (future + 1,)]

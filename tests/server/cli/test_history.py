"""`chat-server history`, run in this process on real files."""

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from chat_server.core.records import VisitStarted
from chat_server.core.values import PrivateMessageSent, PublishedMessages
from chat_server.files import lock_file
from chat_server.history.sqlite import SqliteStore
from chat_server.history.sqlite.schema import VERSION
from chat_server.wire import format_stamp
from tests.support.history_cli import exported, fail_history, run_history, texts
from tests.support.server_cli import run_server
from tests.support.stored_history import (
    ALICE_IN_LOBBY,
    RECORDS,
    START,
    TEXTS_OF_ALICE,
    TEXTS_OF_OTHERS,
    bytes_of,
    write_history,
)
from tests.support.users_file import write_users


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a history file with `RECORDS`, next to a users file."""
    write_users(tmp_path / "users.json", "alice", "bob", "carol")
    return write_history(tmp_path / "users.history.db")


# Finding the file


def test_history_file_is_next_to_users_file(file: Path) -> None:
    assert f"File: {file}\n" in run_history(file, "stats")


def test_history_file_can_be_named_by_option_and_by_config(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    shutil.copy(file, other)
    done = run_server("history", "stats", "--history", other)
    assert f"File: {other}\n" in done.stdout
    config = tmp_path / "lobby.toml"
    config.write_text('history = "other.db"\n')
    assert f"File: {other}\n" in run_server("--config", config, "history", "stats").stdout
    config.write_text('users = "users.json"\n')
    assert f"File: {file}\n" in run_server("--config", config, "history", "stats").stdout


def test_history_file_can_be_named_by_environment(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.db"
    shutil.copy(file, other)
    monkeypatch.setenv("CHAT_SERVER_HISTORY", str(other))
    assert f"File: {other}\n" in run_server("history", "stats").stdout


def test_command_without_history_asks_for_its_file(file: Path) -> None:
    done = run_server(
        "--history", "off", "--users", file.with_name("users.json"), "history", "stats"
    )
    assert done.exit_code == 2
    assert "no history is kept" in done.stderr
    assert "--history" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["stats"],
        ["check"],
        ["check", "--repair"],
        ["export", "alice"],
        ["forget", "alice", "--yes"],
        ["erase", "lobby", format_stamp(ALICE_IN_LOBBY)],
        ["prune"],
        ["backup", "backup.db"],
        ["compact"],
    ],
    ids=" ".join,
)
def test_missing_file_is_reported_and_not_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    error = fail_history(tmp_path / "missing.db", *arguments)
    assert "missing.db: no such file; name another with --history" in error
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize(
    "arguments", [["stats"], ["forget", "alice", "--yes"], ["compact"], ["check"]], ids=" ".join
)
@pytest.mark.parametrize("kind", ["garbage", "truncated", "other database", "newer"])
def test_unusable_file_is_reported_and_not_changed(
    file: Path, kind: str, arguments: list[str]
) -> None:
    if kind == "garbage":
        file.write_bytes(b"not a database" * 500)
    elif kind == "truncated":
        os.truncate(file, file.stat().st_size // 2)
    else:
        with closing(sqlite3.connect(file)) as connection:
            if kind == "newer":
                connection.execute(f"PRAGMA user_version = {VERSION + 1}")
            else:
                connection.execute("PRAGMA application_id = 7")
    error = fail_history(file, *arguments)
    assert str(file) in error
    expected = {
        "garbage": "is damaged: file is not a database; restore a backup",
        "truncated": "is damaged: ",
        "other database": "it is a database of another program",
        "newer": "a newer version of Lobby wrote it",
    }
    assert expected[kind] in error


@pytest.mark.parametrize(
    "arguments", [["stats"], ["check"], ["prune"], ["restore", "backup.db"]], ids=" ".join
)
def test_file_that_is_not_a_database_is_not_changed(tmp_path: Path, arguments: list[str]) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("buy milk\n")
    error = fail_history(file, *arguments)
    assert f"{file}: it is not a history file; name the right one with --history" in error
    assert file.read_text() == "buy milk\n"


@pytest.mark.parametrize("command", ["stats", "prune", "compact"])
def test_database_of_another_program_is_not_changed(tmp_path: Path, command: str) -> None:
    file = tmp_path / "photos.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE photo(name TEXT)")
    error = fail_history(file, command)
    assert "it is a database of another program; name the right one with --history" in error
    assert not file.with_name("photos.db-wal").exists()


# stats and check


def test_stats_counts_messages_and_lists_rooms(file: Path) -> None:
    done = run_history(file, "stats")
    assert "Messages in rooms: 4\n" in done
    assert "Private messages: 3 (1 not read yet)\n" in done
    assert "Accounts: 3\n" in done
    rooms = [line.split("\t") for line in done.splitlines() if "\t" in line]
    assert rooms == [
        ["dev", "1", format_stamp(START + 30), format_stamp(START + 30)],
        ["lobby", "3", format_stamp(ALICE_IN_LOBBY), format_stamp(START + 80)],
    ]


def test_check_accepts_a_sound_file(file: Path) -> None:
    assert run_history(file, "check") == f"{file} is in order\n"


def test_check_reports_damaged_page(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'message_by_room'"
        ).fetchone()
    with file.open("r+b") as stream:
        stream.seek((root - 1) * 4096 + 2048)
        stream.write(b"\xff" * 2048)
    assert "is damaged: " in fail_history(file, "check")


def test_check_reports_index_of_words_that_does_not_fit_messages(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE message SET text = 'otters' WHERE text LIKE '%aardvark%'")
        connection.commit()
    done = run_server("history", "check", "--history", file)
    assert done.exit_code == 1
    assert "is damaged: the index of words is wrong" in done.stderr


def test_check_leaves_index_of_words_alone_while_server_runs(file: Path) -> None:
    with lock_file(file):
        done = run_server("history", "check", "--history", file)
    assert done.exit_code == 0
    assert "index of words was not checked: a server uses the file" in done.stderr


def test_check_reports_stamps_in_the_future_and_repairs_them(tmp_path: Path) -> None:
    future = time.time_ns() // 1000 + 10 * 365 * 86_400_000_000
    later = (
        PublishedMessages("lobby", "alice", ("one", "two"), future),
        PrivateMessageSent("alice", "bob", "three", future + 5, is_kept=True),
        PublishedMessages("dev", "bob", ("four",), future + 9),
    )
    file = write_history(tmp_path / "h.db", *RECORDS, *later)
    error = fail_history(file, "check")
    assert "4 stamps more than 60 s in the future" in error
    assert "stop the server and run this with --repair" in error
    done = run_server("history", "check", "--repair", "--history", file)
    assert done.stdout == f"Moved 4 stamps from the future to now\n{file} is in order\n"
    assert run_server("history", "check", "--history", file).exit_code == 0
    found = [
        json.loads(line)
        for line in run_server("history", "export", "bob", "--history", file).stdout.splitlines()
    ]
    # In the same order, after all older ones, and not later than now.
    moved = [entry["time"] for entry in found if entry.get("text") in ("three", "four")]
    assert (
        format_stamp(START + 80) < min(moved) <= max(moved) <= format_stamp(time.time_ns() // 1000)
    )
    with closing(SqliteStore(file)) as store:
        assert store.saved_state().last_stamp <= time.time_ns() // 1000 + 1_000_000
    with closing(sqlite3.connect(file)) as connection:
        stamps = connection.execute("SELECT stamp, text FROM message ORDER BY id").fetchall()
    assert [text for _, text in sorted(stamps)] == [text for _, text in stamps]
    assert len({stamp for stamp, _ in stamps}) == len(stamps)


def test_check_reports_newest_stamp_without_a_message(tmp_path: Path) -> None:
    future = time.time_ns() // 1000 + 86_400_000_000
    file = write_history(tmp_path / "h.db", VisitStarted("alice", "lobby", future))
    assert "1 stamp more than 60 s in the future" in fail_history(file, "check")
    assert run_server("history", "check", "--repair", "--history", file).exit_code == 0
    assert run_server("history", "check", "--history", file).exit_code == 0


def test_repair_is_refused_while_server_runs(tmp_path: Path) -> None:
    future = time.time_ns() // 1000 + 86_400_000_000
    file = write_history(tmp_path / "h.db", PublishedMessages("lobby", "alice", ("x",), future))
    with lock_file(file):
        error = fail_history(file, "check", "--repair")
    assert "a server uses it; stop the server, then run this again" in error


# export


def test_export_prints_everything_that_is_kept_of_a_user(file: Path) -> None:
    found = exported(file, "alice")
    assert found == [
        {
            "kind": "message",
            "time": format_stamp(ALICE_IN_LOBBY),
            "room": "lobby",
            "author": "alice",
            "text": "aardvarks are here",
            "action": False,
        },
        {
            "kind": "message",
            "time": format_stamp(START + 30),
            "room": "dev",
            "author": "alice",
            "text": "gets an alpaca",
            "action": True,
        },
        {
            "kind": "private",
            "time": format_stamp(START + 40),
            "author": "alice",
            "recipient": "bob",
            "text": "antelope in private",
            "unread": False,
        },
        {
            "kind": "private",
            "time": format_stamp(START + 50),
            "author": "bob",
            "recipient": "alice",
            "text": "bison for alice",
            "unread": True,
        },
        {"kind": "subscription", "publisher": "*"},
        {
            "kind": "visit",
            "room": "lobby",
            "first": format_stamp(START),
            "read": format_stamp(START + 70),
        },
    ]


def test_manual_lists_the_fields_of_an_export(file: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/operating.md").read_text()
    for entry in exported(file, "alice"):
        row = next(line for line in page.splitlines() if line.startswith(f"| `{entry['kind']}` |"))
        for field in entry:
            assert f"`{field}`" in row or field == "kind", (entry, field)


def test_export_to_new_account_contains_nothing_of_the_old_one(file: Path) -> None:
    with closing(SqliteStore(file)) as store:
        store.match_accounts({"alice": "2026-11-30T00:00:00Z", "bob": None, "carol": None})
        store.apply([PublishedMessages("lobby", "alice", ("another alice",), START + 90)])
    assert [entry["text"] for entry in exported(file, "alice")] == ["another alice"]


def test_export_of_unknown_user_fails(file: Path) -> None:
    assert "nothing is kept of dave" in fail_history(file, "export", "dave")


# forget and erase


def test_forget_leaves_no_byte_of_the_texts(file: Path) -> None:
    before = bytes_of(file)
    assert all(word.encode() in before for word in TEXTS_OF_ALICE)
    broken = file.with_name(f"{file.name}.broken-20261130-120000")
    broken.touch()
    done = run_server(
        "history", "forget", "alice", "--yes", "--users", file.with_name("users.json")
    )
    assert done.stdout == "Forgot alice: 4 messages\n"
    assert "Backups are not changed." in done.stderr
    assert f"Also not changed: {broken}\n" in done.stderr
    assert "The account alice still exists" in done.stderr
    after = bytes_of(file)
    for word in TEXTS_OF_ALICE:
        assert word.encode() not in after
    assert len(texts(file)) == 3
    assert run_history(file, "check") == f"{file} is in order\n"
    # The words of others can still be found.
    with closing(sqlite3.connect(file)) as connection:
        for word in TEXTS_OF_OTHERS:
            assert word.encode() in after
        assert connection.execute(
            "SELECT count(*) FROM search_index WHERE search_index MATCH 'badgers'"
        ).fetchone() == (1,)
    assert "nothing is kept of alice" in fail_history(file, "export", "alice")


def test_forget_leaves_no_byte_while_server_has_the_file_open(file: Path) -> None:
    with closing(SqliteStore(file)) as store:
        store.apply([PublishedMessages("lobby", "alice", ("axolotl",), START + 90)])
        assert b"axolotl" in bytes_of(file)
        run_server("history", "forget", "alice", "--yes", "--history", file)
        assert b"axolotl" not in bytes_of(file)
        # The server goes on, also with the same name.
        store.apply([PublishedMessages("lobby", "alice", ("back again",), START + 100)])
    assert [entry["text"] for entry in exported(file, "alice")] == ["back again"]


def test_forget_removes_more_messages_than_one_transaction(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    many = [
        PublishedMessages("lobby", name, (f"{name}{number} says",), START + 2 * number + offset)
        for number in range(2500)
        for offset, name in enumerate(("alice", "bob"))
    ]
    write_history(file, *many)
    done = run_server("history", "forget", "alice", "--yes", "--history", file)
    assert done.stdout == "Forgot alice: 2500 messages\n"
    assert b"alice" not in bytes_of(file)
    assert len(texts(file)) == 2500
    assert run_server("history", "check", "--history", file).exit_code == 0


def test_forget_removes_subscriptions_to_removed_account_only(file: Path) -> None:
    users = file.with_name("users.json")
    run_server("history", "forget", "alice", "--yes", "--users", users)
    assert {"kind": "subscription", "publisher": "alice"} in exported(file, "bob")
    write_users(users, "bob", "carol")
    run_server("history", "forget", "alice", "--yes", "--users", users)
    assert {"kind": "subscription", "publisher": "alice"} not in exported(file, "bob")
    assert b"alice" not in bytes_of(file)


def test_forget_without_terminal_needs_yes(file: Path) -> None:
    assert "use --yes" in fail_history(file, "forget", "alice", status=2)


def test_erase_removes_one_message_and_its_bytes(file: Path) -> None:
    stamp = format_stamp(ALICE_IN_LOBBY)
    assert run_history(file, "erase", "lobby", stamp) == "Erased 1 message by alice\n"
    assert b"aardvark" not in bytes_of(file)
    assert len(texts(file)) == len([*TEXTS_OF_ALICE, *TEXTS_OF_OTHERS]) - 1
    assert f"there is no message in lobby at {stamp}" in fail_history(file, "erase", "lobby", stamp)


def test_erase_looks_only_into_the_named_room(file: Path) -> None:
    stamp = format_stamp(ALICE_IN_LOBBY)
    assert "there is no message in dev" in fail_history(file, "erase", "dev", stamp)


def test_erase_explains_what_a_stamp_is(file: Path) -> None:
    error = fail_history(file, "erase", "lobby", "yesterday", status=2)
    assert "'yesterday' is not a stamp; copy one from /history" in error

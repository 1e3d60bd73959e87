"""`chat-server history prune|backup|restore|compact`, run in this process on real files."""

import os
import sqlite3
import stat
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from chat_server.core.values import PublishedMessages
from chat_server.files import lock_file
from chat_server.history.sqlite import HistoryUpkeep, SqliteStore
from tests.support.history_cli import fail_history, run_history, texts
from tests.support.server_cli import run_server
from tests.support.stored_history import ALICE_IN_LOBBY, START, write_history
from tests.support.users_file import write_users


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a history file with `RECORDS`, next to a users file."""
    write_users(tmp_path / "users.json", "alice", "bob", "carol")
    return write_history(tmp_path / "users.history.db")


def test_prune_applies_the_settings_now(file: Path) -> None:
    users = file.with_name("users.json")
    done = run_server("--history-messages", "1", "--users", users, "history", "prune")
    assert done.stdout == "Removed 2 messages\n"
    assert len(texts(file)) == 5
    assert run_server("--history-days", "0", "history", "prune", "--users", users).stdout == (
        "Removed 0 messages\n"
    )


def test_backup_is_a_complete_private_file_without_what_was_erased(
    file: Path, tmp_path: Path
) -> None:
    target = tmp_path / "backup.db"
    with closing(SqliteStore(file)) as store:
        store.apply([PublishedMessages("lobby", "bob", ("newest",), START + 90)])
        assert store.erase_message(ALICE_IN_LOBBY, "alice", is_operator=False) == "alice"
        assert f" KiB to {target}\n" in run_history(file, "backup", target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.glob("*backup*")) == ["backup.db"]
    assert b"aardvark" not in target.read_bytes()
    assert texts(target) == texts(file)
    assert "newest" in texts(target)


@pytest.mark.parametrize("is_used", [False, True])
def test_commands_that_read_leave_no_files(file: Path, tmp_path: Path, is_used: bool) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    with closing(SqliteStore(file)) if is_used else nullcontext():
        run_history(file, "backup", folder / "backup.db")
    for read in (file, folder / "backup.db"):
        for command in ("stats", "export"):
            user = ["alice"] if command == "export" else []
            assert run_server("history", command, *user, "--history", read).exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["backup.db"]
    assert not list(tmp_path.glob("users.history.db-*"))


def test_backup_never_overwrites(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.db"
    target.write_text("precious")
    assert "there is already such a file; name another one" in fail_history(file, "backup", target)
    assert target.read_text() == "precious"
    assert [path.name for path in tmp_path.glob(".*backup*")] == []


def test_restore_replaces_history_and_keeps_the_old_one(file: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    run_history(file, "backup", backup)
    with closing(SqliteStore(file)) as store:
        store.apply([PublishedMessages("lobby", "bob", ("too late",), START + 90)])
    done = run_history(file, "restore", backup)
    (old,) = tmp_path.glob("users.history.db.before-restore-*")
    assert done == f"Restored {file} from {backup}\nThe old history is in {old}\n"
    assert "too late" in texts(old)
    assert "too late" not in texts(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(SqliteStore(file)) as store:  # a server can go on with it
        store.apply([PublishedMessages("lobby", "bob", ("goes on",), START + 90)])
    assert run_history(file, "check") == f"{file} is in order\n"


def test_restore_removes_stale_companions_of_another_database(file: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    run_history(file, "backup", backup)
    with closing(SqliteStore(file)) as store:
        store.apply([PublishedMessages("lobby", "bob", ("from the wal",), START + 90)])
        companions = {
            suffix: file.with_name(f"{file.name}{suffix}").read_bytes()
            for suffix in ("-wal", "-shm")
        }
    # As after a crash whose database was lost, or was replaced by hand.
    file.unlink()
    for suffix, data in companions.items():
        file.with_name(f"{file.name}{suffix}").write_bytes(data)
    run_history(file, "restore", backup)
    assert not file.with_name(f"{file.name}-wal").exists()
    assert texts(file) == texts(backup)


@pytest.mark.parametrize("kind", ["missing", "garbage", "truncated", "other database", "newer"])
def test_restore_checks_backup_before_it_changes_anything(
    file: Path, tmp_path: Path, kind: str
) -> None:
    backup = tmp_path / "backup.db"
    if kind != "missing":
        run_history(file, "backup", backup)
    if kind == "garbage":
        backup.write_bytes(b"not a database" * 500)
    elif kind == "truncated":
        os.truncate(backup, backup.stat().st_size // 2)
    elif kind in ("other database", "newer"):
        with closing(sqlite3.connect(backup)) as connection:
            pragma = "application_id = 7" if kind == "other database" else "user_version = 99"
            connection.execute(f"PRAGMA {pragma}")
    names = sorted(path.name for path in tmp_path.iterdir())
    error = fail_history(file, "restore", backup)
    assert str(backup) in error
    assert sorted(set(os.listdir(tmp_path)) - {f".{file.name}.lock"}) == [
        name for name in names if name != f".{file.name}.lock"
    ]


@pytest.mark.parametrize("arguments", [["restore", "backup.db"], ["compact"]], ids=" ".join)
def test_command_that_replaces_the_file_needs_the_server_stopped(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run_history(file, "backup", "backup.db")
    with lock_file(file):
        error = fail_history(file, *arguments)
    assert error == f"Error: {file}: a server uses it; stop the server, then run this again"
    run_history(file, *arguments)


def test_compact_makes_the_file_smaller(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    write_history(
        file,
        *(
            PublishedMessages("lobby", "alice", (f"word{number} " * 30,), START + number)
            for number in range(2000)
        ),
    )
    with HistoryUpkeep(file) as opened:
        for _ in opened.forget("alice", keeps_account=True):
            pass
    before = file.stat().st_size
    done = run_server("history", "compact", "--history", file)
    assert done.exit_code == 0, done.output
    assert file.stat().st_size < before / 4
    assert done.stdout.startswith(f"Compacted {file}: ")

"""`chat-server history` on a disk that is full or read-only: one line, and nothing is lost."""

import os
from pathlib import Path

import pytest

from tests.support.server_cli import run_server
from tests.support.small_disk import MIB, MakeDisk, make_disk
from tests.support.stored_history import write_history

__all__ = ["make_disk"]


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_copy_that_does_not_fit_is_reported_and_removed(
    tmp_path: Path, make_disk: MakeDisk, command: str
) -> None:
    disk = make_disk(2 * MIB)
    file = write_history(tmp_path / "h.db")
    target = disk.folder / "small.db"
    if command == "restore":
        write_history(target)
        arguments = ("restore", file, "--history", target)
    else:
        arguments = ("backup", target, "--history", file)
    before = target.read_bytes() if target.exists() else None
    disk.fill(leave=20_000)
    done = run_server("history", *arguments)
    assert done.exit_code == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "full" in done.stderr or "No space left on device" in done.stderr
    assert (target.read_bytes() if target.exists() else None) == before
    left = set(os.listdir(disk.folder)) - {
        "filler",
        ".small.db.lock",
        "small.db-wal",
        "small.db-shm",
    }
    assert left == ({"small.db"} if before else set())
    disk.clear()
    assert run_server("history", *arguments).exit_code == 0


def test_file_on_read_only_disk_can_be_read_and_copied(tmp_path: Path, make_disk: MakeDisk) -> None:
    disk = make_disk(2 * MIB)
    file = write_history(disk.folder / "h.db")
    disk.make_read_only()
    done = run_server("history", "export", "alice", "--history", file)
    assert done.exit_code == 0, done.output
    assert "aardvarks are here" in done.stdout
    done = run_server("history", "backup", tmp_path / "backup.db", "--history", file)
    assert done.exit_code == 0, done.output
    done = run_server("history", "check", "--history", file)
    assert (done.exit_code, done.stdout) == (0, f"{file} is in order\n")
    why = "the file or its folder can't be written"
    assert done.stderr == f"The index of words was not checked: {why}\n"
    done = run_server("history", "restore", tmp_path / "backup.db", "--history", file)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {file}: Read-only file system: {file.parent}/")
    done = run_server("history", "forget", "alice", "--yes", "--history", file)
    assert done.exit_code == 1
    assert "run this as the user of the server" in done.stderr

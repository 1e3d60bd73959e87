"""Changes of the users file: whole or not at all, one at a time, nothing widened, nothing left."""

import errno
import fcntl
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chat_server import files as whole_files
from chat_server.accounts.file_editor import (
    AccountExistsError,
    NoSuchAccountError,
    add_account,
    disable_account,
    make_accounts,
    remove_account,
)
from chat_server.accounts.file_format import FileBusyError, UsersFileError
from chat_server.accounts.file_reader import companion, read_accounts
from chat_server.accounts.hash_pool import hash_password

HASH = hash_password("password123", cost=4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.json"


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_adding_makes_the_file_with_mode_0600(file: Path) -> None:
    before = os.umask(0)
    try:
        add_account(file, "alice", HASH)
    finally:
        os.umask(before)
    assert dict(read_accounts(file)) == {"alice": HASH}
    assert mode(file) == 0o600


def test_adding_and_removing_keep_the_others_and_their_order(file: Path) -> None:
    for name in ("zoe", "alice", "éric"):
        add_account(file, name, HASH)
    assert list(read_accounts(file)) == ["zoe", "alice", "éric"]
    remove_account(file, "alice")
    assert list(read_accounts(file)) == ["zoe", "éric"]
    assert "éric" in file.read_text("utf-8"), "people read this file, too"


def test_removing_the_last_account_leaves_a_good_file(file: Path) -> None:
    add_account(file, "alice", HASH)
    remove_account(file, "alice")
    assert dict(read_accounts(file)) == {}


def test_an_account_is_neither_added_twice_nor_removed_twice(file: Path) -> None:
    add_account(file, "alice", HASH)
    before = file.read_bytes()
    with pytest.raises(AccountExistsError, match="alice"):
        add_account(file, "alice", HASH)
    with pytest.raises(NoSuchAccountError, match="bob"):
        remove_account(file, "bob")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("before", "after"), [(0o600, 0o600), (0o400, 0o400), (0o640, 0o600), (0o664, 0o600)]
)
def test_nobody_but_its_owner_reads_the_file_after_a_change(
    file: Path, before: int, after: int
) -> None:
    file.write_text("{}")
    file.chmod(before)
    add_account(file, "alice", HASH)
    assert mode(file) == after
    assert mode(companion(file)) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_of_an_existing_file_stays(file: Path) -> None:
    file.write_text("{}")
    os.chown(file, 12345, 54321)
    add_account(file, "alice", HASH)
    disable_account(file, "alice")
    for each in (file, companion(file)):
        assert (each.stat().st_uid, each.stat().st_gid) == (12345, 54321)
        assert mode(each) == 0o600


def test_nothing_else_is_left_in_the_folder(file: Path) -> None:
    add_account(file, "alice", HASH)
    assert sorted(os.listdir(file.parent)) == ["users.json", "users.more.json"]
    remove_account(file, "alice")
    assert os.listdir(file.parent) == [file.name]


def test_a_broken_file_is_not_overwritten(file: Path) -> None:
    file.write_text("{")
    with pytest.raises(UsersFileError, match="not JSON"):
        add_account(file, "alice", HASH)
    with pytest.raises(UsersFileError, match="not JSON"):
        remove_account(file, "alice")
    assert file.read_text() == "{"


def test_a_symlink_stays_one_and_its_target_changes(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "accounts"
    file.symlink_to(target)
    add_account(file, "alice", HASH)
    add_account(file, "bob", HASH)
    assert file.is_symlink()
    assert list(read_accounts(target)) == ["alice", "bob"]
    assert sorted(os.listdir(target.parent)) == ["accounts", "accounts.more"]


@pytest.mark.parametrize("where", ["missing/users.json", "file/users.json"])
def test_a_folder_that_is_not_there_is_told_in_one_line(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsersFileError) as caught:
        add_account(tmp_path / where, "alice", HASH)
    assert str(caught.value).startswith(f"{tmp_path / where}: its folder: ")
    assert str(caught.value).isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told_and_nothing_changes(file: Path) -> None:
    add_account(file, "alice", HASH)
    file.parent.chmod(0o500)
    try:
        with pytest.raises(UsersFileError, match="not written: Permission denied; run this as"):
            add_account(file, "bob", HASH)
    finally:
        file.parent.chmod(0o700)
    assert list(read_accounts(file)) == ["alice"]


@pytest.mark.parametrize(
    ("step", "number", "cure"),
    [
        ("fsync", errno.ENOSPC, "No space left on device; make room on the disk"),
        (
            "replace",
            errno.EBUSY,
            "Device or resource busy; it is a mount of its own: mount its folder",
        ),
    ],
)
def test_a_write_that_fails_leaves_the_old_file_and_no_draft(
    file: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, cure: str
) -> None:
    add_account(file, "alice", HASH)

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(UsersFileError, match=cure):
        add_account(file, "bob", HASH)
    assert list(read_accounts(file)) == ["alice"]
    assert sorted(os.listdir(file.parent)) == ["users.json", "users.more.json"]


def test_an_interrupted_write_leaves_the_old_file_and_no_draft(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_account(file, "alice", HASH)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        add_account(file, "bob", HASH)
    assert sorted(os.listdir(file.parent)) == ["users.json", "users.more.json"]


def test_a_lock_that_somebody_keeps_is_told_of(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody may have it who may look into the folder."""
    monkeypatch.setattr(whole_files, "_PATIENCE", 0.05)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with ThreadPoolExecutor(1) as other:
            change = other.submit(add_account, file, "alice", HASH)
            try:
                with pytest.raises(FileBusyError, match="another program is changing the accounts"):
                    change.result(10)
            finally:
                fcntl.flock(folder, fcntl.LOCK_UN)  # or the thread would wait as long as we do
    finally:
        os.close(folder)


def test_many_who_add_at_the_same_time_lose_nothing(file: Path) -> None:
    names = [f"user{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as threads:  # flock tells open files apart, so threads race as well
        list(threads.map(lambda name: add_account(file, name, HASH), names))
    assert sorted(read_accounts(file)) == sorted(names)


def test_of_many_who_make_the_file_one_does(file: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(
            threads.map(lambda number: make_accounts(file, {f"user{number}": HASH}), range(8))
        )
    assert made.count(True) == 1
    assert list(read_accounts(file)) == [f"user{made.index(True)}"]


def test_what_is_written_can_be_read(file: Path) -> None:
    accounts = {"DPS": HASH, "日本": HASH}
    make_accounts(file, accounts)
    assert json.loads(file.read_text("utf-8")) == accounts
    assert file.read_bytes().endswith(b"}\n")

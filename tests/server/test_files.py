"""Files that could block, and the lock file of a users file: private, checked, safe if deleted."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chat_server.accounts.file_editor import add_account
from chat_server.accounts.file_format import UsersFileError
from chat_server.files import (
    LockFileError,
    LockTimeoutError,
    NotRegularFileError,
    lock_file,
    lock_path,
    read_regular,
)
from tests.support.project import PROJECT
from tests.support.users_file import HASH
from tests.support.wait_until import WAIT_TIMEOUT

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def test_lock_file_can_be_opened_by_its_owner_only(users_file: Path) -> None:
    previous = os.umask(0)
    try:
        with lock_file(users_file):
            pass
    finally:
        os.umask(previous)
    assert stat.S_IMODE(lock_path(users_file).stat().st_mode) == 0o600


def test_open_mode_of_lock_file_is_tightened(users_file: Path) -> None:
    lock_path(users_file).touch()
    lock_path(users_file).chmod(0o666)
    with lock_file(users_file):
        pass
    assert stat.S_IMODE(lock_path(users_file).stat().st_mode) == 0o600


def test_lock_file_of_symlink_is_next_to_its_target(users_file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "accounts"
    users_file.symlink_to(target)
    assert lock_path(users_file) == lock_path(target)
    with lock_file(target), pytest.raises(LockTimeoutError), lock_file(users_file, 0.05):
        pass


def test_lock_excludes_other_processes(users_file: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from chat_server.files import lock_file\n"
        "with lock_file(Path(sys.argv[1])):\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(users_file)]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(LockTimeoutError), lock_file(users_file, 0.05):
            pass
        holder.stdin.close()
        assert holder.wait(WAIT_TIMEOUT) == 0
        with lock_file(users_file, 0.05):
            pass


def make_symlink(lock: Path) -> None:
    lock.symlink_to(lock.with_name("elsewhere"))


def make_hard_link(lock: Path) -> None:
    lock.with_name("elsewhere").touch(0o600)
    os.link(lock.with_name("elsewhere"), lock)


@pytest.mark.parametrize(
    "make", [make_symlink, make_hard_link, os.mkfifo, Path.mkdir], ids=lambda m: m.__name__
)
def test_lock_file_of_other_kind_is_rejected_without_waiting(
    users_file: Path, make: Callable[[Path], None]
) -> None:
    make(lock_path(users_file))
    with pytest.raises(LockFileError), lock_file(users_file):
        pass
    assert not lock_path(users_file).with_name("elsewhere").exists() or make is make_hard_link
    with pytest.raises(UsersFileError) as caught:
        add_account(users_file, "alice", HASH)
    assert str(caught.value).startswith(f"{lock_path(users_file)}: is the lock of the users file")
    assert str(caught.value).endswith("; remove it")


@needs_root
def test_lock_file_of_another_user_is_rejected(users_file: Path) -> None:
    add_account(users_file, "alice", HASH)
    os.chown(lock_path(users_file), 12345, 12345)
    with pytest.raises(UsersFileError, match=r"belongs to user 12345, .*; remove it"):
        add_account(users_file, "bob", HASH)


@needs_root
def test_root_gives_new_lock_file_to_the_owner_of_the_users_file(users_file: Path) -> None:
    add_account(users_file, "alice", HASH)
    lock_path(users_file).unlink()
    os.chown(users_file, 12345, 12346)
    add_account(users_file, "bob", HASH)
    status = lock_path(users_file).stat()
    assert (status.st_uid, status.st_gid) == (12345, 12346)
    add_account(users_file, "carol", HASH)  # root may use a lock that belongs to the service


def test_lock_file_that_was_deleted_while_a_writer_waits_does_not_admit_two(
    users_file: Path,
) -> None:
    lock = lock_path(users_file)
    lock.touch(0o600)
    old = os.open(lock, os.O_RDWR)
    fcntl.flock(old, fcntl.LOCK_EX)
    entered, leave = threading.Event(), threading.Event()

    def wait_and_hold() -> None:
        with lock_file(users_file):
            entered.set()
            leave.wait(WAIT_TIMEOUT)

    waiting = threading.Thread(target=wait_and_hold)
    waiting.start()
    try:
        lock.unlink()
        os.close(old)  # the waiting thread may get the lock of the deleted file now
        assert entered.wait(WAIT_TIMEOUT)
        with pytest.raises(LockTimeoutError), lock_file(users_file, 0.05):
            pass
    finally:
        leave.set()
        waiting.join(WAIT_TIMEOUT)


def test_lock_file_may_be_deleted_at_any_moment(users_file: Path) -> None:
    done = threading.Event()

    def delete_forever() -> None:
        while not done.is_set():
            lock_path(users_file).unlink(missing_ok=True)

    deleting = threading.Thread(target=delete_forever)
    deleting.start()
    try:
        for _ in range(300):
            with lock_file(users_file):
                pass
    finally:
        done.set()
        deleting.join(WAIT_TIMEOUT)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, make_link_to_pipe, make_socket, lambda path: path.symlink_to("/dev/zero")],
    ids=["pipe", "link to pipe", "socket", "device"],
)
def test_read_regular_rejects_everything_that_could_block_or_never_end(
    short_folder: Path, make: Callable[[Path], None]
) -> None:
    make(short_folder / "file")
    with pytest.raises(NotRegularFileError):
        read_regular(short_folder / "file", 100)


def test_read_regular_returns_at_most_the_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 5_000_000)
    assert len(read_regular(tmp_path / "file", 3_000_000)[0]) == 3_000_000
    data, status = read_regular(tmp_path / "file", 6_000_000)
    assert len(data) == status.st_size == 5_000_000
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path, 100)

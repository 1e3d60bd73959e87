"""Atomic file replacement and the folder lock. A reader sees the old file or the new one.

Errors are plain `OSError`s and the classes below. The callers name the file and the cure.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_POLL_SECONDS: Final = 0.02
"""While somebody else has the lock: how often it is tried again."""

_LOCK_TIMEOUT: Final = 30.0
"""Many times what all who change the file may take. Whoever may look into the folder can hold its
lock for ever, and a command that waits says nothing."""


class FileChangedError(Exception):
    """The file on disk is not the one that the caller has read."""


class LockTimeoutError(Exception):
    """Another thread or program held the lock of the folder for too long."""


class LockUnsupportedError(Exception):
    """The file system does not support locks. `__cause__` is the `OSError`."""


@dataclass(frozen=True, slots=True)
class FileVersion:
    """Status fields; a write, a replacement or a chmod changes at least one of them."""

    modified_ns: int
    changed_ns: int  # a chmod that makes it readable changes nothing else
    inode: int
    size: int
    mode: int


def file_version(status: os.stat_result) -> FileVersion:
    """Return the fingerprint of the file with this status."""
    return FileVersion(
        status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size, status.st_mode
    )


def write_atomic(
    path: Path,
    data: bytes,
    expected_version: FileVersion | None,
    *,
    owner_like: Path | None = None,
    still_wanted: Callable[[], bool] = lambda: True,
) -> bool:
    """Replace the file, or make it where there is none; on the disk when this returns.

    Nobody but its owner can read the new file: mode 0600, or less where the old one had less. Its
    owner is the old one's, or `owned_as`'s where there is no old one. `before` is the file that was
    read (None: there was none); one that is another by now is not replaced (`FileChangedError`): by
    hand people change it without the lock. `wanted` is asked last; False, with nothing done, where
    it says so. Raises `OSError`, with nothing done. A caller that has read the file to change it
    holds the lock of `lock_folder`.
    """
    target = Path(os.path.realpath(path))  # replacing a symlink would leave its target behind
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    file = os.open(
        draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        with open(file, "wb") as stream:
            _copy_owner_and_mode(file, target, owner_like)
            stream.write(data)
            stream.flush()
            os.fsync(file)
        if _file_version(target) != expected_version:
            raise FileChangedError
        if not still_wanted():
            draft.unlink()
            return False
        os.replace(draft, target)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    sync_folder(target.parent)
    return True


def delete_file(path: Path) -> None:
    """Delete the file, if there is one. Raises `OSError`."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def lock_folder(path: Path, timeout: float | None = None) -> Iterator[None]:
    """Hold the lock of all who change a users file in the folder of `path`.

    The lock is on the folder itself: it leaves no file behind, and unlike the users file, the
    folder is not replaced while another process waits for its lock. Threads exclude each other,
    too. Waits `patience` seconds for it, 30 if that is None; then raises `LockTimeoutError`. Raises
    `OSError` if the folder cannot be opened, `LockUnsupportedError` if it cannot be locked.
    """
    folder = Path(os.path.realpath(path)).parent
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            _lock(handle, timeout)
        except OSError as error:
            raise LockUnsupportedError from error
        yield
    finally:
        os.close(handle)


def _lock(handle: int, timeout: float | None) -> None:
    """Raises `LockTimeoutError` and `OSError`."""
    deadline = time.monotonic() + (_LOCK_TIMEOUT if timeout is None else timeout)
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LockTimeoutError from None
            time.sleep(min(left, _POLL_SECONDS))
        else:
            return


def _copy_owner_and_mode(file: int, target: Path, owner_like: Path | None) -> None:
    """Give the draft the owner that it is to have, and no more mode than 0600."""
    mode = 0o600
    try:
        old = target.stat()
        mode &= stat.S_IMODE(old.st_mode)
    except FileNotFoundError:
        if owner_like is None or not owner_like.exists():
            return
        old = owner_like.stat()
    new = os.fstat(file)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(file, old.st_uid, old.st_gid)  # before the mode: chown takes bits away
    os.fchmod(file, mode)


def _file_version(target: Path) -> FileVersion | None:
    try:
        return file_version(target.stat())
    except FileNotFoundError:
        return None


def sync_folder(folder: Path) -> None:
    """Bring what was renamed or made in it to the disk, as far as its file system can."""
    with suppress(OSError):  # the file is in place; some file systems can't sync a folder
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

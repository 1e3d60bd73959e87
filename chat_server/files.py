"""Atomic file replacement and its lock file. A reader sees the old file or the new one.

Errors are plain `OSError`s and the classes below. Callers add the name of the file and the fix.
"""

from __future__ import annotations

import errno
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
"""Interval between two attempts to take a lock that another process holds."""

_LOCK_TIMEOUT: Final = 30.0
"""Many times what any writer needs. A waiting command prints nothing, so it must not wait long for
a writer that was stopped."""


class NotRegularFileError(OSError):
    """The path names a pipe, a device or a socket, which could block for ever or never end."""


class FileChangedError(Exception):
    """The file on disk is not the version that the caller read."""


class LockTimeoutError(Exception):
    """Another thread or process held the lock for too long."""


class LockUnsupportedError(Exception):
    """The file system does not support locks. `__cause__` is the `OSError`."""


class LockFileError(Exception):
    """The lock file must not be used. The text says why, without its path."""


@dataclass(frozen=True, slots=True)
class FileVersion:
    """Status fields; a write, a replacement or a chmod changes at least one of them."""

    modified_ns: int
    changed_ns: int  # a chmod changes only this and the mode
    inode: int
    size: int
    mode: int


def file_version(status: os.stat_result) -> FileVersion:
    """Return the version of the file with this status."""
    return FileVersion(
        status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size, status.st_mode
    )


def read_regular(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """Return the contents of a regular file, up to `limit` bytes, and its status before the read.

    Never blocks for a pipe or a device, also behind a symlink. Raises `IsADirectoryError`,
    `NotRegularFileError` and other `OSError`s, and `ValueError` if the path contains a NUL.
    """
    file = open_regular(path)
    try:
        # Taken before the read: a write during the read is then seen as a change next time.
        status = os.fstat(file)
        chunks: list[bytes] = []
        while limit > 0 and (chunk := os.read(file, min(limit, 1 << 20))):
            chunks.append(chunk)
            limit -= len(chunk)
        return b"".join(chunks), status
    finally:
        os.close(file)


def open_regular(path: Path) -> int:
    """Open a regular file for reading. Return its descriptor. Raises like `read_regular`."""
    # Without O_NONBLOCK, opening a FIFO would wait for a writer. Without O_NOCTTY, a terminal could
    # become the terminal that controls this process.
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket, or a device without a driver
            raise NotRegularFileError(error.errno, "is not a regular file", str(path)) from None
        raise
    try:
        mode = os.fstat(file).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise NotRegularFileError(errno.EINVAL, "is not a regular file", str(path))
    except BaseException:
        os.close(file)
        raise
    return file


def write_atomic(
    path: Path,
    data: bytes,
    expected_version: FileVersion | None,
    *,
    owner_like: Path | None = None,
    still_wanted: Callable[[], bool] = lambda: True,
) -> bool:
    """Replace the file, or create it. It is on the disk when this returns.

    Only the owner can read the new file: its mode is 0600, or less if the old file had less. Its
    owner is that of the old file, or that of `owner_like` if there is no old file.

    `expected_version` is the version that the caller read, None if there was no file. A file of
    another version is not replaced (`FileChangedError`): users edit it by hand, without the lock.
    `still_wanted` is called last. If it returns False, nothing is changed and the result is False.
    Raises `OSError`, with nothing changed. A caller that read the file in order to change it must
    hold the lock of `lock_file`.
    """
    target = Path(os.path.realpath(path))  # replace the target of a symlink, not the symlink
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
    """Delete the file if it exists. Raises `OSError`."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def lock_path(path: Path) -> Path:
    """Return the lock file of `path`: a hidden file next to it, or next to a symlink's target."""
    target = Path(os.path.realpath(path))
    return target.with_name(f".{target.name}.lock")


@contextmanager
def lock_file(path: Path, timeout: float | None = None) -> Iterator[None]:
    """Hold the lock that every writer of the file at `path` takes.

    The lock is on a file of its own, which stays when the lock is released: unlike `path`, it is
    not replaced while another process waits. Its mode is 0600, so no other user of this machine
    can open it and hold its lock. A lock on the folder would be open to every user who may read
    the folder. Threads exclude each other, too.

    Wait up to `timeout` seconds, 30 if that is None, then raise `LockTimeoutError`. Raises
    `OSError` if the lock file cannot be opened or created, `LockFileError` if it is not a file that
    only its owner can open, and `LockUnsupportedError` if it cannot be locked.
    """
    file = lock_path(path)
    deadline = time.monotonic() + (_LOCK_TIMEOUT if timeout is None else timeout)
    while True:
        handle = _open_lock_file(file, Path(os.path.realpath(path)))
        try:
            try:
                _lock(handle, deadline)
            except OSError as error:
                raise LockUnsupportedError from error
            if not _is_same_file(handle, file):  # deleted while this waited for the lock
                continue
            yield
            return
        finally:
            os.close(handle)


def _open_lock_file(file: Path, target: Path) -> int:
    """Open the lock file of `target`. Create it if it is missing."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    owner = _owner(target)
    is_new = False
    while True:
        try:
            handle = os.open(file, flags | os.O_CREAT | os.O_EXCL, 0o600)
            is_new = True
            break
        except FileExistsError:
            with suppress(FileNotFoundError):  # deleted meanwhile
                handle = _open_existing_lock_file(file, flags)
                break
    try:
        # If root is the first to change the users file of a service, the service must be able to
        # open the lock later. Only a new file: one that exists may be anything.
        if is_new and os.geteuid() == 0 and owner is not None:
            os.fchown(handle, *owner)
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise LockFileError("is not a regular file")
        if status.st_nlink > 1:
            raise LockFileError("has another name, as a hard link")
        if status.st_uid not in (0, os.geteuid()) and (owner is None or status.st_uid != owner[0]):
            raise LockFileError(f"belongs to user {status.st_uid}, who can hold it for ever")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            os.fchmod(handle, 0o600)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _open_existing_lock_file(file: Path, flags: int) -> int:
    try:
        return os.open(file, flags)
    except PermissionError:
        owner = os.lstat(file).st_uid
        if owner == os.geteuid():
            raise
        raise LockFileError(f"belongs to user {owner}") from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.EISDIR, errno.ENXIO):
            raise LockFileError("is not a regular file") from None
        raise


def _owner(target: Path) -> tuple[int, int] | None:
    """Return the owner and the group of the file, or else of its folder."""
    for path in (target, target.parent):
        with suppress(OSError):
            status = path.stat()
            return status.st_uid, status.st_gid
    return None


def _is_same_file(handle: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(file))
    except FileNotFoundError:
        return False


def _lock(handle: int, deadline: float) -> None:
    """Lock the file. Raises `LockTimeoutError` or `OSError`."""
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
    """Set the owner of the draft, and a mode of at most 0600."""
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
        os.fchown(file, old.st_uid, old.st_gid)  # before the mode: chown clears bits of it
    os.fchmod(file, mode)


def _file_version(target: Path) -> FileVersion | None:
    try:
        return file_version(target.stat())
    except FileNotFoundError:
        return None


def sync_folder(folder: Path) -> None:
    """Flush renamed and created files of the folder to the disk, if the file system can."""
    with suppress(OSError):  # the file is in place, but some file systems cannot sync a folder
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""Files that are replaced whole: a reader finds the old one or the new one and nothing between."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from chat_server.printable import one_line
from chat_server.users_file import Fingerprint, fingerprint
from chat_server.users_file_form import FileBusyError, UsersFileError, shown

_GLANCE_SECONDS: Final = 0.02
"""While somebody else has the lock: how often it is tried again."""

_PATIENCE: Final = 30.0
"""Many times what all who change the file may take. Whoever may look into the folder can hold its
lock for ever, and a command that waits says nothing."""


def write_whole(
    path: Path,
    data: bytes,
    before: Fingerprint | None,
    *,
    owned_as: Path | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> bool:
    """Replace the file, or make it where there is none; on the disk when this returns.

    Nobody but its owner can read the new file: mode 0600, or less where the old one had less. Its
    owner is the old one's, or `owned_as`'s where there is no old one. `before` is the file that was
    read (None: there was none); one that is another by now is not replaced (`FileBusyError`): by
    hand people change it without the lock. `wanted` is asked last; False, with nothing done, where
    it says so. Raises `UsersFileError`, with nothing done. Whoever has read the file to change it
    holds the lock of `alone_in_folder`.
    """
    target = Path(os.path.realpath(path))  # replacing a symlink would leave its target behind
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        file = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            with open(file, "wb") as stream:
                _inherit(file, target, owned_as)
                stream.write(data)
                stream.flush()
                os.fsync(file)
            if _fingerprint(target) != before:
                raise FileBusyError(
                    f"{shown(path)}: not written: somebody else changed it at the same moment;"
                    " try again"
                )
            if not wanted():
                draft.unlink()
                return False
            os.replace(draft, target)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
    except OSError as error:
        raise UsersFileError(f"{shown(path)}: not written: {_why(error)}") from None
    sync_folder(target.parent)
    return True


def delete_file(path: Path) -> None:
    """Delete the file. Raises `UsersFileError`."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UsersFileError(f"{shown(path)}: not deleted: {_why(error)}") from None
    sync_folder(path.parent)


@contextmanager
def alone_in_folder(path: Path, patience: float | None = None) -> Iterator[None]:
    """Hold the lock of all who change a users file in the folder of `path`.

    The lock is on the folder itself: it leaves no file behind, and unlike the users file, the
    folder is not replaced while somebody waits for its lock. Threads exclude each other, too. Waits
    `patience` seconds for it (then `FileBusyError`), 30 where that is None. Raises
    `UsersFileError`.
    """
    folder = Path(os.path.realpath(path)).parent
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UsersFileError(f"{shown(path)}: its folder: {_why(error)}") from None
    try:
        try:
            _lock(handle, patience)
        except TimeoutError:
            raise FileBusyError(
                f"{shown(path)}: not written: another program is changing the accounts; try again"
            ) from None
        except OSError as error:
            raise UsersFileError(
                f"{shown(path)}: its folder can't be locked ({_why(error)});"
                " keep the file on a local disk"
            ) from None
        yield
    finally:
        os.close(handle)


def _lock(handle: int, patience: float | None) -> None:
    """Raises `TimeoutError` and `OSError`."""
    deadline = time.monotonic() + (_PATIENCE if patience is None else patience)
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError from None
            time.sleep(min(left, _GLANCE_SECONDS))
        else:
            return


def _inherit(file: int, target: Path, owned_as: Path | None) -> None:
    """Give the draft the owner that it is to have, and no more mode than 0600."""
    mode = 0o600
    try:
        old = target.stat()
        mode &= stat.S_IMODE(old.st_mode)
    except FileNotFoundError:
        if owned_as is None or not owned_as.exists():
            return
        old = owned_as.stat()
    new = os.fstat(file)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(file, old.st_uid, old.st_gid)  # before the mode: chown takes bits away
    os.fchmod(file, mode)


def _fingerprint(target: Path) -> Fingerprint | None:
    try:
        return fingerprint(target.stat())
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


def _why(error: OSError) -> str:
    words = one_line(error.strerror or str(error))
    cures = {
        errno.EACCES: "run this as a user that may write there",
        errno.EPERM: "run this as the file's owner",
        errno.ENOENT: "make the folder first",
        errno.EROFS: "name a file on a disk that can be written",
        errno.ENOSPC: "make room on the disk",
        errno.EDQUOT: "make room within your quota",
        errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
        errno.EBUSY: "it is a mount of its own: mount its folder instead",
        errno.ENOTDIR: "name a file in a folder",
    }
    cure = cures.get(error.errno or 0)
    return f"{words}; {cure}" if cure else words

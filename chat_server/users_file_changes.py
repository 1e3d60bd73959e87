"""Changes of the users file: one at a time on this machine, each whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from chat_server.printable import one_line
from chat_server.users import UsersFileError, read_accounts


class AccountExistsError(Exception):
    """The name has an account already."""


class NoSuchAccountError(Exception):
    """The name has no account."""


def add_account(path: Path, name: str, hashed: str) -> None:
    """Add an account; makes the file where there is none.

    `name` is canonical. Raises `AccountExistsError` or `UsersFileError`; nothing has
    changed then.
    """
    with _alone(path):
        accounts = dict(read_accounts(path)) if os.path.exists(path) else {}
        if name in accounts:
            raise AccountExistsError(name)
        write_accounts(path, accounts | {name: hashed})


def remove_account(path: Path, name: str) -> None:
    """Remove the account of the canonical `name`.

    Raises `NoSuchAccountError` or `UsersFileError`; nothing has changed then.
    """
    with _alone(path):
        accounts = dict(read_accounts(path))
        if accounts.pop(name, None) is None:
            raise NoSuchAccountError(name)
        write_accounts(path, accounts)


def make_accounts(path: Path, accounts: Mapping[str, str]) -> bool:
    """Make the file with these accounts; False, and nothing done, where there is one by now.

    Raises `UsersFileError`.
    """
    with _alone(path):
        if os.path.exists(path):
            return False
        write_accounts(path, accounts)
        return True


def write_accounts(path: Path, accounts: Mapping[str, str]) -> None:
    """Write the file anew, so that a reader finds the old one or the new one and nothing between.

    A new file gets mode 0600; an old one's mode and owner stay. Raises `UsersFileError`. Whoever
    has read the file to change it holds the lock that `add_account` takes.
    """
    data = (json.dumps(dict(accounts), indent=2, ensure_ascii=False) + "\n").encode()
    target = Path(os.path.realpath(path))  # replacing a symlink would leave its target behind
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        file = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            with open(file, "wb") as stream:
                _inherit(target, file)
                stream.write(data)
                stream.flush()
                os.fsync(file)
            os.replace(draft, target)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
    except OSError as error:
        raise UsersFileError(f"{one_line(str(path))}: not written: {_why(error)}") from None
    _sync_folder(target.parent)


def _inherit(target: Path, file: int) -> None:
    """Give the draft the owner and the mode of the file that it will replace, if there is one."""
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    new = os.fstat(file)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(file, old.st_uid, old.st_gid)  # before the mode: chown takes bits away
    os.fchmod(file, stat.S_IMODE(old.st_mode))


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # the file is in place; some file systems can't sync a folder
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock of all who change a users file in the folder of `path`.

    The lock is on the folder itself: it leaves no file behind, and unlike the users file, the
    folder is not replaced while somebody waits for its lock.
    """
    folder = Path(os.path.realpath(path)).parent
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UsersFileError(f"{one_line(str(path))}: its folder: {_why(error)}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            raise UsersFileError(
                f"{one_line(str(path))}: its folder can't be locked ({_why(error)});"
                " keep the file on a local disk"
            ) from None
        yield
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

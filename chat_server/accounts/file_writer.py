"""Writes the users file and its companion. Every failure is a `UsersFileError` with a hint.

`chat_server.files` has the generic part. This module adds the path and what to do to its errors.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from chat_server import files
from chat_server.accounts.file_format import UsersFileConflictError, UsersFileError, format_path
from chat_server.escape import one_line
from chat_server.files import (
    FileChangedError,
    FileVersion,
    LockFileError,
    LockTimeoutError,
    LockUnsupportedError,
)

_NO_FOLDER: Final = (FileNotFoundError, NotADirectoryError)


def write_users_file(
    path: Path,
    data: bytes,
    expected_version: FileVersion | None,
    *,
    owner_like: Path | None = None,
    still_wanted: Callable[[], bool] = lambda: True,
) -> bool:
    """Replace the file atomically; see `files.write_atomic`.

    Raises `UsersFileConflictError` if the file has changed since it was read, `UsersFileError` if
    it cannot be written.
    """
    try:
        return files.write_atomic(
            path, data, expected_version, owner_like=owner_like, still_wanted=still_wanted
        )
    except FileChangedError:
        raise UsersFileConflictError(
            f"{format_path(path)}: not written: another program changed it at the same moment;"
            " try again"
        ) from None
    except OSError as error:
        raise UsersFileError(
            f"{format_path(path)}: not written: {_describe_error(error)}"
        ) from None


def delete_users_file(path: Path) -> None:
    """Delete the file, if there is one. Raises `UsersFileError`."""
    try:
        files.delete_file(path)
    except OSError as error:
        raise UsersFileError(
            f"{format_path(path)}: not deleted: {_describe_error(error)}"
        ) from None


@contextmanager
def users_file_lock(path: Path, timeout: float | None = None) -> Iterator[None]:
    """Hold the lock of the users file at `path`; see `files.lock_file`.

    Wait `timeout` seconds for it, then raise `UsersFileConflictError`. Raises `UsersFileError` if
    the lock file cannot be used. Errors of the caller's own block pass through unchanged.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(files.lock_file(path, timeout))
        except LockTimeoutError:
            raise UsersFileConflictError(
                f"{format_path(path)}: not written: another program is changing the accounts;"
                " try again"
            ) from None
        except LockUnsupportedError as error:
            cause = error.__cause__
            why = _describe_error(cause) if isinstance(cause, OSError) else str(cause)
            raise UsersFileError(
                f"{format_path(files.lock_path(path))}: can't be locked ({why}); keep the users"
                " file on a local disk"
            ) from None
        except LockFileError as error:
            raise UsersFileError(
                f"{format_path(files.lock_path(path))}: is the lock of the users file, but it"
                f" {error}; remove it"
            ) from None
        except OSError as error:
            where = "its folder" if isinstance(error, _NO_FOLDER) else "not written"
            raise UsersFileError(
                f"{format_path(path)}: {where}: {_describe_error(error)}"
            ) from None
        yield


def _describe_error(error: OSError) -> str:
    text = one_line(error.strerror or str(error))
    hints = {
        errno.EACCES: "run this as a user that may write there",
        errno.EPERM: "run this as the file's owner",
        errno.ENOENT: "create the folder first",
        errno.EROFS: "name a file on a writable disk",
        errno.ENOSPC: "free some disk space",
        errno.EDQUOT: "free some space in your quota",
        errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
        errno.EBUSY: "the file is a mount point: mount its folder instead",
        errno.ENOTDIR: "name a file in a folder",
    }
    hint = hints.get(error.errno or 0)
    return f"{text}; {hint}" if hint else text

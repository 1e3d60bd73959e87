"""The file of a history next to others: its lock, its identity, and how it is set aside.

This module never looks into the file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from chat_server.files import (
    LockFileError,
    LockTimeoutError,
    LockUnsupportedError,
    lock_file,
    lock_path,
    sync_folder,
)

COMPANIONS: Final = ("-wal", "-shm")
"""Suffixes of the files that SQLite keeps next to a database. They belong to it alone: next to
another database, it would read that one as a wrong mixture."""


_KEPT_LOG: Final = "-wal.kept"
"""The suffix of the second name of the log, see `HistoryFile.keep_log`."""


class HistoryInUseError(Exception):
    """Another server uses the file. The text is one line for the operator."""


class HistoryFileError(Exception):
    """The file cannot be used. The text is one line for the operator, without the path."""


class HistoryFile:
    """The path of a history file. Locked by one server at a time, from `lock` to `unlock`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._target = Path(os.path.realpath(path))
        """Behind a symlink: the files that are set aside are there."""
        self._identity: tuple[int, int] | None = None
        self._log_identity: tuple[int, int] | None = None
        self._lock = ExitStack()

    def lock(self) -> None:
        """Exclude other servers. Raises `HistoryInUseError` and `HistoryFileError`.

        The lock is on a file of its own, because SQLite locks and replaced files do not mix with
        it. Commands for the history file do not take it: they work next to a server.
        """
        try:
            self._lock.enter_context(lock_file(self.path, timeout=0))
        except LockTimeoutError:
            raise HistoryInUseError(
                f"history file {self.path}: another server uses it. Stop that one, or name another"
                " file with `--history`."
            ) from None
        except LockUnsupportedError as error:
            why = getattr(error.__cause__, "strerror", None) or "it has no locks"
            raise HistoryFileError(f"its file system cannot lock files: {why}") from error
        except LockFileError as error:
            raise HistoryFileError(f"{lock_path(self.path)} {error}") from error
        except OSError as error:
            raise HistoryFileError(error.strerror or str(error)) from error

    def unlock(self) -> None:
        """Let another server use the file. Idempotent."""
        self._lock.close()

    def check(self) -> None:
        """Check that a server could use the file, and create nothing.

        Raises `HistoryInUseError`, `HistoryFileError` and `OSError`.
        """
        self.check_access()
        if lock_path(self.path).exists():
            self.lock()
            self.unlock()

    def check_access(self) -> None:
        """Check that this user may write the file and its folder. Create nothing.

        SQLite opens a file that it cannot write, and fails only later. Raises `HistoryFileError`
        and `OSError`.
        """
        folder = self._target.parent
        if not folder.is_dir():
            raise HistoryFileError("its folder does not exist")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise HistoryFileError("its folder can't be written")
        if os.path.lexists(self._target):
            if not stat.S_ISREG(os.stat(self._target).st_mode):
                raise HistoryFileError("is not a regular file")
            if not os.access(self._target, os.R_OK | os.W_OK):
                raise HistoryFileError("can't be read and written")

    def remove_stale_companions(self) -> None:
        """Remove companions whose database is gone: a new one must not read them."""
        if not os.path.lexists(self._target):
            for suffix in COMPANIONS:
                with suppress(FileNotFoundError):
                    os.unlink(f"{self._target}{suffix}")

    def keep_log(self) -> None:
        """Keep the write-ahead log under another name too, until `release_log`.

        SQLite deletes the log when it closes the database, also a damaged one. What is in the log
        could be the part that is whole. It is a hard link, so this takes no time and no space.
        """
        self.release_log()
        with suppress(OSError):  # no log, or a file system without hard links
            os.link(f"{self._target}-wal", f"{self._target}{_KEPT_LOG}")

    def release_log(self) -> None:
        """Remove the second name of the log: the database could be opened."""
        with suppress(OSError):
            os.unlink(f"{self._target}{_KEPT_LOG}")

    def remember_identity(self) -> None:
        """Remember which file is open now, and its log. Raises `OSError`."""
        self._identity = _identity(self._target)
        self._log_identity = None
        with suppress(FileNotFoundError):
            self._log_identity = _identity(Path(f"{self._target}-wal"))

    def was_replaced(self) -> bool:
        """Return True if the open file is not at the path any more."""
        try:
            return _identity(self._target) != self._identity
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False  # the disk fails: the next commit shows it

    def remove_own_log(self) -> None:
        """Remove the log of the file that was open, unless another one is at its path."""
        log = Path(f"{self._target}-wal")
        with suppress(OSError):
            if _identity(log) == self._log_identity:
                log.unlink()

    def free_bytes(self) -> int:
        """Return how much a user without privileges may still write. Raises `OSError`."""
        free = os.statvfs(self._target.parent)
        return free.f_bavail * free.f_frsize

    def size(self) -> int:
        """Return the bytes of the file and its write-ahead log; 0 if there is none."""
        total = 0
        for suffix in ("", "-wal"):
            with suppress(OSError):
                total += os.stat(f"{self._target}{suffix}").st_size
        return total

    def set_aside(self) -> Path:
        """Rename the file and its companions. Return the new path. Raises `OSError`.

        Nothing may have the file open. The three stay together, so that nothing that could be
        repaired is lost.
        """
        aside = self._unused_name()
        # The database last: without it the others are nothing. The kept log replaces a newer one.
        for suffix in (*COMPANIONS, _KEPT_LOG, ""):
            with suppress(FileNotFoundError):
                new = "-wal" if suffix == _KEPT_LOG else suffix
                os.rename(f"{self._target}{suffix}", f"{aside}{new}")
        sync_folder(self._target.parent)
        return aside

    def _unused_name(self) -> Path:
        base = f"{self._target.name}.broken-{datetime.now():%Y%m%d-%H%M%S}"
        names = (base, *(f"{base}-{number}" for number in range(2, 1000)))
        paths: Iterator[Path] = (self._target.with_name(name) for name in names)
        return next((path for path in paths if not os.path.lexists(path)), self._target)


def _identity(path: Path) -> tuple[int, int]:
    """Return the device and the inode of a file. Raises `OSError`."""
    status = os.stat(path)
    return status.st_dev, status.st_ino

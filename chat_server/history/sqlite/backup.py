"""Backups of a history file, and the way back: whole files, checked before they replace anything.

The history is up to three files: `NAME`, `NAME-wal` and `NAME-shm`. SQLite finds the last two by
name, and uses those of another database without an error. So a copy must not be put next to them.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from chat_server.files import open_regular, sync_folder
from chat_server.history.history_file import COMPANIONS
from chat_server.history.sqlite import erased_authors, search_index
from chat_server.history.sqlite.erasure import remove_all_erased
from chat_server.history.store import StoreCorruptError

_COPY_BYTES: Final = 4 * 1024 * 1024
"""Bytes copied between two calls of `progress`."""

_STEPS: Final = 10_000
"""Instructions of SQLite between two calls of `progress`: about a millisecond."""

_SINGLE_FILE: Final = "PRAGMA journal_mode = DELETE"
"""Only a database in this mode is a single file, also while it is read."""

LOCK_SECONDS: Final = 10.0
"""Longest wait for a lock of SQLite. The server's writer holds it for milliseconds."""

Progress = Callable[[], None]
"""Called now and then by a long operation. May raise `KeyboardInterrupt`, which stops it."""


class BackupExistsError(Exception):
    """There is already a file with the name of the backup."""


def back_up(history: Path, target: Path, progress: Progress = lambda: None) -> int:
    """Write a copy of the history to `target`, whose mode is 0600. Return its size in bytes.

    A server may use the history meanwhile. The copy contains what was committed before the call,
    and nothing that was erased. `target` appears complete or not at all, and is on the disk when
    this returns. Raises `BackupExistsError` if there is a file, `sqlite3.Error` and `OSError`.
    """
    if os.path.lexists(target):
        raise BackupExistsError
    with _draft(target) as draft:
        with closing(open_read_only(history)) as connection, interruptible(connection, progress):
            connection.execute("PRAGMA query_only = OFF")  # the copy counts as a write
            connection.execute("VACUUM INTO ?", (str(draft),))
        with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
            copy.execute(_SINGLE_FILE)
            with interruptible(copy, progress):
                _remove_erased(copy)
        size = _sync(draft)
        try:
            os.link(draft, target)  # unlike a rename, never replaces a file
        except FileExistsError:
            raise BackupExistsError from None
        except OSError:  # a file system without hard links
            if os.path.lexists(target):
                raise BackupExistsError from None
            os.rename(draft, target)
        sync_folder(target.absolute().parent)
    return size


def restore_backup(
    backup: Path,
    history: Path,
    check: Callable[[sqlite3.Connection], None],
    progress: Progress = lambda: None,
) -> Path | None:
    """Replace the history by a backup. Return the path to which the old file was moved, if any.

    The caller holds the lock of the server. The backup is copied next to the history and checked
    there, with `check`, which raises `StoreError`. Until that has succeeded, nothing else is
    changed. The old file keeps its `-wal`, so that it stays complete.
    Raises `StoreError`, `sqlite3.Error` and `OSError`.
    """
    target = Path(os.path.realpath(history))
    with _draft(target) as draft:
        _copy(backup, draft, progress)
        with suppress(FileNotFoundError):
            # A copy of a whole folder may have one. It holds the newest messages.
            _copy(with_suffix(backup, "-wal"), with_suffix(draft, "-wal"), progress)
        with (
            closing(sqlite3.connect(draft, isolation_level=None)) as connection,
            interruptible(connection, progress),
        ):
            connection.execute(_SINGLE_FILE)
            check_integrity(connection)
            check(connection)
        _copy_owner(target if target.exists() else target.parent, draft)
        _sync(draft)
        old = _set_aside(target)
        os.rename(draft, target)
        sync_folder(target.parent)
    return old


def check_integrity(connection: sqlite3.Connection) -> None:
    """Check all pages and indexes of a database. Raises `StoreCorruptError` and `sqlite3.Error`."""
    for (problem,) in connection.execute("PRAGMA integrity_check(1)"):
        if problem != "ok":
            raise StoreCorruptError(problem)


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a history that exists, also on a read-only disk. Raises `sqlite3.Error`, `OSError`."""
    os.close(open_regular(path))  # its errors are clearer than "unable to open database file"
    target = Path(os.path.realpath(path))
    mode = "ro"
    if not with_suffix(target, "-wal").exists():  # no writer: it would have one
        if not os.access(target.parent, os.W_OK):
            # SQLite could not create the files that it needs to share the database with a writer.
            mode = "ro&immutable=1"
        elif os.access(target, os.W_OK):
            mode = "rw"  # a connection that only reads would leave these files
    uri = f"{target.as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=LOCK_SECONDS)
    connection.execute("PRAGMA query_only = ON")
    return connection


@contextmanager
def interruptible(connection: sqlite3.Connection, progress: Progress) -> Iterator[None]:
    """Call `progress` during long statements, and raise the `KeyboardInterrupt` that it raises.

    Python handles Ctrl+C only between two instructions of its own, so a statement without a
    progress handler could not be stopped. `sqlite3` drops the exception of a handler.
    """

    def call() -> int:
        progress()
        return 0

    connection.set_progress_handler(call, _STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from None
        raise
    finally:
        connection.set_progress_handler(None, 0)


def with_suffix(path: Path, suffix: str) -> Path:
    """Return the path of a companion of a database."""
    return path.with_name(path.name + suffix)


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """Create an empty file next to `target` that only its owner can read. Delete it at the end."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield draft
    finally:
        for suffix in ("", "-journal", *COMPANIONS):
            with suppress(OSError):
                with_suffix(draft, suffix).unlink(missing_ok=True)


def _remove_erased(connection: sqlite3.Connection) -> None:
    """Remove what a server has erased and not yet removed from its own file."""
    if not erased_authors.load(connection):
        return
    connection.execute("PRAGMA secure_delete = ON")
    has_search = search_index.is_usable(connection)
    remove_all_erased(connection, has_search)
    if has_search:
        search_index.merge_all(connection)
    connection.execute("VACUUM")


def _copy(source: Path, target: Path, progress: Progress) -> None:
    file = open_regular(source)
    with open(file, "rb") as stream:
        new = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(new, "wb") as copy:
            while chunk := stream.read(_COPY_BYTES):
                copy.write(chunk)
                progress()


def _copy_owner(model: Path, file: Path) -> None:
    """Give the file to the owner of `model`, so that root can restore for a service."""
    wanted, is_now = model.stat(), file.stat()
    if (wanted.st_uid, wanted.st_gid) != (is_now.st_uid, is_now.st_gid) and os.geteuid() == 0:
        os.chown(file, wanted.st_uid, wanted.st_gid)


def _sync(file: Path) -> int:
    """Flush the file to the disk. Return its size."""
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
        return os.fstat(handle).st_size
    finally:
        os.close(handle)


def _set_aside(history: Path) -> Path | None:
    """Move the database and its companions to a name with the time. Return the new path."""
    time = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    name = f"{history.name}.before-restore-{time}"
    aside, number = history.with_name(name), 1
    while os.path.lexists(aside):
        number += 1
        aside = history.with_name(f"{name}-{number}")
    has_file = os.path.lexists(history)
    if has_file:
        # Bring the newest messages from the -wal into the database, which then is a single file.
        # A broken one stays as it is.
        with suppress(sqlite3.Error), closing(sqlite3.connect(history)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        os.rename(history, aside)
    # Without its database, a -wal is of no use, but SQLite would use it with the new one.
    with suppress(FileNotFoundError):
        os.rename(with_suffix(history, "-wal"), with_suffix(aside, "-wal"))
    with_suffix(history, "-shm").unlink(missing_ok=True)
    return aside if has_file else None

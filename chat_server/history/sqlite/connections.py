"""Connections to the history file: private files, settings, transactions, limits and errors."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from chat_server.files import open_regular
from chat_server.history.store import (
    NewerSchemaError,
    NotHistoryFileError,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
)

APPLICATION_ID: Final = 0x4C6F6262
"""Marks the file as a history file, in the header of the database."""

_HEADER: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_VERSION_OFFSET: Final = 60
_APPLICATION_OFFSET: Final = 68
_EMPTY_SCHEMA: Final = b"\x0d\0\0\0\0"
"""After the header: the page of the schema is a leaf without free blocks and without entries."""

_OWN_SUFFIX: Final = ".history.db"
"""How the name of a file ends that the server chose. Only such a file can be recognized as a
history when its header is gone."""

_WAL_LIMIT: Final = 16 * 1024 * 1024
"""Bytes to which a checkpoint shortens the log after a long read has let it grow."""

_WRITER_CACHE_KIB: Final = 1024
"""Pages of the file that the writer keeps in memory: more than a usual batch changes."""

_READER_CACHE_KIB: Final = 256
"""The same for each reader, of which a server has four. The pages of two requests differ mostly, so
more makes no page faster: the system has the file in memory as well."""

_PROGRESS_STEPS: Final = 10_000
"""Instructions between two checks of a time limit: less than a millisecond."""

_ERRORS: Final[dict[int, type[StoreError]]] = {
    sqlite3.SQLITE_BUSY: StoreBusyError,
    sqlite3.SQLITE_LOCKED: StoreBusyError,
    sqlite3.SQLITE_INTERRUPT: StoreBusyError,
    sqlite3.SQLITE_FULL: StoreFullError,
    sqlite3.SQLITE_READONLY: StoreReadOnlyError,
    sqlite3.SQLITE_PERM: StoreReadOnlyError,
    sqlite3.SQLITE_CORRUPT: StoreCorruptError,
    sqlite3.SQLITE_NOTADB: StoreCorruptError,
}
"""By the primary result code of SQLite."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise errors of SQLite and of the operating system as `StoreError`s."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        # The lowest byte is the primary code. Without a code it is a mistake in this package.
        kind = StoreError if code is None else _ERRORS.get(code & 0xFF, StoreError)
        raise kind(str(error)) from error
    except PermissionError as error:
        raise StoreReadOnlyError(error.strerror or str(error)) from error
    except OSError as error:
        raise StoreError(error.strerror or str(error)) from error


def make_private(path: Path) -> None:
    """Create the file with mode 0600, or restrict the mode of an existing one. Raises `OSError`.

    SQLite gives its further files the mode of this one.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with suppress(FileExistsError):
        os.close(os.open(path, flags, 0o600))
        return
    for suffix in ("", "-wal", "-shm"):
        try:
            file = open_regular(path.with_name(path.name + suffix))
        except FileNotFoundError:
            if suffix:
                continue
            raise
        try:
            mode = stat.S_IMODE(os.fstat(file).st_mode)
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                os.fchmod(file, mode & stat.S_IRWXU)
        finally:
            os.close(file)


def check_header(path: Path, newest_version: int) -> None:
    """Reject a file of another program or of a newer server, without a change to it.

    An empty file is accepted, and a damaged history is left to SQLite. Without the header of a
    database, the file is a history only if its name says so. Any other file may be one that the
    operator named by mistake. Raises `NotHistoryFileError`, `NewerSchemaError`, `OSError`.
    """
    file = open_regular(path)
    try:
        start = os.read(file, _HEADER_BYTES + len(_EMPTY_SCHEMA))
    finally:
        os.close(file)
    header, schema = start[:_HEADER_BYTES], start[_HEADER_BYTES:]
    if len(header) < _HEADER_BYTES or not header.startswith(_HEADER):
        if start and not path.name.endswith(_OWN_SUFFIX):
            raise NotHistoryFileError("it is not a history file")
        return
    version = int.from_bytes(header[_VERSION_OFFSET : _VERSION_OFFSET + 4], "big")
    application = int.from_bytes(header[_APPLICATION_OFFSET : _APPLICATION_OFFSET + 4], "big")
    check_identity(application, version, newest_version)
    if application != APPLICATION_ID and schema != _EMPTY_SCHEMA:
        raise NotHistoryFileError("it is a database of another program")


def check_identity(application: int, version: int, newest_version: int) -> None:
    """Raise `NotHistoryFileError` or `NewerSchemaError`."""
    # A server that was killed while it created the file leaves an empty database: both are 0.
    if application != APPLICATION_ID and (application, version) != (0, 0):
        raise NotHistoryFileError("it is a database of another program")
    if version > newest_version:
        raise NewerSchemaError(
            f"its version is {version}, and this server knows versions up to {newest_version}"
        )


def open_writer(path: Path, timeout: float) -> sqlite3.Connection:
    """Open the connection that writes. `timeout`: seconds to wait for another writer."""
    connection = _connect(path, "rw", timeout)
    try:
        # Without it, deleted text stays in free pages.
        connection.execute("PRAGMA secure_delete = ON")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError("the file system cannot share memory, which SQLite needs")
        # A commit survives the end of the process. A power cut may undo the last commits.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path, timeout: float) -> sqlite3.Connection:
    """Open a connection that only reads."""
    connection = _connect(path, "ro", timeout)
    # Does not read the file, so it cannot fail because of it.
    connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
    return connection


def _connect(path: Path, mode: str, timeout: float) -> sqlite3.Connection:
    # Transactions are explicit. One thread at a time uses a connection, but not always the same.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
    )


@contextmanager
def write_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run a transaction that writes. Any exception rolls it back."""
    # Immediate: a transaction that reads first and then writes fails if another has written.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors, such as a full disk, end it
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


@contextmanager
def read_transaction(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Run statements that see one state of the file, for at most `seconds` in all.

    A statement that runs longer raises `sqlite3.OperationalError` with `SQLITE_INTERRUPT`.
    """
    connection.set_progress_handler(_time_limit(seconds), _PROGRESS_STEPS)
    try:
        connection.execute("BEGIN")
        yield
    finally:
        # Without a limit: it also ends a transaction that was interrupted.
        connection.set_progress_handler(None, 0)
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _time_limit(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() > deadline

"""What the commands for kept messages print: errors in one line, progress, sizes and counts."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from chat_server.escape import one_line
from chat_server.files import LockFileError, LockTimeoutError, LockUnsupportedError
from chat_server.history import (
    NewerSchemaError,
    NotHistoryFileError,
    StoreCorruptError,
    StoreError,
)
from chat_server.history.sqlite import BackupExistsError

_MIB: Final = 1024 * 1024

_REPORT_SECONDS: Final = 0.5
"""Interval between two updates of the progress line on a terminal."""


class ProgressLine:
    """A line on standard error that says how long a command has run. Only on a terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_shown = sys.stderr is not None and sys.stderr.isatty()
        self._started = self._updated = 0.0
        self._length = 0

    def __call__(self) -> None:
        """Update the line, if it is time to."""
        now = time.monotonic()
        if self._is_shown and self._started and now - self._updated >= _REPORT_SECONDS:
            self._updated = now
            self._show(f"{self._what} ... {now - self._started:.0f} s (Ctrl+C stops it)")

    def __enter__(self) -> ProgressLine:
        self._started = self._updated = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self._started = 0.0
        if self._length:
            self._show("")

    def _show(self, text: str) -> None:
        sys.stderr.write(f"\r{text.ljust(self._length)}" + ("" if text else "\r"))
        sys.stderr.flush()
        self._length = len(text)


@contextmanager
def report_problems(file: Path, hint: str = "; restore a backup") -> Iterator[None]:
    """Report errors of the block in one line, with the name of the file and what to do.

    `hint`: what to do if it is damaged.
    """
    try:
        yield
    except BackupExistsError:
        why = "there is already such a file; name another one"
    except LockTimeoutError:
        why = "a server uses it; stop the server, then run this again"
    except LockUnsupportedError as error:
        why = f"can't be locked: {error.__cause__}; move it to a local disk"
    except LockFileError as error:
        why = f"its lock file {error}; delete that file"
    except NewerSchemaError as error:
        why = f"a newer version of Lobby wrote it: {error}; use that version"
    except NotHistoryFileError as error:
        why = f"{error}; name the right one with --history"
    except StoreCorruptError as error:
        why = f"is damaged: {error}{hint}"
    except StoreError as error:
        why = str(error)
    except FileNotFoundError:
        why = "no such file"
        if hint:
            why += "; name another with --history, or the users file next to it with --users"
    except sqlite3.Error as error:
        why = _describe(error, hint)
    except OSError as error:
        why = error.strerror or str(error)
        if error.filename and not _is_at(file, error.filename):
            why = f"{why}: {error.filename}"
    else:
        return
    raise click.ClickException(one_line(f"{file}: {why}"))


def _is_at(file: Path, path: str | bytes | int) -> bool:
    return isinstance(path, str) and os.path.realpath(path) == os.path.realpath(file)


def _describe(error: sqlite3.Error, hint: str) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another program holds its lock; try again later"
        case sqlite3.SQLITE_FULL:
            return "the disk is full; free some space, then run this again"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return f"{error}; run this as the user of the server"
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return f"is damaged: {error}{hint}"
        case _:
            return str(error)


def format_path(path: Path) -> str:
    """Return a path that does nothing in a terminal."""
    return one_line(str(path))


def format_size(size: int) -> str:
    """Return a number of bytes in MiB, or a smaller one in KiB."""
    return f"{size / _MIB:.1f} MiB" if size >= _MIB else f"{size / 1024:.0f} KiB"


def count_of(number: int, what: str) -> str:
    """Return `1 message`, or `2 messages`."""
    return f"1 {what}" if number == 1 else f"{number} {what}s"

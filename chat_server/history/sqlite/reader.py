"""The reading side of the SQLite store: a pool of read-only connections for the client threads."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from chat_server.config import HistoryFrom
from chat_server.history.sqlite import pages, search, unread
from chat_server.history.sqlite.connections import (
    open_reader,
    read_transaction,
    translated_errors,
)
from chat_server.history.store import StoreBusyError
from chat_server.history.values import Page, PageRequest, Reader, SearchTooSlowError, Unread

_CONNECTIONS: Final = 4
"""More would not read faster: the interpreter runs one thread at a time between two reads."""


class SqliteReader:
    """Reading methods, for any thread. Each sees one state of the file. See `StoreReader`."""

    def __init__(self, path: Path, history_from: HistoryFrom, time_limit: float) -> None:
        """`time_limit`: seconds of a call, with its wait for a connection."""
        self._path = path
        self._history_from = history_from
        self._time_limit = time_limit
        self._places = threading.Semaphore(_CONNECTIONS)
        self._idle: list[sqlite3.Connection] = []  # list operations are atomic

    def room_page(self, reader: Reader, request: PageRequest) -> Page:
        """Return a page of the reader's room."""
        with self._transaction() as connection:
            return pages.room_page(connection, reader, request, self._history_from)

    def private_page(self, user: str, other: str, request: PageRequest) -> Page:
        """Return a page of the private messages between two users."""
        with self._transaction() as connection:
            return pages.private_page(connection, user, other, request)

    def search(self, reader: Reader, words: Sequence[str]) -> Page:
        """Return the newest messages of the reader's room that contain all words."""
        try:
            with self._transaction() as connection:
                return search.search(connection, reader, words, self._history_from)
        except StoreBusyError as error:
            cause = error.__cause__
            if isinstance(cause, sqlite3.Error) and (
                cause.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
            ):
                raise SearchTooSlowError from error
            raise

    def read_marker(self, user: str, room: str) -> int:
        """Return the stamp up to which the user has read the room."""
        with self._transaction() as connection:
            return unread.read_marker(connection, user, room)

    def private_read_marker(self, user: str, other: str) -> int:
        """Return the stamp up to which the user has read the private messages with `other`."""
        with self._transaction() as connection:
            return unread.private_read_marker(connection, user, other)

    def visited_rooms(self, user: str) -> list[str]:
        """Return the rooms that the user has visited, by name."""
        with self._transaction() as connection:
            return unread.visited_rooms(connection, user)

    def unread_in(self, reader: Reader, room: str, after: int | None = None) -> Unread:
        """Count the unread messages in a room."""
        with self._transaction() as connection:
            return unread.unread_in(connection, reader, room, after, self._history_from)

    def unread_private(self, reader: Reader) -> dict[str, int]:
        """Return the numbers of unread private messages by author."""
        with self._transaction() as connection:
            return unread.unread_private(connection, reader)

    def gap_in_unread(self, user: str) -> int:
        """Return where the newest gap behind a read marker of the user ends."""
        with self._transaction() as connection:
            return unread.gap_in_unread(connection, user)

    def close(self) -> None:
        """Close all connections. Only when no other method runs."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        deadline = time.monotonic() + self._time_limit
        if not self._places.acquire(timeout=self._time_limit):
            raise StoreBusyError("other reads take too long")
        try:
            with translated_errors():
                connection = self._take()
                try:
                    with read_transaction(connection, deadline - time.monotonic()):
                        yield connection
                except sqlite3.Error:
                    # Its state is unknown, for example after an I/O error.
                    connection.close()
                    raise
                except BaseException:
                    self._idle.append(connection)
                    raise
                self._idle.append(connection)
        finally:
            self._places.release()

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return open_reader(self._path, self._time_limit)

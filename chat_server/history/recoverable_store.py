"""The store of the writer, with what happens if its file is damaged, removed or replaced.

`docs/architecture.md` has a table of the faults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from chat_server.core import Record
from chat_server.history.health import Health
from chat_server.history.history_file import HistoryFile
from chat_server.history.live_state import LiveState
from chat_server.history.reader_pool import ReaderPool
from chat_server.history.store import (
    NewerSchemaError,
    NotHistoryFileError,
    Store,
    StoreCorruptError,
    StoreError,
)
from chat_server.observability import EventLog


class RecoverableStore:
    """The store at the path of a history file. Only the writer's thread uses it.

    Except for `use`, before the thread starts, and `report_damage`.
    """

    def __init__(
        self,
        file: HistoryFile,
        open_store: Callable[[Path], Store],
        accounts: Callable[[], Mapping[str, str | None] | None],
        readers: ReaderPool,
        health: Health,
        log: EventLog,
        *,
        shares_log: bool = False,
    ) -> None:
        """`open_store` opens the file, or a new one, and raises `StoreError`.

        `accounts` returns all accounts with their creation times.
        """
        self._file = file
        self._open_store = open_store
        self._accounts = accounts
        self._readers = readers
        self._health = health
        self._log = log
        self._shares_log = shares_log
        self._live = LiveState()
        self._damage = ""
        """What a reader has found to be wrong with the file."""
        self.current: Store | None = None
        """None while the file cannot be opened."""

    def use(self, store: Store) -> None:
        """Use this store, which is open and prepared. Raises `StoreError`."""
        try:
            self._file.remember_identity()
        except OSError as error:
            raise StoreError(error.strerror or str(error)) from error
        saved = store.saved_state()
        self._live = LiveState(
            saved.subscriptions, self._accounts(), saved.log_position, saved.log_numbers
        )
        self.current = store
        self._readers.replace(store)

    def require(self) -> Store:
        """Return the store. Raises `StoreError` if there is none at the moment."""
        if self.current is None:
            raise StoreError("the history file is not open")
        return self.current

    def follow(self, record: Record) -> None:
        """Note a record that was stored: a new file may have to begin with it."""
        self._live.apply(record)

    def report_damage(self, why: str) -> None:
        """Note that a reader has found the file to be damaged. Any thread."""
        if not self._damage:
            self._damage = why

    def close_if_replaced(self) -> None:
        """Close the store if its file is not at the path any more."""
        if self.current is not None and self._file.was_replaced():
            path = str(self._file.path)
            self._log.history_file_lost(path)
            self._health.degrade(f"the history file {path} was removed or replaced while in use")
            # The log stays at its path, and SQLite would use it with the file that is there now.
            self._readers.replace(None)
            with suppress(Exception):
                self.current.empty_log()
            self.close()
            self._file.remove_own_log()

    def set_aside_if_damaged(self) -> None:
        """Set the file aside if a reader has found it damaged."""
        if self._damage and self.current is not None:
            self.set_aside(self._damage)

    def set_aside(self, why: str) -> None:
        """Set the damaged file aside. `reopen` begins a new one."""
        if self.current is not None and self._file.was_replaced():
            self.close_if_replaced()  # the file that is there now may be whole
            return
        self._file.keep_log()
        self.close()
        try:
            aside = self._file.set_aside()
        except OSError as error:
            self._health.fail(f"{why}; it can't be renamed: {error.strerror or error}")
            return
        self._log.history_set_aside(str(self._file.path), str(aside), why)
        self._health.degrade(f"the history file was damaged and set aside as {aside}")

    def reopen(self) -> bool:
        """Open the file at the path, or a new one. Return False if that fails for now.

        Subscriptions and open visits are stored again, if the file does not have them.
        """
        try:
            store = self._opened()
        except StoreCorruptError as error:
            self.set_aside(str(error))  # the next attempt begins a new one
            return False
        except (StoreError, OSError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            if isinstance(error, NewerSchemaError | NotHistoryFileError):
                why = f"{why}; it was left untouched"
            self._health.fail(why)
            return False
        self.current = store
        self._readers.replace(store)
        self._health.recover()
        return True

    def _opened(self) -> Store:
        """Open the file and bring its state to that of the server."""
        self._file.remove_stale_companions()
        store = self._open_store(self._file.path)
        try:
            current = self._accounts()
            store.start(
                None if current is None else self._live.accounts(current),
                shares_log=self._shares_log,
            )
            carried = self._live.records()
            if carried:
                store.apply(carried)
            self._file.remember_identity()
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close the store, once no thread reads it."""
        store, self.current = self.current, None
        self._readers.replace(None)
        self._damage = ""  # what a reader has found by now was wrong with this file
        if store is not None:
            with suppress(Exception):  # it may be damaged or gone
                store.close()

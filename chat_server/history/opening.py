"""The start of a history: the lock, a damaged file, and a file that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from chat_server.config import Config
from chat_server.core import now_microseconds
from chat_server.history.history_file import HistoryFile, HistoryFileError
from chat_server.history.service import HistoryService
from chat_server.history.store import (
    NewerSchemaError,
    NotHistoryFileError,
    Store,
    StoreCorruptError,
    StoreError,
)
from chat_server.observability import EventLog

_AHEAD_SECONDS: Final = 60
"""A stored stamp that is further ahead of the clock is an error: new messages get later ones."""


def open_history(
    config: Config,
    accounts: Callable[[], Mapping[str, str | None] | None],
    log: EventLog,
    clock: Callable[[], int] = now_microseconds,
    open_store: Callable[[Path], Store] | None = None,
) -> tuple[HistoryService | None, str | None]:
    """Open the history of a server that starts. Return it, or None and why it is off.

    It is off by configuration, without a reason, or if its file cannot be used, which is logged:
    the chat goes on without history. A damaged file is set aside, and a new one begins.
    `accounts()`: all accounts with their creation times, or None while they are not known. Raises
    `HistoryInUseError` if another server uses the file.
    """
    if config.history is None:
        return None, None
    if open_store is None:
        # Loaded on demand: without history the library is not needed.
        from chat_server.history.sqlite import SqliteStore

        open_store = partial(SqliteStore, history_from=config.history_from)
    file = HistoryFile(config.history)
    service = HistoryService(config, file, open_store, accounts, log, clock)
    try:
        file.lock()
        file.check_access()
        shares_log = config.redis is not None

        def prepared() -> Store:
            return _prepared(file, open_store, accounts, shares_log)

        _open(service, file, prepared, log, clock)
    except (HistoryFileError, StoreError, OSError) as error:
        file.unlock()
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        if isinstance(error, NotHistoryFileError):
            why += ", and was left untouched. Name another file with `--history`"
        log.history_off(str(config.history), why)
        return None, f"the history is off: {config.history}: {why}"
    return service, None


def _open(
    service: HistoryService,
    file: HistoryFile,
    prepared: Callable[[], Store],
    log: EventLog,
    clock: Callable[[], int],
) -> None:
    """Open the file, or a new one if it is damaged."""
    degradation = None
    try:
        store = prepared()
    except StoreCorruptError as error:
        aside = file.set_aside()
        log.history_set_aside(str(file.path), str(aside), str(error))
        degradation = f"the history file was damaged and set aside as {aside}"
        store = prepared()
    service.use(store, degradation)
    ahead = (store.saved_state().last_stamp - clock()) // 1_000_000
    if ahead > _AHEAD_SECONDS:
        log.history_ahead(ahead)


def _prepared(
    file: HistoryFile,
    open_store: Callable[[Path], Store],
    accounts: Callable[[], Mapping[str, str | None] | None],
    shares_log: bool,
) -> Store:
    file.remove_stale_companions()
    file.keep_log()
    try:
        store = open_store(file.path)
    except (NotHistoryFileError, NewerSchemaError):
        file.release_log()
        raise
    try:
        store.start(accounts(), shares_log=shares_log)
        store.saved_state()
    except StoreError:
        store.close()
        raise
    file.release_log()
    return store

"""The store on disk: a SQLite file next to the users file. Imports `sqlite3`."""

from chat_server.history.sqlite.backup import BackupExistsError, back_up, restore_backup
from chat_server.history.sqlite.schema import check_file
from chat_server.history.sqlite.store import SqliteStore
from chat_server.history.sqlite.upkeep import HistoryStats, HistoryUpkeep, RoomStats, check_version

__all__ = [
    "BackupExistsError",
    "HistoryStats",
    "HistoryUpkeep",
    "RoomStats",
    "SqliteStore",
    "back_up",
    "check_file",
    "check_version",
    "restore_backup",
]

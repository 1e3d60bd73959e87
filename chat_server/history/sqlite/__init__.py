"""The store on disk: a SQLite file next to the users file. Imports `sqlite3`."""

from chat_server.history.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]

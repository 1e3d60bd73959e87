"""The history: messages, subscriptions and read markers that outlive the server."""

from chat_server.history.history_file import HistoryFile, HistoryFileError, HistoryInUseError
from chat_server.history.interface import Commit, History
from chat_server.history.opening import open_history
from chat_server.history.service import HistoryService, HistorySnapshot
from chat_server.history.store import (
    DroppedMessages,
    NewerSchemaError,
    NotHistoryFileError,
    Pruned,
    Retention,
    Store,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReader,
    StoreReadOnlyError,
)
from chat_server.history.values import (
    MAX_PAGE,
    MAX_STAMP,
    MAX_UNREAD,
    Gap,
    HistoryUnavailableError,
    Hole,
    Page,
    PageRequest,
    PastMessage,
    Reader,
    SearchTooSlowError,
    Unread,
)

__all__ = [
    "MAX_PAGE",
    "MAX_STAMP",
    "MAX_UNREAD",
    "Commit",
    "DroppedMessages",
    "Gap",
    "History",
    "HistoryFile",
    "HistoryFileError",
    "HistoryInUseError",
    "HistoryService",
    "HistorySnapshot",
    "HistoryUnavailableError",
    "Hole",
    "NewerSchemaError",
    "NotHistoryFileError",
    "Page",
    "PageRequest",
    "PastMessage",
    "Pruned",
    "Reader",
    "Retention",
    "SearchTooSlowError",
    "Store",
    "StoreBusyError",
    "StoreCorruptError",
    "StoreError",
    "StoreFullError",
    "StoreReadOnlyError",
    "StoreReader",
    "Unread",
    "open_history",
]

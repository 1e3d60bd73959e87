"""The history: messages, subscriptions and read markers that outlive the server."""

from chat_server.history.interface import Commit, History
from chat_server.history.values import (
    MAX_PAGE,
    MAX_STAMP,
    MAX_UNREAD,
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
    "History",
    "HistoryUnavailableError",
    "Hole",
    "Page",
    "PageRequest",
    "PastMessage",
    "Reader",
    "SearchTooSlowError",
    "Unread",
]

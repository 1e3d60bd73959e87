"""The hub: sessions, rooms and subscriptions, and the values that it decides and emits."""

from chat_server.core.backplane import Backplane, BackplaneUnavailableError, Replica
from chat_server.core.clock import now_microseconds, reload_time_zone
from chat_server.core.hub import Hub
from chat_server.core.presence import PresenceLimit
from chat_server.core.records import Record, SavedState
from chat_server.core.requests import BanResult
from chat_server.core.rooms import ReadingPosition, Session
from chat_server.core.tables import AccountTable, BanTable
from chat_server.core.values import (
    EndCause,
    EndNotice,
    LoginBan,
    LoginBannedError,
    Rejected,
    RejectReason,
)

__all__ = [
    "AccountTable",
    "Backplane",
    "BackplaneUnavailableError",
    "BanResult",
    "BanTable",
    "EndCause",
    "EndNotice",
    "Hub",
    "LoginBan",
    "LoginBannedError",
    "PresenceLimit",
    "ReadingPosition",
    "Record",
    "RejectReason",
    "Rejected",
    "Replica",
    "SavedState",
    "Session",
    "now_microseconds",
    "records",
    "reload_time_zone",
    "requests",
    "values",
]

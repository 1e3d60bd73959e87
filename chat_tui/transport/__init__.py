"""Connections to a server: dialing, TLS, the threads that read and write, and the inbox."""

from typing import TYPE_CHECKING

from chat_tui.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from chat_tui.transport.backoff import Backoff
    from chat_tui.transport.connection import Connection
    from chat_tui.transport.dialer import CONNECT_TIMEOUT, Dialer
    from chat_tui.transport.inbox import Inbox
    from chat_tui.transport.outcome import ChangedKey, Connected, ConnectFailed, Outcome, UnknownKey
    from chat_tui.transport.wakeup import Wakeup

__all__ = [
    "CONNECT_TIMEOUT",
    "Backoff",
    "ChangedKey",
    "ConnectFailed",
    "Connected",
    "Connection",
    "Dialer",
    "Inbox",
    "Outcome",
    "UnknownKey",
    "Wakeup",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "Backoff": "chat_tui.transport.backoff",
        "CONNECT_TIMEOUT": "chat_tui.transport.dialer",
        "ChangedKey": "chat_tui.transport.outcome",
        "ConnectFailed": "chat_tui.transport.outcome",
        "Connected": "chat_tui.transport.outcome",
        "Connection": "chat_tui.transport.connection",
        "Dialer": "chat_tui.transport.dialer",
        "Inbox": "chat_tui.transport.inbox",
        "Outcome": "chat_tui.transport.outcome",
        "UnknownKey": "chat_tui.transport.outcome",
        "Wakeup": "chat_tui.transport.wakeup",
    },
)

"""The hub: sessions, rooms and subscriptions, and the messages that it routes."""

from chat_server.core.clock import LocalClock
from chat_server.core.hub import Hub
from chat_server.core.rooms import Session

__all__ = [
    "Hub",
    "LocalClock",
    "Session",
]

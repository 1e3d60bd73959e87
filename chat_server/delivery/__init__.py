"""Delivery of bytes to clients: the queue, the drain lock and the outboxes."""

from chat_server.delivery.dispatcher import Dispatcher
from chat_server.delivery.outbox import Outbox

__all__ = [
    "Dispatcher",
    "Outbox",
]

"""Delivery to clients: the encoder, the queue, the drain lock and the outboxes."""

from chat_server.delivery.batch import Batch
from chat_server.delivery.dispatcher import Dispatcher
from chat_server.delivery.encoder import TextEncoder
from chat_server.delivery.outbox import Outbox, OutboxState

__all__ = [
    "Batch",
    "Dispatcher",
    "Outbox",
    "OutboxState",
    "TextEncoder",
]

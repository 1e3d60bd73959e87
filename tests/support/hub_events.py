"""Events that a test gives to a hub, without a request that causes them."""

from __future__ import annotations

from chat_server.core import Hub
from chat_server.core.values import HubEvent, PublishedMessages, ReceiverT


def apply_event(hub: Hub[ReceiverT], event: HubEvent[ReceiverT]) -> None:
    """Apply an event and emit its outputs."""
    with hub._lock:
        if isinstance(event, PublishedMessages):
            hub._applier.apply_messages(event)
        else:
            hub._applier.apply(event)

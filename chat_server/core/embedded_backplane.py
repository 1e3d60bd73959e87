"""The order of requests without other servers: each one is applied at once."""

from __future__ import annotations

from typing import Generic

from chat_server.core.replica import HubReplica
from chat_server.core.rooms import Session
from chat_server.core.values import ReceiverT


class EmbeddedBackplane(Generic[ReceiverT]):
    """Decides and applies a request in one hold of the hub's lock. See `Backplane`. Any thread."""

    __slots__ = ("publish", "submit")

    def __init__(self, replica: HubReplica[ReceiverT]) -> None:
        # The methods themselves: a message should not pay for one more call.
        self.publish = replica.publish_at_once
        self.submit = replica.submit_at_once

    def settle(self, session: Session[ReceiverT]) -> None:
        """Do nothing: everything that was published is applied."""

    def catch_up(self) -> None:
        """Do nothing: there are no other servers."""

"""The context of a command: the session that sent it, and what its server offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from chat_server.core import Hub, RejectReason, Session, values
from chat_server.delivery import Batch, Outbox
from chat_server.history import History
from chat_server.services import Services


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The context of a command handler. Used only in the thread of the session's client."""

    session: Session[Outbox]
    services: Services
    batch: Batch
    """The batch in which the command runs: a handler adds the recipients of what it sends."""

    @property
    def hub(self) -> Hub[Outbox]:
        """The hub of the session."""
        return self.services.hub

    @property
    def history(self) -> History:
        """The history. Only for commands that are available while there is one."""
        history = self.services.history
        assert history is not None
        return history

    @property
    def is_operator(self) -> bool:
        """Whether the user may use the commands of operators."""
        return self.session.user in self.services.config.operators

    def settle(self) -> None:
        """Wait until the messages that the client sent before are applied: replies follow them."""
        hub = self.services.hub
        if hub.is_shared:
            self.batch.flush()  # earlier outputs must not wait for the other servers
            hub.settle(self.session)

    def reply(self, reply: values.HubReply) -> None:
        """Reply to the session."""
        self.services.hub.reply(self.session, reply)

    def reject(self, reason: RejectReason, subject: str = "") -> None:
        """Reply to the session that its request is rejected."""
        self.services.hub.reply(self.session, values.Rejected(reason, subject))


Handler: TypeAlias = Callable[[CommandContext, tuple[str, ...]], None]
"""Runs a command with its arguments, which the registry has validated."""

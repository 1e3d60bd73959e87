"""The context of a command: the session that sent it and the services of its server."""

from __future__ import annotations

from dataclasses import dataclass

from chat_server.core import Session
from chat_server.delivery import Outbox
from chat_server.services import Services


@dataclass(frozen=True, slots=True)
class CommandContext:
    """Who asks for something, in the thread of its own client."""

    session: Session[Outbox]
    host: str
    """The address that it comes from, without the port."""
    services: Services
    """What its server has."""

    @property
    def is_operator(self) -> bool:
        """Whether it may use the commands of operators."""
        return self.session.user in self.services.config.operators

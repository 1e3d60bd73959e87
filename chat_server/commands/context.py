"""The context of a command: the session that sent it, and what its server offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from chat_server.core import Hub, Session
from chat_server.delivery import Batch, Outbox
from chat_server.services import Services


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What a command handler is given. Used only in the thread of the session's client."""

    session: Session[Outbox]
    services: Services
    batch: Batch
    """The batch in which the command runs: a handler adds the recipients of what it sends."""

    @property
    def hub(self) -> Hub[Outbox]:
        """The hub of the session."""
        return self.services.hub

    @property
    def is_operator(self) -> bool:
        """Whether the user may use the commands of operators."""
        return self.session.user in self.services.config.operators

    def reply(self, *texts: str) -> None:
        """Reply to the session; each text is a line."""
        self.services.hub.reply(self.session, texts)

    def reply_error(self, text: str) -> None:
        """Reply to the session with an error."""
        self.services.hub.reply_error(self.session, text)


Handler: TypeAlias = Callable[[CommandContext, tuple[str, ...]], None]
"""Runs a command with its arguments, which the registry has validated."""

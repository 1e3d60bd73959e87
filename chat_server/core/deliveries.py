"""An output of the hub and its recipients."""

from __future__ import annotations

from typing import TypeAlias

from chat_server.core.rooms import Session
from chat_server.core.values import Output, ReceiverT

Delivery: TypeAlias = tuple[tuple[ReceiverT, ...], Output[ReceiverT]]
"""The recipients of an output, never empty, and the output."""


def addressed(
    recipients: tuple[ReceiverT, ...], output: Output[ReceiverT]
) -> list[Delivery[ReceiverT]]:
    """Return the delivery of an output, or none if there are no recipients."""
    return [(recipients, output)] if recipients else []


def addressed_to(
    session: Session[ReceiverT], output: Output[ReceiverT]
) -> list[Delivery[ReceiverT]]:
    """Return the delivery of an output to one session, or none if its client is elsewhere."""
    return [((session.receiver,), output)] if session.is_local else []

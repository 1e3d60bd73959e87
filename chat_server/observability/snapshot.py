"""The metrics of a server at one moment. They are read on request and cost nothing otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSnapshot:
    """The numbers of one moment. Counters have counted since the start."""

    sessions: int
    rooms: int
    connections: int
    threads: int
    messages: int
    """Messages received from clients, including those without a recipient."""
    deliveries: int
    bytes_out: int
    """Bytes handed to outboxes."""
    backlog: int
    """Bytes that wait to be sent."""
    lagging: int
    """Clients with a backlog."""
    hashing: int
    """Logins in the queue for a hash."""
    events: Mapping[str, int]
    """How often each event of the log happened, by name."""
    rejections: Mapping[str, int]
    """Rejected connections, by reason."""

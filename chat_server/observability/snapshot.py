"""What a server can say of itself in numbers: read when asked, so that nobody pays otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSnapshot:
    """The numbers of one moment. Those that count something have counted since the start."""

    sessions: int
    rooms: int
    connections: int
    threads: int
    messages: int
    """Taken from clients, whether or not anybody heard them."""
    deliveries: int
    bytes_out: int
    """Handed to outboxes."""
    backlog: int
    """Bytes that wait to be sent."""
    lagging: int
    """Clients with a backlog of their own."""
    hashing: int
    """Logins that wait for their turn to be hashed."""
    events: Mapping[str, int]
    """How often each event of the log happened, by its name."""
    rejections: Mapping[str, int]
    """Connections sent away at the door, by the reason."""

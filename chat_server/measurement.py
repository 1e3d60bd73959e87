"""What a server can say of itself in numbers: read when asked, so that nobody pays otherwise."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from chat_server.shared import Shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
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
    refusals: Mapping[str, int]
    """Connections sent away at the door, by the reason."""


def measure(shared: Shared, connections: int, refusals: Mapping[str, int]) -> Measurement:
    """The numbers of this moment, from whoever keeps them. Takes leaf locks only."""
    sessions, rooms = shared.hub.sizes()
    backlog, lagging = shared.delivery.backlog()
    return Measurement(
        sessions=sessions,
        rooms=rooms,
        connections=connections,
        threads=threading.active_count(),
        messages=shared.hub.messages,
        deliveries=shared.hub.deliveries,
        bytes_out=shared.delivery.bytes_out,
        backlog=backlog,
        lagging=lagging,
        hashing=shared.passwords.waiting,
        events=shared.log.counts(),
        refusals=refusals,
    )

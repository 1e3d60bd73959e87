"""The end of a session by a client that closes: whether it has received everything."""

from __future__ import annotations

import time
from typing import Final

from chat_server.core import Hub
from chat_server.delivery import Dispatcher, Outbox, OutboxState
from chat_server.wire import Stream

_ACKNOWLEDGE_SECONDS: Final = 0.25
"""Wait for a client that has closed in order to acknowledge the last lines. A system delays that by
40 ms, and a distant client by a round trip."""

_ACKNOWLEDGE_INTERVAL: Final = 0.005
"""Seconds between two checks for that."""


def received_to(
    hub: Hub[Outbox], delivery: Dispatcher, stream: Stream, outbox: Outbox
) -> int | None:
    """Return the stamp up to which a client that has closed in order has received everything.

    None if it may have missed something: it is gone, lags, or does not acknowledge what was sent.
    Waits a moment for that. In the client's own thread, which holds no lock.
    """
    until = time.monotonic() + _ACKNOWLEDGE_SECONDS
    while True:
        stamp = hub.newest_stamp()
        delivery.settle()
        if outbox.state is not OutboxState.OPEN or stream.peer_is_gone():
            return None
        if not outbox.backlog and not stream.unacknowledged():
            return stamp
        if time.monotonic() > until:
            return None
        time.sleep(_ACKNOWLEDGE_INTERVAL)

"""Process received lines in bounded pieces, so that keys are handled between two pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chat_server.wire import OversizeLine
from chat_tui.model import WireLog
from chat_tui.protocol import ClientProtocol
from chat_tui.transport import Inbox

_BATCH: Final = 16
"""Lines between two checks of the clock."""


def pump_inbox(
    inbox: Inbox,
    protocol: ClientProtocol,
    wire: WireLog,
    clock: Callable[[], float],
    flush_and_check: Callable[[], bool],
    max_lines: int,
    max_seconds: float,
) -> bool:
    """Pass lines from the inbox to the protocol: at most `max_lines`, for about `max_seconds`.

    `flush_and_check` is called after each batch: it flushes the protocol and returns False if this
    connection is no longer the current one. Return its last result. Called by the screen's thread.
    """
    deadline = clock() + max_seconds
    while lines := inbox.take(min(max_lines, _BATCH)):
        for line in lines:
            if isinstance(line, OversizeLine):
                protocol.receive_oversize(clock())
            else:
                wire.received(line)
                protocol.receive(line, clock())
        max_lines -= len(lines)
        if not flush_and_check():
            return False
        if max_lines <= 0 or clock() >= deadline:
            break
    return True

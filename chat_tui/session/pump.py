"""Taking in what arrived, a bounded piece each turn: between two pieces, keys are heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chat_server.wire import OversizeLine
from chat_tui.model import WireLog
from chat_tui.protocol import ClientProtocol
from chat_tui.transport import Inbox

_BATCH: Final = 16
"""Lines between two looks at the clock."""


def pump_inbox(
    inbox: Inbox,
    protocol: ClientProtocol,
    wire: WireLog,
    clock: Callable[[], float],
    should_continue: Callable[[], bool],
    max_lines: int,
    max_seconds: float,
) -> bool:
    """Tell the dialogue what is in the inbox: at most so many lines, for about so long.

    `goes_on` is called after each batch; it says whether this is still the connection that counts,
    and so does the result. The screen's thread.
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
        if not should_continue():
            return False
        if max_lines <= 0 or clock() >= deadline:
            break
    return True

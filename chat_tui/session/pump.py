"""Taking in what arrived, a bounded piece each turn: between two pieces, keys are heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chat_server.wire.protocol import Oversize
from chat_tui.model.wire_record import WireRecord
from chat_tui.protocol import Dialogue
from chat_tui.transport.inbox import Inbox

_BATCH: Final = 16
"""Lines between two looks at the clock."""


def take_in(
    inbox: Inbox,
    dialogue: Dialogue,
    wire: WireRecord,
    clock: Callable[[], float],
    goes_on: Callable[[], bool],
    most: int,
    seconds: float,
) -> bool:
    """Tell the dialogue what is in the inbox: at most so many lines, for about so long.

    `goes_on` is called after each batch; it says whether this is still the connection that counts,
    and so does the result. The screen's thread.
    """
    deadline = clock() + seconds
    while lines := inbox.take(min(most, _BATCH)):
        for line in lines:
            if isinstance(line, Oversize):
                dialogue.receive_oversize(clock())
            else:
                wire.received(line)
                dialogue.receive(line, clock())
        most -= len(lines)
        if not goes_on():
            return False
        if most <= 0 or clock() >= deadline:
            break
    return True

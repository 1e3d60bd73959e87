"""The client as it is, and at its end the number of messages that reached its model, in order.

Called as `counted_client.py FILE ARGUMENTS OF THE CLIENT`. A text under test begins with its
number; what comes twice, or not after its predecessor, is told as a fault.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from chat_tui import __main__ as program
from chat_tui import events
from chat_tui.model.chat_model import ChatModel


class _Count:
    def __init__(self) -> None:
        self.messages = 0
        self.faults = 0

    def take(self, text: str) -> None:
        self.faults += int(text.split(" ", 1)[0]) != self.messages
        self.messages += 1


def _counted(count: _Count) -> None:
    apply = ChatModel.apply

    def counting(self: ChatModel, event: events.Event) -> None:
        apply(self, event)
        if isinstance(event, events.MessageArrived):
            count.take(event.message.text)

    ChatModel.apply = counting  # type: ignore[method-assign]


def main() -> None:
    """Run until somebody leaves."""
    count = _Count()
    _counted(count)
    try:
        program.main(sys.argv[2:])
    finally:
        Path(sys.argv[1]).write_text(json.dumps(vars(count)))


if __name__ == "__main__":
    main()

"""The unchanged client, which also counts the messages that reach its model.

Usage: `counting_client.py FILE CLIENT_ARGUMENTS`. Each message text begins with its number. A
message that is duplicated, or does not follow its predecessor, counts as a fault. At exit, the
counts are written to FILE.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from chat_tui import __main__ as program
from chat_tui import events
from chat_tui.model import ChatModel


class _Counter:
    """Number of messages, and of messages out of order."""

    def __init__(self) -> None:
        self.messages = 0
        self.faults = 0

    def add(self, text: str) -> None:
        self.faults += int(text.split(" ", 1)[0]) != self.messages
        self.messages += 1


def _count_messages(counter: _Counter) -> None:
    apply = ChatModel.apply

    def counting(self: ChatModel, event: events.Event) -> None:
        apply(self, event)
        if isinstance(event, events.MessageArrived):
            counter.add(event.message.text)

    ChatModel.apply = counting  # type: ignore[method-assign]


def main() -> None:
    """Run the client until the user quits it."""
    counter = _Counter()
    _count_messages(counter)
    try:
        program.main(sys.argv[2:])
    finally:
        Path(sys.argv[1]).write_text(json.dumps(vars(counter)))


if __name__ == "__main__":
    main()

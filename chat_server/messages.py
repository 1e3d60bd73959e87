"""What was said, as the hub decided it. Pure records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple


class Message(NamedTuple):
    """What somebody published. `at` rises within a room, so it names the message there."""

    room: str
    author: str
    text: str
    at: datetime
    is_action: bool = False
    """What its author did, not said."""


def by_second(messages: Sequence[Message]) -> Iterable[Sequence[Message]]:
    """Messages in pieces that share a clock time. Between two of one run lies a microsecond."""
    if messages[0].at.second == messages[-1].at.second:
        return (messages,)
    return [tuple(piece) for _, piece in groupby(messages, lambda message: message.at.second)]

"""What was said, as the hub decided it. Pure records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from chat_server.wire import encode_actions, encode_live_messages


class PublishedMessage(NamedTuple):
    """What somebody published. `stamp` rises within a room, so it names the message there."""

    room: str
    author: str
    text: str
    stamp: datetime
    is_action: bool = False
    """What its author did, not said."""


def encode_run(messages: Sequence[PublishedMessage]) -> Iterable[bytes]:
    """What one author said in one room, as lines: in as few pieces as their seconds are.

    They are all actions, or none is. Between two of one run lies a microsecond.
    """
    if messages[0].stamp.second == messages[-1].stamp.second:
        return (_encode(messages),)
    seconds = groupby(messages, lambda message: message.stamp.second)
    return [_encode(tuple(piece)) for _, piece in seconds]


def _encode(messages: Sequence[PublishedMessage]) -> bytes:
    """The lines of messages that share a clock time."""
    first = messages[0]
    encode = encode_actions if first.is_action else encode_live_messages
    clock = first.stamp.time().isoformat("seconds")
    return encode(clock, first.author, [message.text for message in messages])

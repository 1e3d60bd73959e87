"""The texts about a server that leaves the chat of several servers, and their parsers. Pure.

See `replies.py`, which has the notices about the other servers.
"""

from __future__ import annotations

from typing import Final

from chat_server.wire.reply_patterns import reply_pattern

SERVER_REPLACED: Final = "Another server has taken the place of this one; connect again"
"""The error for a connection to a server that takes no part in the chat any more."""

_UNSENT: Final = reply_pattern(
    r"Your last (?:message was|(\d+) messages were) not sent: the servers cannot reach each other"
)


def messages_unsent(count: int) -> str:
    """The notice before the last line of a server that stops: `count` messages are dropped.

    They waited for the other servers. `count` is at least 1.
    """
    what = "message was" if count == 1 else f"{count} messages were"
    return f"Your last {what} not sent: the servers cannot reach each other"


def parse_messages_unsent(text: str) -> int | None:
    """Return how many messages the server drops, or None if this is another reply."""
    match = _UNSENT.fullmatch(text)
    return None if match is None else int(match[1] or 1)

"""The values of the history: what a client asks for and what it receives. Pure records.

Stamps are in microseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from chat_server.wire import history_replies

MAX_STAMP: Final = 2**63 - 1
"""Above every stamp."""

MAX_PAGE: Final = history_replies.MAX_HISTORY_COUNT
"""Most messages of a page."""

MAX_UNREAD: Final = history_replies.MAX_UNREAD_COUNT
"""Counting of unread messages stops here."""


class PastMessage(NamedTuple):
    """A stored message."""

    stamp: int
    author: str
    text: str
    is_action: bool = False
    recipient: str = ""
    """Empty for a message in a room."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Messages that were published but could not be stored."""

    stamp: int
    """The stamp of the last of them."""
    count: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the log of several servers that this server has not stored: in all rooms."""

    after: int
    """Messages up to this stamp are stored."""
    before: int
    """Messages from this stamp on are stored."""

    @property
    def stamp(self) -> int:
        """Where it ends: before the first message that is stored again."""
        return self.before


@dataclass(frozen=True, slots=True)
class Reader:
    """A user that reads history, and what the user may read now."""

    user: str
    room: str
    """The room that the user is in."""
    subscriptions: frozenset[str]
    """The publishers that the user is subscribed to. May contain `*`."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request for a page: messages with `after < stamp < before`."""

    limit: int = 20
    """Most messages, from 1 to `MAX_PAGE`."""
    after: int = 0
    before: int = MAX_STAMP
    newest: bool = True
    """If there are more than `limit`, take the newest. False: take the oldest."""


@dataclass(frozen=True, slots=True)
class Page:
    """Messages in rising order of their stamps, with the holes and gaps between them."""

    entries: tuple[PastMessage | Hole | Gap, ...] = ()
    pruned_before: int | None = None
    """Messages before this stamp are no longer kept, and the request reaches behind it."""
    earlier: int | None = None
    """There are more messages before this stamp. Only for a request of the newest."""
    later: int | None = None
    """There are more messages after this stamp. Only for a request of the oldest."""


@dataclass(frozen=True, slots=True)
class Unread:
    """How many messages a user has not read in one place."""

    count: int = 0
    """At most `MAX_UNREAD`."""
    mentions: int = 0
    """How many of them mention the user's name."""
    counted_to: int = 0
    """The stamp of the newest message that was looked at. Later counts go on from here."""


class HistoryUnavailableError(Exception):
    """The disk fails or lags, or history is off after a fault. The client may try again."""


class SearchTooSlowError(Exception):
    """A search exceeded its time limit."""

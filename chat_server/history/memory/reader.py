"""The reading side of the store in memory."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from chat_server.history.memory.state import Message, Place, State
from chat_server.history.mentions import mentions
from chat_server.history.store import (
    MAX_PAGE_BYTES,
    MAX_SCANNED,
    MAX_SEARCH_HITS,
    line_bytes,
)
from chat_server.history.values import (
    MAX_UNREAD,
    Gap,
    Hole,
    Page,
    PageRequest,
    PastMessage,
    Reader,
    Unread,
)


class MemoryReader:
    """Reading methods. See `StoreReader`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def room_page(self, reader: Reader, request: PageRequest) -> Page:
        """Return a page of the reader's room."""
        inside = [
            message
            for message in self._state.messages
            if message.room == reader.room and request.after < message.stamp < request.before
        ]
        scanned = _first(inside, MAX_SCANNED, request.newest)
        edge = None
        if len(scanned) < len(inside) and "*" not in reader.subscriptions:
            edge = scanned[0 if request.newest else -1].stamp
        return _page(
            [m.past() for m in scanned if self._is_readable(m, reader)],
            self._marks(reader.room),
            request,
            edge,
            self._state.horizons.get(reader.room, 0),
        )

    def private_page(self, user: str, other: str, request: PageRequest) -> Page:
        """Return a page of the private messages between two users."""
        one, two = self._state.find(user), self._state.find(other)
        if one is None or two is None:
            return _page([], self._marks(None), request, None, 0)
        is_subscribed = bool({other, "*"} & one.subscriptions)
        place = frozenset({one, two})
        messages = [
            message.past()
            for message in self._state.messages
            if message.place == place
            and (is_subscribed or message.author is one or not message.is_unread)
            and request.after < message.stamp < request.before
        ]
        horizon = self._state.horizons.get(place, 0)
        return _page(messages, self._marks(place), request, None, horizon)

    def search(self, reader: Reader, words: Sequence[str]) -> Page:
        """Return the newest messages of the reader's room that contain all words."""
        wanted = [tokens for tokens in map(_tokens, words) if tokens]
        found = [
            message.past()
            for message in self._state.messages
            if message.room == reader.room
            and self._is_readable(message, reader)
            and all(_contains(_tokens(message.text), tokens) for tokens in wanted)
        ]
        return Page(tuple(found[-MAX_SEARCH_HITS:] if wanted else ()))

    def read_marker(self, user: str, room: str) -> int:
        """Return the stamp up to which the user has read the room."""
        account = self._state.find(user)
        visit = account.visits.get(room) if account else None
        return visit.marker if visit else self._state.newest

    def private_read_marker(self, user: str, other: str) -> int:
        """Return the stamp before the first unread message, or that of the newest message."""
        one, two = self._state.find(user), self._state.find(other)
        if one is None or two is None:
            return 0
        messages = [
            message for message in self._state.messages if message.place == frozenset({one, two})
        ]
        unread = [m.stamp for m in messages if m.recipient is one and m.is_unread]
        return min(unread) - 1 if unread else max((m.stamp for m in messages), default=0)

    def visited_rooms(self, user: str) -> list[str]:
        """Return the rooms that the user has visited, by name."""
        account = self._state.find(user)
        return sorted(account.visits) if account else []

    def unread_in(self, reader: Reader, room: str, after: int | None = None) -> Unread:
        """Count the unread messages in a room, at most `MAX_UNREAD`."""
        marker = self.read_marker(reader.user, room) if after is None else after
        newer = [m for m in self._state.messages if m.room == room]
        unread = [
            message
            for message in newer
            if message.stamp > marker
            and self._is_readable(message, reader)
            and not self._state.is_own(message.author, reader.user)
        ][:MAX_UNREAD]
        looked_at = unread if len(unread) == MAX_UNREAD else newer
        return Unread(
            len(unread),
            sum(mentions(message.text, reader.user) for message in unread),
            max([marker, *(message.stamp for message in looked_at)]),
        )

    def unread_private(self, reader: Reader) -> dict[str, int]:
        """Return the numbers of unread private messages by author, for followed authors."""
        user = self._state.find(reader.user)
        counts = Counter(
            message.author.name
            for message in self._state.messages
            if user is not None and message.recipient is user and message.is_unread
        )
        return {
            author: min(count, MAX_UNREAD)
            for author, count in sorted(counts.items())
            if {author, "*"} & reader.subscriptions
        }

    def gap_in_unread(self, user: str) -> int:
        """Return where the newest gap behind a read marker of the user ends."""
        account = self._state.find(user)
        markers = [visit.marker for visit in account.visits.values()] if account else []
        ends = [gap.before for gap in self._state.gaps if markers and gap.before > 1 + min(markers)]
        return max(ends, default=0)

    def close(self) -> None:
        """Do nothing."""

    def _marks(self, place: Place | None) -> list[Hole | Gap]:
        holes = self._state.holes.items()
        return [
            *(Hole(stamp, count) for (where, stamp), count in holes if where == place),
            *self._state.gaps,
        ]

    def _is_readable(self, message: Message, reader: Reader) -> bool:
        if self._state.is_own(message.author, reader.user) or "*" in reader.subscriptions:
            return True
        return message.author.name in reader.subscriptions


def _first(messages: list[Message], count: int, newest: bool) -> list[Message]:
    return messages[-count:] if newest else messages[:count]


def _page(
    messages: list[PastMessage],
    marks: list[Hole | Gap],
    request: PageRequest,
    edge: int | None,
    horizon: int,
) -> Page:
    """Return a page of readable messages in rising order. `edge`: where the scan has ended."""
    chosen: list[PastMessage] = []
    for message in reversed(messages) if request.newest else messages:
        size = sum(map(line_bytes, (*chosen, message)))
        if len(chosen) == request.limit or (chosen and size > MAX_PAGE_BYTES):
            edge = chosen[-1].stamp
            break
        chosen.append(message)
    low = request.after if edge is None or not request.newest else edge - 1
    high = request.before if edge is None or request.newest else edge + 1
    entries: list[PastMessage | Hole | Gap] = []
    inside = [
        mark
        for mark in marks
        if (
            low + 1 < mark.before and mark.after + 1 < high and mark.before > horizon
            if isinstance(mark, Gap)
            else low < mark.stamp < high
        )
    ]
    for entry in sorted([*inside, *chosen], key=lambda each: each.stamp):
        if isinstance(entry, Hole) and entries and isinstance(entries[-1], Hole):
            entries[-1] = Hole(entry.stamp, entry.count + entries[-1].count)
        else:
            entries.append(entry)
    return Page(
        tuple(entries),
        horizon if low + 1 < horizon else None,
        earlier=edge if request.newest else None,
        later=None if request.newest else edge,
    )


def _tokens(text: str) -> list[str]:
    """Return the words of a text, in small letters and without diacritics."""
    plain = "".join(
        char
        for char in unicodedata.normalize("NFD", text.lower())
        if not unicodedata.combining(char)
    )
    return "".join(char if char.isalnum() else " " for char in plain).split()


def _contains(tokens: list[str], wanted: list[str]) -> bool:
    """Return True if the wanted words follow each other in the text."""
    starts = range(len(tokens) - len(wanted) + 1)
    return any(tokens[start : start + len(wanted)] == wanted for start in starts)

"""The store in memory, for tests: simple and without any care for speed. One thread at a time."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from chat_server.core import Record, SavedState, records, values
from chat_server.history.interface import Commit
from chat_server.history.mentions import mentions
from chat_server.history.store import (
    DISORDERLY_SPAN,
    FIRST_STAMP_GAP,
    MAX_PAGE_BYTES,
    MAX_SCANNED,
    MAX_SEARCH_HITS,
    DroppedMessages,
    Pruned,
    Retention,
    line_bytes,
)
from chat_server.history.values import (
    MAX_UNREAD,
    Hole,
    Page,
    PageRequest,
    PastMessage,
    Reader,
    Unread,
)

_DAY: Final = 24 * 60 * 60 * 1_000_000


@dataclass(eq=False)
class _Account:
    """An account. Two of the same name are different: messages refer to the object."""

    name: str
    created: str | None = None
    """As in the users file, empty if it has none. None: not yet compared with it."""
    is_in_use: bool = True
    owner: _Account | None = None
    """The account that this one was merged into."""
    subscriptions: set[str] = field(default_factory=set)
    visits: dict[str, _Visit] = field(default_factory=dict)


@dataclass
class _Visit:
    marker: int
    is_open: bool = True


@dataclass(eq=False)
class _Message:
    stamp: int
    author: _Account
    text: str
    room: str = ""
    is_action: bool = False
    recipient: _Account | None = None
    is_kept: bool = False
    is_unread: bool = False

    def past(self) -> PastMessage:
        recipient = self.recipient.name if self.recipient else ""
        return PastMessage(self.stamp, self.author.name, self.text, self.is_action, recipient)

    def is_between(self, one: _Account | None, other: _Account | None) -> bool:
        return self.recipient is not None and {one, other} == {self.author, self.recipient}


class MemoryStore:
    """A store that ends with the process. See `Store` and `StoreReader`, which it is both."""

    has_search = True

    def __init__(self) -> None:
        self._accounts: list[_Account] = []
        self._messages: list[_Message] = []
        self._stamps: set[int] = set()
        self._holes: list[DroppedMessages] = []
        self._horizons: dict[object, int] = {}
        """By room, or by the two accounts of a conversation."""
        self._newest = 0

    @property
    def reader(self) -> MemoryStore:
        """The reading side: the store itself."""
        return self

    # The writing side

    def saved_state(self) -> SavedState:
        """Return the state for a hub that starts."""
        return SavedState(
            self._newest + FIRST_STAMP_GAP if self._newest else 0,
            {
                account.name: frozenset(account.subscriptions)
                for account in self._accounts
                if account.subscriptions
            },
            Counter(
                (message.recipient.name, message.author.name)
                for message in self._messages
                if message.recipient and message.is_unread
            ),
        )

    def start(self, accounts: Mapping[str, str | None]) -> list[str]:
        """End the visits that a crash left open, and match the accounts."""
        for account in self._accounts:
            for room, visit in account.visits.items():
                if visit.is_open:
                    self._end_visit(records.VisitEnded(account.name, room, self._newest, False))
        return self.match_accounts(accounts)

    def match_accounts(self, accounts: Mapping[str, str | None]) -> list[str]:
        """Forget the accounts that are missing or were created at another time."""
        forgotten = []
        for account in self._accounts:
            if not account.is_in_use:
                continue
            created = accounts.get(account.name) or ""
            if account.name not in accounts or account.created not in (None, created):
                self._forget(account.name)
                forgotten.append(account.name)
        for name, time in accounts.items():
            self._account(name).created = time or ""
        return forgotten

    def apply(self, batch: Sequence[Record], dropped: Sequence[DroppedMessages] = ()) -> Commit:
        """Store a batch, in its order."""
        rooms: set[str] = set()
        recipients: set[str] = set()
        for record in batch:
            _APPLY[type(record)](self, record)
            if isinstance(record, values.PublishedMessages):
                rooms.add(record.room)
            elif isinstance(record, values.PrivateMessageSent) and record.is_kept:
                recipients.add(record.recipient)
            elif isinstance(record, records.VisitEnded) and not record.is_orderly:
                recipients.add(record.user)
        for hole in dropped:
            if not hole.room:
                self._account(hole.author)
                self._account(hole.recipient)
            self._holes = [each for each in self._holes if each.stamp != hole.stamp] + [hole]
            self._newest = max(self._newest, hole.stamp)
        is_recount = any(
            isinstance(each, values.UserForgotten | records.AccountRenamed) for each in batch
        )
        return Commit(frozenset(rooms), frozenset(recipients), is_recount)

    def erase_message(self, stamp: int, user: str, *, is_operator: bool) -> str | None:
        """Erase a message by `user`, or for an operator any message. Return its author."""
        for message in self._messages:
            if message.stamp == stamp and (is_operator or self._is_own(message.author, user)):
                self._messages.remove(message)
                return message.author.name
        return None

    def erase_messages_by(self, author: str) -> Iterator[int]:
        """Erase all messages of an author in all rooms, in one step."""
        erased = {each for each in self._messages if each.room and each.author.name == author}
        self._messages = [each for each in self._messages if each not in erased]
        yield len(erased)

    def prune(self, retention: Retention, now: int) -> Pruned:
        """Delete what is too old, or too much for its room. There is no file to measure."""
        cutoff = now - retention.days * _DAY if retention.days else 0
        pruned = {message for message in self._messages if message.stamp < cutoff}
        if retention.messages:
            for room in {message.room for message in self._messages if message.room}:
                kept = [m for m in self._messages if m.room == room and m not in pruned]
                pruned.update(kept[: max(0, len(kept) - retention.messages)])
        self._messages = [message for message in self._messages if message not in pruned]
        for message in pruned:
            place = message.room or frozenset({message.author, message.recipient})
            self._horizons[place] = max(self._horizons.get(place, 0), message.stamp + 1)
        self._holes = [
            hole
            for hole in self._holes
            if hole.stamp >= max(cutoff, self._horizons.get(hole.room, 0))
        ]
        return Pruned(len(pruned))

    def used_bytes(self) -> int:
        """Return 0."""
        return 0

    def close(self) -> None:
        """Do nothing."""

    # The reading side

    def room_page(self, reader: Reader, request: PageRequest) -> Page:
        """Return a page of the reader's room."""
        inside = [
            message
            for message in self._messages
            if message.room == reader.room and request.after < message.stamp < request.before
        ]
        scanned = _first(inside, MAX_SCANNED, request.newest)
        edge = None
        if len(scanned) < len(inside) and "*" not in reader.subscriptions:
            edge = scanned[0 if request.newest else -1].stamp
        holes = [hole for hole in self._holes if hole.room == reader.room]
        return _page(
            [m.past() for m in scanned if self._is_readable(m, reader)],
            [Hole(hole.stamp, hole.count) for hole in holes],
            request,
            edge,
            self._horizons.get(reader.room, 0),
        )

    def private_page(self, user: str, other: str, request: PageRequest) -> Page:
        """Return a page of the private messages between two users."""
        one, two = self._find(user), self._find(other)
        if one is None or two is None:
            return Page()
        is_subscribed = bool({other, "*"} & one.subscriptions)
        messages = [
            message.past()
            for message in self._messages
            if message.is_between(one, two)
            and (is_subscribed or message.author is one or not message.is_unread)
            and request.after < message.stamp < request.before
        ]
        holes = [
            Hole(hole.stamp, hole.count)
            for hole in self._holes
            if {hole.author, hole.recipient} == {user, other}
        ]
        return _page(messages, holes, request, None, self._horizons.get(frozenset({one, two}), 0))

    def search(self, reader: Reader, words: Sequence[str]) -> Page:
        """Return the newest messages of the reader's room that contain all words."""
        wanted = [tokens for tokens in map(_tokens, words) if tokens]
        found = [
            message.past()
            for message in self._messages
            if message.room == reader.room
            and self._is_readable(message, reader)
            and all(_contains(_tokens(message.text), tokens) for tokens in wanted)
        ]
        return Page(tuple(found[-MAX_SEARCH_HITS:] if wanted else ()))

    def read_marker(self, user: str, room: str) -> int:
        """Return the stamp up to which the user has read the room."""
        account = self._find(user)
        visit = account.visits.get(room) if account else None
        return visit.marker if visit else self._newest

    def private_read_marker(self, user: str, other: str) -> int:
        """Return the stamp before the first unread message, or that of the newest message."""
        one, two = self._find(user), self._find(other)
        if one is None or two is None:
            return 0
        messages = [message for message in self._messages if message.is_between(one, two)]
        unread = [m.stamp for m in messages if m.recipient is one and m.is_unread]
        return min(unread) - 1 if unread else max((m.stamp for m in messages), default=0)

    def visited_rooms(self, user: str) -> list[str]:
        """Return the rooms that the user has visited, by name."""
        account = self._find(user)
        return sorted(account.visits) if account else []

    def unread_in(self, reader: Reader, room: str, after: int | None = None) -> Unread:
        """Count the unread messages in a room, at most `MAX_UNREAD`."""
        marker = self.read_marker(reader.user, room) if after is None else after
        newer = [m for m in self._messages if m.room == room]
        unread = [
            message
            for message in newer
            if message.stamp > marker
            and self._is_readable(message, reader)
            and not self._is_own(message.author, reader.user)
        ][:MAX_UNREAD]
        looked_at = unread if len(unread) == MAX_UNREAD else newer
        return Unread(
            len(unread),
            sum(mentions(message.text, reader.user) for message in unread),
            max([marker, *(message.stamp for message in looked_at)]),
        )

    def unread_private(self, reader: Reader) -> dict[str, int]:
        """Return the numbers of unread private messages by author, for followed authors."""
        user = self._find(reader.user)
        counts = Counter(
            message.author.name
            for message in self._messages
            if user is not None and message.recipient is user and message.is_unread
        )
        return {
            author: min(count, MAX_UNREAD)
            for author, count in sorted(counts.items())
            if {author, "*"} & reader.subscriptions
        }

    # Records

    def _publish(self, run: values.PublishedMessages) -> None:
        author = self._account(run.author)
        for offset, text in enumerate(run.texts):
            self._add(_Message(run.stamp + offset, author, text, run.room, run.is_action))

    def _send_private(self, sent: values.PrivateMessageSent) -> None:
        author, recipient = self._account(sent.author), self._account(sent.recipient)
        kept = sent.is_kept
        self._add(
            _Message(
                sent.stamp, author, sent.text, "", False, recipient, is_kept=kept, is_unread=kept
            )
        )

    def _add(self, message: _Message) -> None:
        if message.stamp not in self._stamps:  # otherwise the batch was stored before
            self._stamps.add(message.stamp)
            self._messages.append(message)
        self._newest = max(self._newest, message.stamp)

    def _mark_private_read(self, record: records.PrivateMessagesRead) -> None:
        user, other = self._find(record.user), self._find(record.other)
        for message in self._messages:
            if message.recipient is user and message.author is other:
                message.is_unread = False

    def _start_visit(self, visit: records.VisitStarted) -> None:
        visits = self._account(visit.user).visits
        visits.setdefault(visit.room, _Visit(visit.stamp)).is_open = True
        self._newest = max(self._newest, visit.stamp)

    def _end_visit(self, ended: records.VisitEnded) -> None:
        self._newest = max(self._newest, ended.stamp)
        user = self._find(ended.user)
        if user is None:
            return
        since = ended.stamp - DISORDERLY_SPAN
        if visit := user.visits.get(ended.room):
            visit.is_open = False
            visit.marker = max(visit.marker, ended.stamp if ended.is_orderly else since)
        if not ended.is_orderly:
            for message in self._messages:
                if message.recipient is user and not message.is_kept and message.stamp > since:
                    message.is_unread = True

    def _subscribe(self, event: values.Subscribed) -> None:
        self._account(event.user).subscriptions.add(event.publisher)

    def _unsubscribe(self, event: values.Unsubscribed) -> None:
        self._account(event.user).subscriptions.discard(event.publisher)

    def _forget_user(self, event: values.UserForgotten) -> None:
        self._forget(event.user)

    def _rename(self, record: records.AccountRenamed) -> None:
        for account in self._accounts:
            if record.old in account.subscriptions:
                account.subscriptions -= {record.old}
                account.subscriptions |= {record.new}
        old, new = self._find(record.old), self._find(record.new)
        if old is None or old is new:
            return
        if new is not None and None is not old.created != new.created is not None:
            self._forget(new.name)
            new = None
        if new is not None:
            self._merge(old, new)
        for account in self._accounts:
            if old in (account, account.owner):
                account.name = record.new
                account.owner = new or account.owner

    def _merge(self, old: _Account, new: _Account) -> None:
        new.subscriptions |= old.subscriptions
        new.visits = old.visits | new.visits
        old.subscriptions, old.visits, old.is_in_use = set(), {}, False
        for message in self._messages:
            if message.recipient is not None:
                message.author = new if message.author is old else message.author
                message.recipient = new if message.recipient is old else message.recipient

    def _forget(self, name: str) -> None:
        account = self._find(name)
        if account is None:
            return
        account.is_in_use = False
        account.subscriptions, account.visits = set(), {}
        self._messages = [
            message
            for message in self._messages
            if message.recipient is None or account not in (message.author, message.recipient)
        ]
        self._holes = [h for h in self._holes if name not in (h.author, h.recipient)]

    # Look-ups

    def _find(self, name: str) -> _Account | None:
        found = (each for each in self._accounts if each.is_in_use and each.name == name)
        return next(found, None)

    def _account(self, name: str) -> _Account:
        found = self._find(name)
        if found is None:
            found = _Account(name)
            self._accounts.append(found)
        return found

    def _is_own(self, author: _Account, user: str) -> bool:
        account = self._find(user)
        return account is not None and account in (author, author.owner)

    def _is_readable(self, message: _Message, reader: Reader) -> bool:
        if self._is_own(message.author, reader.user) or "*" in reader.subscriptions:
            return True
        return message.author.name in reader.subscriptions - {reader.user}


_APPLY: Final[dict[type, Callable[[MemoryStore, Any], None]]] = {
    values.PublishedMessages: MemoryStore._publish,
    values.PrivateMessageSent: MemoryStore._send_private,
    records.PrivateMessagesRead: MemoryStore._mark_private_read,
    records.VisitStarted: MemoryStore._start_visit,
    records.VisitEnded: MemoryStore._end_visit,
    values.Subscribed: MemoryStore._subscribe,
    values.Unsubscribed: MemoryStore._unsubscribe,
    values.UserForgotten: MemoryStore._forget_user,
    records.AccountRenamed: MemoryStore._rename,
}
"""What stores a record, by its type."""


def _first(messages: list[_Message], count: int, newest: bool) -> list[_Message]:
    return messages[-count:] if newest else messages[:count]


def _page(
    messages: list[PastMessage],
    holes: list[Hole],
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
    entries: list[PastMessage | Hole] = []
    both: list[PastMessage | Hole] = [*chosen, *(h for h in holes if low < h.stamp < high)]
    for entry in sorted(both, key=lambda each: each.stamp):
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

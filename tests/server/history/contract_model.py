"""A model of the history, written from the protocol page: lists, and a sum over them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

SPAN_NOT_ORDERLY = 120_000_000
"""An end that is not orderly sets the read marker back by two minutes, in microseconds."""


@dataclass
class RoomMessage:
    """A message of a room that is still kept."""

    stamp: int
    room: str
    author: str
    """The name as it is shown today."""
    text: str
    is_of_removed_account: bool = False


@dataclass
class PrivateMessage:
    """A private message that is still kept."""

    stamp: int
    author: str
    recipient: str
    text: str
    is_kept: bool
    """The recipient did not get it live."""
    is_unread: bool


@dataclass
class Visit:
    """The session of a user in its room."""

    room: str
    entered: int
    """The newest stamp at that moment, or when stamps were turned on."""
    visited: set[str] = field(default_factory=set)
    """The rooms that the user has been in during this session."""


@dataclass
class ContractModel:
    """Everything that the contract lets a client see."""

    accounts: set[str]
    clock: Callable[[], int]
    last_stamp: int = 0
    newest_record: int = 0
    """The newest stamp of everything that is stored. After a crash, visits end there."""
    messages: list[RoomMessage] = field(default_factory=list)
    private: list[PrivateMessage] = field(default_factory=list)
    subscriptions: dict[str, set[str]] = field(default_factory=dict)
    markers: dict[tuple[str, str], int] = field(default_factory=dict)
    """The read markers by user and room. A key is there from the first visit on."""
    at_entry: dict[tuple[str, str], int] = field(default_factory=dict)
    """The read markers when the user first entered a room in the last session in which it did."""
    visits: dict[str, Visit] = field(default_factory=dict)
    pruned: dict[str, int] = field(default_factory=dict)
    """By room: the newest stamp that retention has deleted."""

    # What happens

    def log_in(self, user: str) -> None:
        if user in self.visits:
            self.end(user, is_orderly=False)
        self.enter(user, "lobby")

    def enter(self, user: str, room: str) -> None:
        self.newest_record = max(self.newest_record, self.last_stamp)
        self.markers.setdefault((user, room), self.last_stamp)
        before = self.visits.get(user)
        visited = set() if before is None else before.visited
        if room not in visited:
            self.at_entry[user, room] = self.markers[user, room]
        self.visits[user] = Visit(room, self.last_stamp, visited | {room})

    def move(self, user: str, room: str) -> None:
        self._read_to(user, self.last_stamp)
        self.enter(user, room)

    def end(self, user: str, *, is_orderly: bool, is_crash: bool = False) -> None:
        """End the session of a user. `is_crash`: the next start of the server ends it."""
        visit = self.visits[user]
        if is_orderly:
            self._read_to(user, self.last_stamp)
        else:
            end = max(self.last_stamp, min(self.clock(), self.last_stamp + SPAN_NOT_ORDERLY))
            if is_crash:
                end = self.newest_record
            self.newest_record = max(self.newest_record, end)
            for message in self.private:
                is_recent = message.stamp > end - SPAN_NOT_ORDERLY
                if message.recipient == user and not message.is_kept and is_recent:
                    message.is_unread = True
            self._read_to(user, end)
            rooms = [room for visitor, room in self.markers if visitor == user]
            # A server that was killed does not know which rooms belong to the last session.
            for room in rooms if is_crash else visit.visited:
                read_to = max(self.at_entry[user, room], end - SPAN_NOT_ORDERLY)
                self.markers[user, room] = min(self.markers[user, room], read_to)
        del self.visits[user]
        self.subscriptions[user].discard(user)

    def _read_to(self, user: str, stamp: int) -> None:
        room = self.visits[user].room
        self.markers[user, room] = max(self.markers[user, room], stamp)

    def turn_stamps_on(self, user: str) -> None:
        self.visits[user].entered = self.last_stamp

    def publish(self, user: str, texts: list[str], stamp: int) -> None:
        room = self.visits[user].room
        for number, text in enumerate(texts):
            self.messages.append(RoomMessage(stamp + number, room, user, text))
        self.record(stamp + len(texts) - 1)

    def record(self, stamp: int) -> None:
        self.last_stamp = stamp
        self.newest_record = max(self.newest_record, stamp)

    def send_private(self, author: str, recipient: str, text: str, stamp: int) -> str:
        """Return the reply."""
        is_live = recipient in self.visits and self.follows(recipient, author)
        if recipient == author or recipient not in self.accounts:
            return "rejected"
        self.record(stamp)
        self.private.append(
            PrivateMessage(stamp, author, recipient, text, not is_live, not is_live)
        )
        return "delivered" if is_live else "kept"

    def read_private(self, user: str, other: str) -> None:
        for message in self.private:
            if message.recipient == user and message.author == other and self.follows(user, other):
                message.is_unread = False

    def remove(self, user: str) -> None:
        """Remove an account. Its messages in rooms stay, under its name."""
        if user in self.visits:
            self.end(user, is_orderly=False)
        self.accounts.discard(user)
        self.subscriptions[user] = set()
        self.markers = {key: stamp for key, stamp in self.markers.items() if key[0] != user}
        self.private = [each for each in self.private if user not in (each.author, each.recipient)]
        for message in self.messages:
            if message.author == user:
                message.is_of_removed_account = True

    def rename(self, old: str, new: str) -> None:
        if old in self.visits:
            self.end(old, is_orderly=False)
        self.accounts.discard(old)
        self.accounts.add(new)
        self.subscriptions[new] = self.subscriptions.pop(old)
        self.subscriptions[old] = set()
        for names in self.subscriptions.values():
            if old in names:
                names.remove(old)
                names.add(new)
        for markers in (self.markers, self.at_entry):
            moved = {room: stamp for (user, room), stamp in markers.items() if user == old}
            for room, stamp in moved.items():
                markers[new, room] = stamp
                del markers[old, room]
        for message in self.messages:
            if message.author == old and not message.is_of_removed_account:
                message.author = new
        for each in self.private:
            each.author = new if each.author == old else each.author
            each.recipient = new if each.recipient == old else each.recipient

    def erase(self, stamp: int, user: str, *, is_operator: bool) -> str | None:
        """Return the author, or None if there is nothing that the user may erase."""
        for messages in (self.messages, self.private):
            for message in messages:
                is_own = message.author == user and not (
                    isinstance(message, RoomMessage) and message.is_of_removed_account
                )
                if message.stamp == stamp and (is_own or is_operator):
                    messages.remove(message)  # type: ignore[arg-type]
                    return message.author
        return None

    def erase_all_by(self, author: str) -> int:
        kept = [message for message in self.messages if message.author != author]
        count = len(self.messages) - len(kept)
        self.messages = kept
        return count

    def prune(self, most: int) -> None:
        """Keep the newest messages of each room."""
        for room in {message.room for message in self.messages}:
            in_room = [message for message in self.messages if message.room == room]
            for message in in_room[: max(0, len(in_room) - most)]:
                self.messages.remove(message)
                self.pruned[room] = message.stamp

    # What a client sees

    def follows(self, user: str, author: str) -> bool:
        names = self.subscriptions[user]
        return author in names or ("*" in names and author != user)

    def visible(self, user: str, room: str) -> list[RoomMessage]:
        return [
            message
            for message in self.messages
            if message.room == room and self._may_read(user, message)
        ]

    def _may_read(self, user: str, message: RoomMessage) -> bool:
        if message.author == user:
            # By the user, or by a removed account of that name, which the user may follow by name.
            followed = {user, "*"} & self.subscriptions[user]
            return not message.is_of_removed_account or bool(followed)
        return self.follows(user, message.author)

    def new(self, user: str) -> list[RoomMessage]:
        """The page of `/history new`."""
        visit = self.visits[user]
        marker = self.markers[user, visit.room]
        return [m for m in self.visible(user, visit.room) if marker < m.stamp <= visit.entered]

    def unread(self, user: str) -> dict[str, tuple[int, int]]:
        """The numbers of messages and of mentions, by room, or by `@` and the author."""
        numbers: dict[str, tuple[int, int]] = {}
        for (visitor, room), marker in self.markers.items():
            if visitor != user or room == self.visits[user].room:
                continue
            unread = [
                message
                for message in self.visible(user, room)
                if message.stamp > marker
                and self.follows(user, message.author)
                and message.author != user
            ]
            mention = re.compile(rf"(?<!\w){re.escape(user)}(?!\w)", re.IGNORECASE)
            mentions = sum(mention.search(message.text) is not None for message in unread)
            if unread:
                numbers[room] = len(unread), mentions
        for message in self.private:
            is_counted = message.recipient == user and message.is_unread
            if is_counted and self.follows(user, message.author):
                count, _ = numbers.get(f"@{message.author}", (0, 0))
                numbers[f"@{message.author}"] = count + 1, 0
        return numbers

    def conversation(self, user: str, other: str) -> list[PrivateMessage]:
        """The page of `/history with`."""
        return [
            message
            for message in self.private
            if (message.author, message.recipient) == (user, other)
            or (
                (message.author, message.recipient) == (other, user)
                and (not message.is_kept or self.follows(user, other))
            )
        ]

"""The interface of the history: what the hub, the commands and the notifier use of it.

The hub records its decisions, and a writer thread stores them in their order. Client threads read.
A method that reads first waits until everything recorded before the call is stored, at most 2 s.
The two that count unread messages do not wait: they are called many times in a row, for each room
of a user or each user, and `visited_rooms` before them has waited for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from chat_server.core import Record, SavedState, records
from chat_server.history.values import Page, PageRequest, Reader, Unread


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit of the writer has changed."""

    rooms: frozenset[str] = frozenset()
    """The rooms with new messages."""
    recipients: frozenset[str] = frozenset()
    """The recipients of new private messages that are unread."""
    is_recount: bool = False
    """True if messages were erased or pruned, so unread numbers have to be counted again."""


class History(Protocol):
    """The history of one server. Any thread may call any method.

    All reading methods raise `HistoryUnavailableError`.
    """

    @property
    def has_search(self) -> bool:
        """True if the SQLite library can search."""

    @property
    def days(self) -> int:
        """How many days messages are kept. 0: no bound."""

    def saved_state(self) -> SavedState:
        """Return the stored state for the hub of a server that starts."""

    def record(self, record: Record) -> None:
        """Append a record. The hub calls it under its lock: it only appends, and never blocks."""

    def on_commit(self, notify: Callable[[Commit], None]) -> None:
        """Set what the writer's thread calls after each commit. It must not block."""

    def room_page(self, reader: Reader, request: PageRequest) -> Page:
        """Return a page of the reader's room: messages by followed authors and the user's own."""

    def private_page(self, user: str, other: str, request: PageRequest) -> Page:
        """Return a page of the private messages between two users.

        Without those by `other` that were kept and not read, unless the user is subscribed to
        `other` according to the stored subscriptions.
        """

    def search(self, reader: Reader, words: Sequence[str]) -> Page:
        """Return the newest 20 messages of the reader's room that contain all words.

        Raises `SearchTooSlowError`.
        """

    def read_marker(self, user: str, room: str) -> int:
        """Return the stamp up to which the user has read the room, before the current visit."""

    def private_read_marker(self, user: str, other: str) -> int:
        """Return the stamp up to which the user has read the private messages by `other`."""

    def visited_rooms(self, user: str) -> list[str]:
        """Return the rooms that the user has visited, by name."""

    def unread_in(self, reader: Reader, room: str, after: int | None = None) -> Unread:
        """Count the unread messages by followed authors in a room, at most `MAX_UNREAD`.

        Does not wait for messages that are not stored yet.

        `after`: count only newer messages; None: those after the read marker.
        """

    def unread_private(self, reader: Reader) -> dict[str, int]:
        """Return the numbers of unread private messages by author, for followed authors.

        Does not wait for messages that are not stored yet.
        """

    def gap_in_unread(self, user: str) -> int:
        """Return the stamp before which messages are missing in the unread numbers of a user.

        That is where the newest gap in the log behind a read marker of the user ends. 0: there is
        none. Does not wait for messages that are not stored yet.
        """

    def waiting_for(self, user: str) -> dict[str, int]:
        """Return the numbers of unread private messages for a user, by author, followed or not."""

    def erase_message(self, stamp: int, user: str, *, is_operator: bool) -> str | None:
        """Erase a message by `user`, or for an operator any message. Return its author, or None."""

    def erased(self, record: records.MessagesErased) -> records.Erasure:
        """Wait until a recorded erasure is stored. Return what it has erased.

        For the log of several servers, each of which erases. Alone, the two methods here do.
        """

    def erase_messages_by(self, author: str) -> int:
        """Erase all messages of an author in all rooms. Return how many there were."""

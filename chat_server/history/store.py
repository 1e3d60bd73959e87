"""The narrow interface between the history and a store: a writing side and a reading side.

`chat_server.history.memory` is the one for tests, `chat_server.history.sqlite` the one on disk. All
stamps are in microseconds since the epoch. Every method may raise `StoreError`, with nothing
changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from chat_server.core import Record, SavedState, records
from chat_server.history.interface import Commit
from chat_server.history.values import Page, PageRequest, PastMessage, Reader, Unread

MAX_PAGE_BYTES: Final = 60 * 1024
"""Most bytes of the lines of a page, so that it fits into 64 KiB with its head and its foot."""

_LINE_OVERHEAD: Final = 80
"""Bytes of a line next to its author and its text: the stamp, punctuation, and the line of a hole
after it."""

MAX_SCANNED: Final = 10_000
"""A page looks at no more messages, so a follower of an author who never wrote does not read a
whole room at once. The page then ends there and says how to go on."""

MAX_SEARCH_HITS: Final = 20
"""Messages in the result of a search."""

MAX_SEARCH_WORDS: Final = 16
"""Further words of a search are ignored: each costs a look-up."""

PRUNE_ROWS: Final = 1_000
"""Most rows that one transaction of a longer job deletes. New messages are stored in between."""

MAX_LOG_NODES: Final = 1_000
"""Servers whose numbers in the log are remembered, counting each of their starts. An entry is sent
again at most minutes after the first time."""

MAX_LOG_GAPS: Final = 100
"""Gaps in the log that are remembered. The oldest ones become one."""

_LOG_MEMORY: Final = 86_400_000_000
"""A snapshot knows the numbers of servers whose last entry is no older than this."""

MAX_VISITS: Final = 1_000
"""Rooms that are remembered for a user, the newest visits first. A client can visit any number."""

DISORDERLY_SPAN: Final = records.DISORDERLY_SPAN
"""After an end that is not orderly, the read marker goes back by this."""

FIRST_STAMP_GAP: Final = 1_000_000
"""New stamps begin this much above the newest stored one, in microseconds: what was published but
not stored before a crash had stamps there."""


class StoreError(Exception):
    """The store failed. Other causes than those of the subclasses: an I/O error, no such folder."""


class StoreBusyError(StoreError):
    """Another process holds the write lock, or a read exceeded its time. Try again later."""


class StoreFullError(StoreError):
    """The disk is full."""


class StoreReadOnlyError(StoreError):
    """The file or its folder cannot be written."""


class StoreCorruptError(StoreError):
    """The history file is damaged."""


class NotHistoryFileError(StoreError):
    """The file belongs to another program, or is not a database. It was not changed."""


class NewerSchemaError(StoreError):
    """A newer version of the server wrote the file. It was not changed."""


@dataclass(frozen=True, slots=True)
class DroppedMessages:
    """Messages that were published or sent but not stored: a hole in a room or a conversation."""

    stamp: int
    """The stamp of the last of them."""
    count: int
    room: str = ""
    """Empty for private messages."""
    author: str = ""
    """Only for private messages."""
    recipient: str = ""
    """Only for private messages."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is kept. 0: no bound."""

    days: int = 30
    messages: int = 100_000
    """Most messages of one room."""
    size: int = 1024 * 1024 * 1024
    """Most bytes of the file that are in use."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one step of the retention has done."""

    messages: int = 0
    """How many messages were deleted."""
    erased: int = 0
    """How many messages have left the file that no reader has seen any more."""
    has_more: bool = False
    """True if the next step has to do something, too."""


def misses_entries(skipped: records.LogSkipped, position: int, numbers: Mapping[str, int]) -> bool:
    """Return True if a snapshot contains entries that are not stored.

    Decided by the numbers: after Redis has lost everything, the snapshot of the server that writes
    it there contains nothing that this server has not stored. `position`: of the last stored entry.
    """
    if skipped.is_other_log:
        return True
    if skipped.stamp <= position:
        return False  # the entries behind the snapshot are read again
    return any(number > numbers.get(node, 0) for node, number in skipped.numbers.items()) or (
        0 < position < skipped.stamp - _LOG_MEMORY
    )


def missed_erasures(skipped: records.LogSkipped, position: int) -> Iterator[records.MessagesErased]:
    """Yield the erasures that were missed, if what is stored is of this log.

    `position`: of the last stored entry.
    """
    if position and not skipped.is_other_log:
        yield from (erasure for stamp, erasure in skipped.erasures if stamp > position)


def other_log_gap(skipped: records.LogSkipped, newest: int) -> int:
    """Return behind which stamp entries of a log are missing, if what is stored is of another one.

    `newest`: the newest stamp of what is stored. It may be above those of this log.
    """
    if newest < skipped.stamp or not skipped.numbers:
        return newest
    return 0


def marker_before_gap(gap_end: int, created: str | None) -> int | None:
    """Return the read marker for a visit before the newest gap in the log, or None.

    What the user has read in the gap is not known. Everything behind it is unread. `gap_end`: its
    `Gap.before`. 0: there is none. `created`: as in the users file. An account that was created
    later has no visits before the gap.
    """
    if not gap_end or creation_stamp(created or "") >= gap_end:
        return None
    return gap_end - 2  # so the page of what is new reaches into the gap, and shows it


def creation_stamp(created: str) -> int:
    """Return the stamp of a creation time of the users file. 0 if it is unknown."""
    try:
        time = datetime.fromisoformat(created)
    except ValueError:
        return 0
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return round(time.timestamp()) * 1_000_000


def line_bytes(message: PastMessage) -> int:
    """Return the bytes that a message takes in a page, at most."""
    return len(message.text.encode()) + len(message.author.encode()) + _LINE_OVERHEAD


class StoreReader(Protocol):
    """The reading side of a store. Any thread may call any method; at most a few run at once.

    The methods see what was committed before the call. See `History` for those with the same name.
    """

    def room_page(self, reader: Reader, request: PageRequest) -> Page:
        """Return a page of the reader's room.

        It has at most `request.limit` messages, `MAX_PAGE_BYTES` bytes and `MAX_SCANNED` messages
        that were looked at, and may hold fewer messages than there are. Only `earlier` and `later`
        say that there is more: the `before` or the `after` of the next request.
        """

    def private_page(self, user: str, other: str, request: PageRequest) -> Page:
        """Return a page of the private messages between two users.

        Without the unread messages by `other`, unless the user is subscribed to `other` according
        to the stored subscriptions.
        """

    def search(self, reader: Reader, words: Sequence[str]) -> Page:
        """Return the newest messages of the reader's room that contain all words.

        Words match as wholes, in any case and with any diacritics. Raises `SearchTooSlowError`.
        """

    def read_marker(self, user: str, room: str) -> int:
        """Return the stamp up to which the user has read the room, before the current visit.

        The newest stamp of the store if the user has never visited the room.
        """

    def private_read_marker(self, user: str, other: str) -> int:
        """Return the stamp up to which the user has read the private messages with `other`."""

    def visited_rooms(self, user: str) -> list[str]:
        """Return the rooms that the user has visited, by name."""

    def unread_in(self, reader: Reader, room: str, after: int | None = None) -> Unread:
        """Count the unread messages in a room. See `History.unread_in`."""

    def unread_private(self, reader: Reader) -> dict[str, int]:
        """Return the numbers of unread private messages by author, for followed authors."""

    def gap_in_unread(self, user: str) -> int:
        """Return where the newest gap behind a read marker ends. See `History.gap_in_unread`."""

    def close(self) -> None:
        """Close all connections. Only when no other method runs."""


class Store(Protocol):
    """The writing side of a store. One thread at a time.

    A long job is done in steps: each step is one short transaction, and the caller may call `apply`
    between them.
    """

    @property
    def has_search(self) -> bool:
        """True if the store can search."""

    @property
    def is_indexed(self) -> bool:
        """True if a search finds everything that is stored. Any thread may read it."""

    @property
    def reader(self) -> StoreReader:
        """The reading side."""

    def saved_state(self) -> SavedState:
        """Return the state for a hub that starts. Call `start` before."""

    def start(
        self, accounts: Mapping[str, str | None] | None, *, shares_log: bool = False
    ) -> list[str]:
        """Prepare the store for a server that starts.

        Visits that a crash left open end as not orderly. `shares_log`: except if the log of several
        servers goes on. It has the ends of the visits, and some of the users are still there.
        `accounts` and the result: see `match_accounts`. None: the accounts are not known yet, and a
        record matches them later.
        """

    def match_accounts(self, accounts: Mapping[str, str | None]) -> list[str]:
        """Forget the accounts that are missing or were created at another time.

        After a change of the users file, the record `AccountsChanged` does the same. `accounts`:
        all accounts, also those that are disabled, with the text of their creation time, or None if
        that is not known. Return the names of the forgotten accounts. An account of the same name
        is a new one, and inherits nothing.
        """

    def apply(self, batch: Sequence[Record], dropped: Sequence[DroppedMessages] = ()) -> Commit:
        """Store a batch in one transaction, in its order. What was `dropped` is older.

        A search may not find its messages before `index`.
        """

    def index(self) -> bool:
        """Let searches find the newest messages: one step, a transaction of some milliseconds.

        Return True if the next step has to do something, too.
        """

    def erase_message(self, stamp: int, user: str, *, is_operator: bool) -> str | None:
        """Erase a message by `user`, or for an operator any message. Return its author, or None."""

    def erase_messages_by(self, author: str) -> int:
        """Erase all messages of an author in all rooms. Return how many there were.

        The record `MessagesErased` does the same. From then on no reader sees them. They leave the
        file in the next steps of `prune`.
        """

    def prune(self, retention: Retention, now: int) -> Pruned:
        """Do one step of the retention: one transaction of at most `PRUNE_ROWS` rows.

        Before that, in steps of the same size, remove the messages that were erased.
        """

    def used_bytes(self) -> int:
        """Return the bytes that are in use, without those that later messages will use again."""

    def empty_log(self) -> None:
        """Move everything from a log into the file itself. No thread reads any more."""

    def close(self) -> None:
        """Close the store and its reading side."""

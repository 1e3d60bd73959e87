"""The records that wait for the writer: in order, and bounded in memory.

The hub appends under its lock, so an append is a few steps and never waits for the disk. If the
writer cannot store for so long that the bound is reached, the oldest messages are dropped and
counted. Visits, subscriptions and changes of accounts are never dropped: those that a later one
makes obsolete are folded.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from chat_server.core import Record, records, values
from chat_server.history.store import DroppedMessages

_UNCOUNTED: Final = 512
"""Items that are appended before their sizes are counted. A run holds at most 1,000 texts of one
read, 60 KB in memory, so they take at most 30 MB. A writer that keeps up takes them before that,
and then their sizes are never counted."""

_RECORD_BYTES: Final = 300
"""Memory of a record without its texts: the tuple or object, its stamp, and its place here."""

_TEXT_BYTES: Final = 64
"""Memory of a text in its tuple, in addition to its characters."""


class Task:
    """What a client's thread asks of the writer, at its place between the records.

    The writer runs `work` after it has committed everything recorded before the task.
    """

    __slots__ = ("done", "error", "is_abandoned", "work")

    def __init__(self, work: Callable[[], None] | None = None) -> None:
        """`work` None: only wait."""
        self.work = work
        self.done = threading.Event()
        self.error: BaseException | None = None
        """Why the writer could not do it. Set before `done`."""
        self.is_abandoned = False
        """True once the client no longer waits. The writer then skips the task."""


Item: TypeAlias = Record | Task


@dataclass(slots=True)
class Batch:
    """What the writer stores in one transaction: first `dropped`, then `records`. Then the tasks.

    All tasks are behind all records.
    """

    dropped: list[DroppedMessages] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    rows: int = 0
    """Messages in `records`."""

    def __bool__(self) -> bool:
        return bool(self.records or self.tasks or self.dropped)


@dataclass(slots=True)
class _Chunk:
    """Items that were counted together, and their size until the last of them is taken."""

    items: deque[Item]
    size: int


class RecordQueue:
    """A queue from the hub, and from the clients' threads, to the writer."""

    def __init__(self, max_bytes: int, wake: Callable[[], None]) -> None:
        """`wake` is called when the writer sleeps until there is something. It must not block."""
        self._max_bytes = max_bytes
        self._wake = wake
        self._fresh: deque[Item] = deque()
        """Items whose size is not known yet, the newest last. Appended to without a lock."""
        self._lock = threading.Lock()
        """A leaf lock: the caller of `append` may hold the hub's. It guards everything below."""
        self._counted: deque[_Chunk] = deque()
        """Older items with their sizes."""
        self._folded = _Fold()
        """Still older ones, which are not messages."""
        self._dropped: dict[tuple[str, str], DroppedMessages] = {}
        """The messages that were dropped before all items here."""
        self._bytes = 0
        """Of `_counted`."""
        self.dropped_messages = 0
        """Messages dropped since the start. Read without the lock."""
        self.is_awaited = False
        """True while the writer sleeps until there is an item. Set by the writer, which then looks
        for items once more before it sleeps, so no item is left behind."""

    def append(self, item: Item) -> None:
        """Append an item. Any thread; the hub's lock orders the records. Never blocks for long."""
        fresh = self._fresh
        fresh.append(item)
        if len(fresh) > _UNCOUNTED:
            self._count()
        if self.is_awaited:
            self.is_awaited = False
            self._wake()

    def __len__(self) -> int:
        """Return the number of items, approximately, without the lock."""
        counted = sum(len(chunk.items) for chunk in tuple(self._counted))
        return len(self._fresh) + counted + len(self._folded)

    def is_empty(self) -> bool:
        """Return True if every item that was appended before the call has been taken."""
        # The order matters: items move from `_fresh` to the older ones under the lock.
        with self._lock:
            return not (self._fresh or self._counted or len(self._folded) or self._dropped)

    def take(self, max_rows: int) -> Batch:
        """Remove and return the oldest items, with at most about `max_rows` messages. The writer.

        Stops behind a task, so that the records behind it are not stored before it is done.
        """
        batch = Batch()
        with self._lock:
            batch.dropped, self._dropped = list(self._dropped.values()), {}
            batch.records.extend(self._folded.take())
            while self._counted and _move(self._counted[0].items, batch, max_rows):
                self._bytes -= self._counted.popleft().size
            if not self._counted:
                _move(self._fresh, batch, max_rows)
        return batch

    def fail_tasks(self, error: BaseException) -> None:
        """Fail every task that waits. The records stay. The writer."""
        with self._lock:
            self._count_fresh()
            for chunk in self._counted:
                tasks = [item for item in chunk.items if isinstance(item, Task)]
                if tasks:
                    chunk.items = deque(i for i in chunk.items if not isinstance(i, Task))
                for task in tasks:
                    task.error = error
                    task.done.set()

    def clear(self) -> None:
        """Drop every message and fold the rest, as if the bound were 0. For tests."""
        with self._lock:
            self._count_fresh()
            self._shed(0)

    # Counting and dropping

    def _count(self) -> None:
        with self._lock:
            self._count_fresh()
            if self._bytes > self._max_bytes:
                self._shed(self._max_bytes)

    def _count_fresh(self) -> None:
        """Move the fresh items to those with a known size. The caller holds the lock."""
        fresh = self._fresh
        items = deque([fresh.popleft() for _ in range(len(fresh))])
        if items:
            size = _size(items)
            self._counted.append(_Chunk(items, size))
            self._bytes += size

    def _shed(self, max_bytes: int) -> None:
        """Drop the oldest messages until the rest is within the bound. The caller holds the lock.

        Each item is removed at most once, so the cost of an append stays the same on average.
        """
        while self._counted and self._bytes > max_bytes:
            chunk = self._counted.popleft()
            self._bytes -= chunk.size
            for item in chunk.items:
                self._shed_item(item)

    def _shed_item(self, item: Item) -> None:
        if isinstance(item, values.PublishedMessages):
            self._drop((item.room, ""), len(item.texts), item.stamp + len(item.texts) - 1)
        elif isinstance(item, values.PrivateMessageSent):
            self._drop((item.author, item.recipient), 1, item.stamp)
        elif isinstance(item, records.LogEntry):
            for record in (*item.records, item.position):
                self._shed_item(record)
        elif isinstance(item, Task):
            # The client waits for records that are dropped. Its wait would be over soon anyway.
            item.error = QueueOverflowError()
            item.done.set()
        else:
            self._folded.add(item)

    def _drop(self, place: tuple[str, str], count: int, stamp: int) -> None:
        self.dropped_messages += count
        before = self._dropped.get(place)
        total = count if before is None else before.count + count
        first, second = place
        self._dropped[place] = (
            DroppedMessages(stamp, total, author=first, recipient=second)
            if second
            else DroppedMessages(stamp, total, room=first)
        )


class QueueOverflowError(Exception):
    """Messages were dropped while a client waited for the writer."""


class _Fold:
    """Records without those that later ones make obsolete, in an order with the same effect.

    A change of an account separates what was recorded before and after it.
    """

    _MAX_PLACES: Final = 100_000
    """Most visits that are remembered, 100 MB at most. A user can visit another room ten times a
    second, and the disk may fail for days."""

    def __init__(self) -> None:
        self._done: list[Record] = []
        """Everything up to the last change of an account."""
        self._latest: dict[tuple[object, ...], list[Record]] = {}
        """By what they are about, in their order."""

    def __len__(self) -> int:
        return len(self._done) + len(self._latest)

    def add(self, record: Record) -> None:
        """Add a record that is newer than all others."""
        match record:
            case values.Subscribed(user, publisher) | values.Unsubscribed(user, publisher):
                self._latest["subscription", user, publisher] = [record]
            case records.LogPosition(node=node):
                self._latest["log", node] = [record]
            case records.PrivateMessagesRead(user, other):
                self._latest["read", user, other] = [record]
            case records.VisitStarted(user, room) | records.VisitEnded(user, room):
                key = ("visit", user, room)
                visits = self._latest.get(key, [])
                # The first start may be the first visit ever, which sets the read marker. Of the
                # rest only the last end counts, and a start behind it.
                if len(visits) > 1:
                    visits = [
                        *(visit for visit in visits[:1] if isinstance(visit, records.VisitStarted)),
                        *(visit for visit in visits[-1:] if isinstance(visit, records.VisitEnded)),
                    ]
                if key in self._latest or len(self._latest) < self._MAX_PLACES:
                    self._latest[key] = [*visits, record]
            case _:
                self._done.extend(self._flatten())
                self._latest.clear()
                self._done.append(record)

    def take(self) -> list[Record]:
        """Remove and return all records, the oldest first."""
        if not (self._done or self._latest):
            return []
        taken = [*self._done, *self._flatten()]
        self._done.clear()
        self._latest.clear()
        return taken

    def _flatten(self) -> Iterator[Record]:
        for latest in self._latest.values():
            yield from latest


def _move(items: deque[Item], batch: Batch, max_rows: int) -> bool:
    """Move items to the batch until it is full. Return True if no item is left.

    Stops behind a task, if a record follows.
    """
    taken, tasks = batch.records, batch.tasks
    rows = batch.rows
    while items and rows < max_rows:
        item = items[0]
        if isinstance(item, values.PublishedMessages):
            if tasks:
                break
            rows += len(item.texts)
            taken.append(item)
        elif isinstance(item, Task):
            tasks.append(item)
        elif tasks:
            break
        elif isinstance(item, records.LogEntry):
            # Whole: records that are stored without their position would be recorded again.
            rows += max(1, records.message_count(item))
            taken.append(item)
        else:
            rows += 1
            taken.append(item)
        items.popleft()
    batch.rows = rows
    return not items


def _size(items: Iterable[Item]) -> int:
    """Return about how much memory items take, at least. Adds little to the cost of an append."""
    texts: list[str] = []
    count = 0
    for item in items:
        count += 1
        if isinstance(item, values.PublishedMessages):
            texts += item.texts
        elif isinstance(item, values.PrivateMessageSent):
            texts.append(item.text)
        elif isinstance(item, records.LogEntry):
            count += len(item.records)
            for record in item.records:
                if isinstance(record, values.PublishedMessages):
                    texts += record.texts
                elif isinstance(record, values.PrivateMessageSent):
                    texts.append(record.text)
    # One string of all texts has as many bytes for each character as the widest of them needs.
    return count * _RECORD_BYTES + len(texts) * _TEXT_BYTES + sys.getsizeof("".join(texts))

"""The writer: the thread that stores what the hub records, and the only one that writes the file.

It survives every error of the store and keeps what it could not store. `docs/architecture.md` has a
table of what happens on each fault.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chat_server.core import records, values
from chat_server.history.health import Health
from chat_server.history.history_file import HistoryFile
from chat_server.history.interface import Commit
from chat_server.history.maintenance import Maintenance
from chat_server.history.record_queue import Batch, RecordQueue, Task
from chat_server.history.recoverable_store import RecoverableStore
from chat_server.history.store import (
    Retention,
    Store,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
)
from chat_server.history.values import HistoryUnavailableError
from chat_server.observability import EventLog
from chat_server.tuning import Tuning

_MAX_ROWS: Final = 2_000
"""Most messages of one transaction. More make it longer, and hardly cheaper for each message."""

_ACTIVE_SECONDS: Final = 2.0
"""After the last record the writer looks for new ones at every commit interval for this long. Only
then does it sleep until it is woken: a wakeup in the middle of a fan-out would delay that."""

_CHECK_SECONDS: Final = 1.0
"""Interval between two checks of the free space."""

_SUSPECT_ATTEMPTS: Final = 5
"""Attempts to store a batch that fails for another reason than the state of the disk. Then its
records are stored one by one, so one bad record cannot block all later ones."""


@dataclass(frozen=True, slots=True)
class WriterParts:
    """What a writer works with."""

    file: HistoryFile
    queue: RecordQueue
    store: RecoverableStore
    health: Health
    retention: Retention
    tuning: Tuning
    log: EventLog
    clock: Callable[[], int]
    """Microseconds since the epoch."""


@dataclass(slots=True)
class WriterCounts:
    """Numbers for the metrics. Written by the writer, read by any thread."""

    stored: int = 0
    dropped_by_writer: int = 0
    commits: int = 0
    commit_seconds: float = 0.0


class Writer:
    """The writer's thread and its state. `start` and `stop` are called once each."""

    def __init__(self, parts: WriterParts, wake: threading.Event) -> None:
        """`wake`: what the queue sets when there is an item, and a client that waits."""
        self._parts = parts
        self._queue = parts.queue
        self._wake = wake
        self._store = parts.store
        self._health = parts.health
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self._batch = Batch()
        """What was taken from the queue and is not stored yet. Kept over every failure."""
        self.counts = WriterCounts()
        self.committed = 0
        """Everything up to this stamp is committed or was dropped. Any thread may read it."""
        self.is_busy = False
        """True while the writer has taken items that are not committed."""
        self.is_commit_requested = False
        """Set by a client that waits, before it sets `wake`. The writer then does not pause."""
        self._notify: Callable[[Commit], None] = lambda _: None
        self._stopping = False
        self._stop_at = 0.0
        self._has_backlog = False
        self._last_item = 0.0
        self._next_check = 0.0
        self._maintenance = Maintenance(
            parts.store, parts.health, parts.retention, parts.tuning, parts.clock
        )

    # Any thread

    @property
    def is_alive(self) -> bool:
        """True if the thread runs."""
        return self._thread.is_alive()

    @property
    def is_indexed(self) -> bool:
        """True if a search finds everything that is committed."""
        store = self._store.current
        return store is None or store.is_indexed

    def on_commit(self, notify: Callable[[Commit], None]) -> None:
        """Set what is called after each commit, by the writer's thread."""
        self._notify = notify

    def request_commit(self) -> None:
        """Let the writer commit at once. Any thread."""
        self.is_commit_requested = True
        self._wake.set()

    # Tasks, in the writer's thread

    def notify_recount(self) -> None:
        """Report that messages were erased."""
        self._notify(Commit(is_recount=True))

    def note_erased(self) -> None:
        """Report that messages were erased, and remove what is left of them in the file."""
        self._maintenance.prune_soon()
        self.notify_recount()

    # The thread that starts and stops the server

    def start(self) -> None:
        """Start the thread. Raises `RuntimeError` if the system refuses another thread."""
        self._thread.start()

    def stop(self) -> None:
        """Store what waits, then close the store. Return at the latest after the drain time.

        Nothing may be recorded any more.
        """
        self._stop_at = time.monotonic() + self._parts.tuning.history_drain_seconds
        self._stopping = True
        self.request_commit()
        if self._thread.ident is not None:
            self._thread.join(self._parts.tuning.history_drain_seconds + 1)
        else:
            self._store.close()

    # The writer's thread

    def _run(self) -> None:
        while True:
            try:
                self._pause_between()
                is_done = self._stopping and (
                    (not self._batch and self._queue.is_empty()) or time.monotonic() > self._stop_at
                )
                if is_done:
                    break
                self._work()
            except Exception as error:  # a defect here must not end what keeps the messages
                self._parts.log.unexpected(error, "the history writer")
                self._health.fail(f"{type(error).__name__}: {error}")
        left = len(self._batch.records) + len(self._queue)
        if left:
            self._parts.log.history_cut_short(left)
        self._store.close()

    def _pause_between(self) -> None:
        """Wait until there is something to do, and for the commit interval."""
        wake, queue = self._wake, self._queue
        if self._stopping and not self._health.is_failing:
            return
        if self._health.is_failing:
            wake.wait(self._health.retry_seconds)
        elif self._health.is_paused:
            wake.wait(_CHECK_SECONDS)
        elif not (self._has_backlog or self._maintenance.has_more):
            if time.monotonic() - self._last_item > _ACTIVE_SECONDS:
                queue.is_awaited = True
                if queue.is_empty() and not self.is_commit_requested:
                    wake.wait(_CHECK_SECONDS)
                    wake.clear()
                queue.is_awaited = False
            if not self.is_commit_requested:
                wake.wait(self._parts.tuning.history_commit_seconds)
        wake.clear()
        # After this, a client that asks sets both again. Its task is in the queue already.
        self.is_commit_requested = False

    def _work(self) -> None:
        """Do one round: look after the file, store one batch, do some maintenance."""
        now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + _CHECK_SECONDS
            self._check_free_space()
        self._store.close_if_replaced()  # always: a file that was removed takes the batch with it
        self._store.set_aside_if_damaged()
        if self._store.current is None:
            if not self._store.reopen():
                self._fail_tasks()
                return
            self.notify_recount()
        if self._health.is_paused and not self._stopping:  # the last batch of a stop is small
            self._fail_tasks()
            return
        stored = self._commit_batch()
        if self._health.is_failing or self._stopping:
            return
        if self._maintenance.run(stored, self._last_item):
            self.notify_recount()

    def _commit_batch(self) -> int:
        """Store what waits, at most one batch. Return how many rows were stored."""
        self.is_busy = True
        try:
            if not self._batch:
                self._batch = self._queue.take(_MAX_ROWS)
            batch, store = self._batch, self._store.current
            if not batch or store is None:
                self._has_backlog = False
                return 0
            self._last_item = time.monotonic()
            rows = batch.rows
            self._has_backlog = rows >= _MAX_ROWS or bool(batch.tasks)
            try:
                self._store_batch(store, batch)
            except StoreError as error:
                self._handle(error)
                return 0
            self._health.recover()
            tasks, batch.tasks = batch.tasks, []
            for task in tasks:
                self._run_task(task)
            return rows
        finally:
            self.is_busy = bool(self._batch)

    def _store_batch(self, store: Store, batch: Batch) -> None:
        """Commit the records of a batch, and empty it. Raises `StoreError`, with nothing stored."""
        if not (batch.records or batch.dropped):
            return
        self._maintenance.expect_batch()
        started = time.perf_counter()
        try:
            commit = store.apply(batch.records, batch.dropped)
        except StoreError as error:
            if not self._is_suspect(error):
                raise
            commit = self._store_one_by_one(store, batch)
        except Exception as error:
            self._parts.log.unexpected(error, "the history writer")
            commit = self._store_one_by_one(store, batch)
        counts = self.counts
        counts.commit_seconds += time.perf_counter() - started
        counts.commits += 1
        counts.stored += sum(records.message_count(record) for record in batch.records)
        for record in batch.records:
            self._store.follow(record)
        for record in reversed([*records.flattened(batch.records)]):
            if isinstance(record, values.PublishedMessages):
                self.committed = record.stamp + len(record.texts) - 1
                break
            if isinstance(record, values.PrivateMessageSent):
                self.committed = record.stamp
                break
        batch.records, batch.dropped, batch.rows = [], [], 0
        if commit.is_recount:
            self._maintenance.prune_soon()
        self._notify(commit)

    def _is_suspect(self, error: StoreError) -> bool:
        """Return True if the batch itself may be the reason, after several attempts."""
        is_outside = type(error) is not StoreError
        return not is_outside and self._health.attempts >= _SUSPECT_ATTEMPTS

    def _store_one_by_one(self, store: Store, batch: Batch) -> Commit:
        """Store each record in its own transaction, and drop those that fail."""
        rooms: set[str] = set()
        recipients: set[str] = set()
        if batch.dropped:
            store.apply([], batch.dropped)
            batch.dropped = []
        is_recount = False
        while batch.records:
            record = batch.records[0]
            try:
                commit = store.apply([record])
            except (StoreBusyError, StoreFullError, StoreCorruptError):
                raise
            except Exception as error:
                self._parts.log.unexpected(error, f"the history writer at {type(record).__name__}")
                self.counts.dropped_by_writer += records.message_count(record)
            else:
                self.counts.stored += records.message_count(record)
                self._store.follow(record)
                rooms |= commit.rooms
                recipients |= commit.recipients
                is_recount |= commit.is_recount
            batch.records.pop(0)
        return Commit(frozenset(rooms), frozenset(recipients), is_recount)

    def _run_task(self, task: Task) -> None:
        if not task.is_abandoned and task.work is not None:
            try:
                task.work()
            except StoreError as error:
                task.error = error
                if isinstance(error, StoreCorruptError):
                    self._handle(error)
            except Exception as error:
                self._parts.log.unexpected(error, "the history writer")
                task.error = error
        task.done.set()

    # Faults

    def _check_free_space(self) -> None:
        file = self._parts.file
        try:
            free = file.free_bytes()
        except OSError:
            return
        needed = self._parts.tuning.history_free_bytes
        self._health.set_free_space(str(file.path), free, needed)

    def _handle(self, error: StoreError) -> None:
        """React to a failure of the store."""
        if isinstance(error, StoreCorruptError):
            self._store.set_aside(str(error))
        else:
            if isinstance(error, StoreFullError) and self._stopping:
                self._stop_at = 0.0
            self._health.fail(str(error))

    def _fail_tasks(self) -> None:
        """Fail what clients wait for: it cannot be done now."""
        error = HistoryUnavailableError()
        for task in self._batch.tasks:
            task.error = error
            task.done.set()
        self._batch.tasks = []
        self._queue.fail_tasks(error)

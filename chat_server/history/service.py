"""The history of a running server: the `History` that the hub and the clients' threads use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from chat_server.config import Config
from chat_server.core import Record, SavedState, now_microseconds, records
from chat_server.history.health import Health
from chat_server.history.history_file import HistoryFile
from chat_server.history.interface import Commit
from chat_server.history.page_turns import PageTurns
from chat_server.history.reader_pool import ReaderPool
from chat_server.history.record_queue import RecordQueue, Task
from chat_server.history.recoverable_store import RecoverableStore
from chat_server.history.store import (
    Retention,
    Store,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreReader,
)
from chat_server.history.values import (
    HistoryUnavailableError,
    Page,
    PageRequest,
    Reader,
    SearchTooSlowError,
    Unread,
)
from chat_server.history.writer import Writer, WriterParts
from chat_server.observability import EventLog
from chat_server.wire import EVERYONE

_T = TypeVar("_T")

_LOG_SECONDS: Final = 60.0
"""Least time between two lines of the log about failed reads."""


@dataclass(frozen=True, slots=True)
class HistorySnapshot:
    """The numbers of one moment, for the metrics. Counters have counted since the start."""

    stored: int = 0
    dropped: int = 0
    queue: int = 0
    commits: int = 0
    commit_seconds: float = 0.0
    size: int = 0
    pages: int = 0
    searches_cut: int = 0


class HistoryService:
    """The history of one server, from `open_history` to `stop`.

    Any thread may call any method, but one thread calls `start`, `accounts_changed` and `stop`.
    """

    def __init__(
        self,
        config: Config,
        file: HistoryFile,
        open_store: Callable[[Path], Store],
        accounts: Callable[[], Mapping[str, str | None] | None],
        log: EventLog,
        clock: Callable[[], int] = now_microseconds,
    ) -> None:
        """Use `opening.open_history`."""
        tuning = config.tuning
        self._config = config
        self._file = file
        self._log = log
        self._clock = clock
        self._wait_seconds = tuning.history_wait_seconds
        self._wake = threading.Event()
        self._queue = RecordQueue(tuning.history_queue_bytes, self._wake.set)
        self._readers = ReaderPool(tuning.history_wait_seconds, self._report_damage)
        self._turns = PageTurns(tuning.history_wait_seconds)
        self._accounts = accounts
        self._health = Health(log, lambda: self._queue.dropped_messages)
        self._store = RecoverableStore(
            file,
            open_store,
            accounts,
            self._readers,
            self._health,
            log,
            shares_log=config.redis is not None,
        )
        self._writer = Writer(
            WriterParts(
                file,
                self._queue,
                self._store,
                self._health,
                Retention(config.history_days, config.history_messages, config.history_size << 20),
                tuning,
                log,
                clock,
            ),
            self._wake,
        )
        self._saved = SavedState()
        self.has_search = False
        """True if the SQLite library can search."""
        self._pages = self._searches_cut = 0
        self._next_unreadable = 0.0
        self._counts_lock = threading.Lock()
        """A leaf lock for the three above."""

    def use(self, store: Store, degradation: str | None) -> None:
        """Use this store, which is open and prepared. Before `start`. Raises `StoreError`."""
        saved = store.saved_state()
        # A visit that starts before the first message has the newest stamp. It must not look as if
        # it was longer ago than messages are kept.
        self._saved = replace(saved, last_stamp=max(saved.last_stamp, self._clock()))
        self.has_search = store.has_search
        self._store.use(store)
        self._writer.committed = saved.newest_stamp
        if degradation is not None:
            self._health.degrade(degradation)

    def _report_damage(self, why: str) -> None:
        """Let the writer set the file aside. Any thread that reads."""
        self._store.report_damage(why)
        self._writer.request_commit()

    def start(self) -> None:
        """Start the writer. Raises `RuntimeError` if the system refuses another thread."""
        self._writer.start()

    def stop(self) -> None:
        """Store everything that was recorded, at most `history_drain_seconds`, and close."""
        self._writer.stop()
        self._file.unlock()

    # What the server asks

    def degradation(self) -> str | None:
        """Return why the history does not work as it should, or None. Never blocks."""
        if not self._writer.is_alive:
            return "the thread 'history' does not run"
        return self._health.degradation()

    def measure(self) -> HistorySnapshot:
        """Return the current numbers. Takes no lock."""
        counts = self._writer.counts
        return HistorySnapshot(
            stored=counts.stored,
            dropped=self._queue.dropped_messages + counts.dropped_by_writer,
            queue=len(self._queue),
            commits=counts.commits,
            commit_seconds=counts.commit_seconds,
            size=self._file.size(),
            pages=self._pages,
            searches_cut=self._searches_cut,
        )

    def accounts_changed(self) -> None:
        """Forget accounts that were removed and created again. After what the hub recorded."""
        # The accounts of now: by the time the writer comes to it, an account may have another name,
        # and would look as if it were removed.
        accounts = self._accounts()
        if accounts is not None:
            self._queue.append(records.AccountsChanged(dict(accounts)))

    # History, for the hub

    @property
    def days(self) -> int:
        """How many days messages are kept. 0: no bound."""
        return self._config.history_days

    def saved_state(self) -> SavedState:
        """Return what was stored when the server started."""
        return self._saved

    @property
    def recorder(self) -> Callable[[Record], None]:
        """What `record` calls: the hub calls it directly, for every message."""
        return self._queue.append

    def record(self, record: Record) -> None:
        """Append a record. The hub's lock is held: this never blocks."""
        self._queue.append(record)

    def on_commit(self, notify: Callable[[Commit], None]) -> None:
        """Set what the writer's thread calls after each commit. It must not block."""
        self._writer.on_commit(notify)

    # History, for the clients' threads

    def room_page(self, reader: Reader, request: PageRequest) -> Page:
        """Return a page of the reader's room."""
        return self._page(lambda store: store.room_page(reader, request), request.before)

    def private_page(self, user: str, other: str, request: PageRequest) -> Page:
        """Return a page of the private messages between two users."""
        return self._page(lambda store: store.private_page(user, other, request))

    def search(self, reader: Reader, words: Sequence[str]) -> Page:
        """Return the newest messages of the reader's room that contain all words."""
        try:
            page = self._read(lambda store: store.search(reader, words), in_index=True)
        except SearchTooSlowError:
            with self._counts_lock:
                self._searches_cut += 1
            raise
        self._count_page()
        return page

    def read_marker(self, user: str, room: str) -> int:
        """Return the stamp up to which the user has read the room, before the current visit."""
        return self._read(lambda store: store.read_marker(user, room))

    def private_read_marker(self, user: str, other: str) -> int:
        """Return the stamp up to which the user has read the private messages by `other`."""
        return self._read(lambda store: store.private_read_marker(user, other))

    def visited_rooms(self, user: str) -> list[str]:
        """Return the rooms that the user has visited, by name."""
        return self._read(lambda store: store.visited_rooms(user))

    def unread_in(self, reader: Reader, room: str, after: int | None = None) -> Unread:
        """Count the unread messages by followed authors in a room."""
        return self._read(lambda store: store.unread_in(reader, room, after), waits=False)

    def unread_private(self, reader: Reader) -> dict[str, int]:
        """Return the numbers of unread private messages by author, for followed authors."""
        return self._read(lambda store: store.unread_private(reader), waits=False)

    def gap_in_unread(self, user: str) -> int:
        """Return the stamp before which messages are missing in the unread numbers of a user."""
        return self._read(lambda store: store.gap_in_unread(user), waits=False)

    def waiting_for(self, user: str) -> dict[str, int]:
        """Return the numbers of unread private messages for a user, by author, followed or not."""
        reader = Reader(user, "", frozenset({EVERYONE}))
        return self._read(lambda store: store.unread_private(reader))

    def erase_message(self, stamp: int, user: str, *, is_operator: bool) -> str | None:
        """Erase a message by `user`, or for an operator any message. Return its author, or None."""
        authors: list[str | None] = []

        def work() -> None:
            store = self._store.require()
            author = store.erase_message(stamp, user, is_operator=is_operator)
            authors.append(author)
            if author is not None:
                self._writer.notify_recount()

        self._ask(work, self._wait_seconds)
        return authors[0]

    def erase_messages_by(self, author: str) -> int:
        """Erase all messages of an author in all rooms. Return how many there were."""
        counts: list[int] = []

        def work() -> None:
            counts.append(self._store.require().erase_messages_by(author))
            if counts[0]:
                self._writer.note_erased()

        self._ask(work, self._wait_seconds)
        return counts[0]

    def erased(self, record: records.MessagesErased) -> records.Erasure:
        """Wait until a recorded erasure is stored. Return what it has erased."""
        self._ask(None, self._wait_seconds)
        return record.erasure

    # Helpers

    def _page(self, read: Callable[[StoreReader], Page], before: int | None = None) -> Page:
        page = self._read(read, before, in_turn=True)
        self._count_page()
        return page

    def _count_page(self) -> None:
        with self._counts_lock:
            self._pages += 1

    def _read(
        self,
        read: Callable[[StoreReader], _T],
        before: int | None = None,
        *,
        waits: bool = True,
        in_turn: bool = False,
        in_index: bool = False,
    ) -> _T:
        """Read after everything recorded before the call is committed, unless not `waits`.

        `before`: only older messages are read, so newer ones need not be committed. `in_turn`: one
        thread at a time, see `PageTurns`. `in_index`: and after that is in the index for searches.
        """
        deadline = time.monotonic() + self._wait_seconds
        if waits and (before is None or before > self._writer.committed + 1):
            self._ask(None, self._wait_seconds)
        if in_index:
            self._wait_for_index(deadline)
        try:
            if not in_turn:
                return self._readers.run(read, deadline)
            with self._turns.take(deadline) as has_turn:
                if not has_turn:
                    raise HistoryUnavailableError
                return self._readers.run(read, deadline)
        except StoreError as error:
            if not isinstance(error, (StoreBusyError, StoreCorruptError)):
                self._log_unreadable(error)
            raise HistoryUnavailableError from error

    def _wait_for_index(self, deadline: float) -> None:
        """Let the writer add everything that is committed to the index. It may be in there already.

        In steps, between which the writer stores new messages. Raises `HistoryUnavailableError`.
        """
        has_more = [not self._writer.is_indexed]

        def work() -> None:
            has_more.append(self._store.require().index())

        while has_more[-1]:
            self._ask(work, max(0.0, deadline - time.monotonic()))

    def _log_unreadable(self, error: StoreError) -> None:
        now = time.monotonic()
        with self._counts_lock:
            is_due = now >= self._next_unreadable
            if is_due:
                self._next_unreadable = now + _LOG_SECONDS
        if is_due:
            self._log.history_unreadable(str(error))

    def _ask(self, work: Callable[[], None] | None, seconds: float) -> None:
        """Let the writer commit everything recorded before the call, and then do `work`.

        Raises `HistoryUnavailableError` if that takes longer than `seconds`.
        """
        writer = self._writer
        # The order matters: an item that is taken from the queue makes the writer busy before.
        if work is None and self._queue.is_empty() and not writer.is_busy:
            return
        task = Task(work)
        self._queue.append(task)
        writer.request_commit()
        if not task.done.wait(seconds):
            task.is_abandoned = True
            raise HistoryUnavailableError
        if task.error is not None:
            raise HistoryUnavailableError from task.error

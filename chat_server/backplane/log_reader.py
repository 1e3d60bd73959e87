"""The thread that reads the log and applies its entries. Nothing else changes the replicated state.

The state is a function of a snapshot and of the entries after it. What this server has shown to its
users is another matter: each entry once, by its origin and number. So two tables of numbers:

- `applied` belongs to the state. An entry up to it was sent again, and is skipped.
- `emitted` belongs to this server. An entry up to it is applied silently.

They differ only after the log has lost entries: the state then comes from a snapshot, and the same
entries come again, sent by the servers that had appended them.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from chat_server.backplane import scripts, snapshots
from chat_server.backplane.connection import RedisConnection, join_or_abort
from chat_server.backplane.entry_codec import (
    FORM,
    EntryError,
    RawEntry,
    chains,
    decode_entry,
    origin,
    wrong_form,
)
from chat_server.backplane.first_start import knows_any, wait_for_running_servers
from chat_server.backplane.link_state import LinkState
from chat_server.backplane.log_events import BackplaneError, LogEvents
from chat_server.backplane.log_tail import LogTail
from chat_server.backplane.lost_changes import LostChanges
from chat_server.backplane.outage_notice import OutageNotice
from chat_server.backplane.outgoing import Outgoing
from chat_server.backplane.read_progress import ReadProgress
from chat_server.backplane.snapshots import Place
from chat_server.backplane.state_writer import PlacedState, StateWriter
from chat_server.core import Replica, requests
from chat_server.tuning import Tuning

_MAX_CHUNK: Final = 500
"""Most entries of one read: a few milliseconds of work, whose output is sent together."""

_GAP: Final = "an entry is missing in the log; wait until a server has written a snapshot"


class _OtherLogError(Exception):
    """The next entry does not follow on the last one that was applied."""


class LogReader:
    """Reads the log, in a thread of its own, after `load`."""

    def __init__(
        self,
        outgoing: Outgoing,
        link: LinkState,
        events: LogEvents,
        tuning: Tuning,
        batch: Callable[[], AbstractContextManager[object]],
        accounts: Callable[[], Mapping[str, requests.AccountRecord]],
        connect: Callable[[str], RedisConnection],
    ) -> None:
        """Connect to nothing yet. See `RedisBackplane` for `batch` and `accounts`."""
        self._outgoing = outgoing
        self._link = link
        self._notice = OutageNotice(link, tuning, batch)
        self._events = events
        self._tuning = tuning
        self._batch = batch
        self._state_writer = StateWriter(accounts, events, tuning)
        self._connect = connect
        self._connection: RedisConnection | None = None
        self._replica: Replica
        self._node = ""
        self._thread = threading.Thread(target=self._run, name="log reader")
        self._stopping = threading.Event()
        self._place = Place()
        self._alive: set[str] = set()
        self._emitted: dict[str, int] = {}
        self._emitted_stamp = self._floor = 0
        self._tail = LogTail(tuning)
        self._lost_changes = LostChanges(events, tuning)
        self._newest = 0
        """The newest stamp of the log that this server has heard of."""
        self.epoch = ""
        """The epoch of the log that was compared last. Only the reader's thread changes it."""
        self._must_reload = False
        self._gap: int | None = None
        """The number after which an entry was missing, until the reader is past it."""
        self._is_same_gap = False
        """It was missing again after a snapshot was loaded: an operator has deleted it."""
        self._snapshot_is_due = self._accounts_are_lost = False
        self.progress = ReadProgress(lambda: self.position, self._stopping)
        self.last = self._place.last
        """The last entry that was applied. Only the reader's thread changes it."""
        self.read = 0
        """Entries that were applied."""
        self.replays = 0
        """How often the log had lost entries. Only the reader's thread changes it."""

    # Other threads

    @property
    def name(self) -> str:
        """The name of the thread."""
        return self._thread.name

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs. Always, from `start` to `stop`."""
        return self._thread.is_alive()

    @property
    def position(self) -> int:
        """The last stamp that was applied."""
        return self._place.reached

    @property
    def floor(self) -> int:
        """New stamps are above it: nothing that a client has read or will read is later."""
        return max(self.position, self._emitted_stamp, self._floor)

    @property
    def lag_seconds(self) -> float:
        """How far the newest entry is ahead of the last one that was applied."""
        return max(0, self._newest - self.position) / 1e6

    def note_newest(self, stamp: int) -> None:
        """The log has come to this stamp."""
        self._newest = max(self._newest, stamp)

    def write_snapshot_soon(self) -> None:
        """Write a snapshot between two entries."""
        self._snapshot_is_due = True

    def write_accounts_soon(self) -> None:
        """Write the accounts between two entries: Redis has lost them."""
        self._accounts_are_lost = True

    # Life

    def load(
        self,
        connection: RedisConnection,
        replica: Replica,
        node: str,
        stamp: int,
        numbers: Mapping[str, int],
        newest: int,
    ) -> None:
        """Load the state, or write it to an empty Redis. Raises `BackplaneError`.

        `stamp` and `numbers`: of the newest entry that the history holds. See `emitted`. `newest`:
        the newest stamp in the history, which may be that of another log or of a single server.
        """
        self._floor = newest
        self._replica = replica
        self._node = node
        self._emitted_stamp = stamp
        self._emitted = dict(numbers)
        wait_for_running_servers(connection, self._tuning, self._stopping)
        reply = connection.run(scripts.PLACE, 0, "")
        if not reply[0]:
            self._place = Place(stamp, stamp, 0, applied=dict(numbers))
            self.last = self._place.last
        elif reply[1] == FORM.encode():
            is_other = bool(numbers) and not knows_any(connection, numbers)
            if is_other:
                self._emitted_stamp, self._emitted = 0, {}
            self._use_snapshot(connection, reply, is_other_log=is_other)
        newest = self._compare(connection)
        while self.position < newest and self._read(connection, is_blocking=False):
            pass

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end after the next entry. Does not wait."""
        self._stopping.set()

    def join(self, timeout: float) -> None:
        """Wait until the thread has ended. After `timeout` seconds, do not let it wait for Redis.

        Only a connection that is being opened is waited for.
        """
        join_or_abort(self._thread, timeout, lambda: self._connection)

    def _run(self) -> None:
        connection: RedisConnection | None = None
        while not self._stopping.is_set():
            try:
                if connection is None:
                    self._connection = connection = self._connect("reader")
                    self._link.reconnects += 1
                self._compare(connection)
                if self._gap is None:
                    self._link.reader.answered()
                self._follow(connection)
            except _OtherLogError:
                # Also if the last entry happens to be in the log.
                self._must_reload = True
                self._is_same_gap = self._gap == self._place.number
                self._gap = self._place.number
                if self._is_same_gap:
                    self._wait_after(BackplaneError(_GAP))
            except Exception as error:
                if connection is not None:
                    connection.close()
                    connection = None
                if not isinstance(error, BackplaneError):  # a defect; the thread must go on
                    self._events.entry_failed(traceback.format_exc())
                elif self._stopping.is_set():
                    break
                self._wait_after(error)
        if connection is not None:
            connection.close()

    def _wait_after(self, error: Exception) -> None:
        pause = self._link.reader.failed(error)
        self._outgoing.wake()  # the writer asks whether Redis is away for it, too
        self._notice.update(self._replica)
        self._stopping.wait(pause)

    def _follow(self, connection: RedisConnection) -> None:
        while not self._stopping.is_set():
            if self.progress.is_check_wanted:
                return
            has_read = self._read(connection, is_blocking=True)
            if self._gap is not None and (not has_read or self._place.number > self._gap):
                self._gap, self._is_same_gap = None, False
            if self._gap is None:
                self._link.reader.answered()
            self._notice.update(self._replica)
            if self._snapshot_is_due:
                self._snapshot_is_due = False
                self._state_writer.write_snapshot(connection, self.epoch, self._state())
            if self._accounts_are_lost:
                self._accounts_are_lost = False
                self._state_writer.write_accounts(connection, self.epoch, self._place.stamp)

    # The log and the own place in it

    def _compare(self, connection: RedisConnection) -> int:
        """Compare the log with what was read, and replace the state if it has lost something.

        TRAP: a reader ahead of a log that was reset hears nothing, forever and without an error.
        Return the newest stamp of the log.
        """
        has_loaded = False
        while True:
            wanted = self.progress.checks_wanted
            reply = connection.run(scripts.PLACE, *self.last)
            epoch, form, *_ = reply
            if not epoch:
                self._state_writer.seed(connection, self._state(), self._tail, self.floor)
                continue
            if form != FORM.encode():
                raise BackplaneError(wrong_form(form))
            self.epoch = epoch.decode()
            if self._must_reload or not reply[4]:
                if has_loaded:
                    raise BackplaneError(_GAP)
                self._lost_changes.find(connection, reply)
                self._use_snapshot(connection, reply)
                self._must_reload, has_loaded = False, True
                self.replays += 1
                if not self._is_same_gap:  # otherwise it was reported
                    self._events.log_replayed("the log has lost entries that this server had read")
                continue
            # TRAP: before the writer sends lost changes of accounts that build on them.
            if not self._lost_changes.append(connection, self.epoch):
                continue
            self.progress.checked(wanted)
            newest = int(reply[2])
            self.note_newest(newest)
            return newest

    def _use_snapshot(
        self, connection: RedisConnection, reply: list[Any], *, is_other_log: bool = False
    ) -> None:
        """Replace the state by a snapshot, from before what was emitted if there is one.

        Or by the newest one, if the former has led to a gap that is left, and ask for a newer one.
        `reply`: of `scripts.PLACE`. `is_other_log`: the history is of another log.
        """
        oldest = int(reply[6] or int(reply[3]) + 1)
        at_most = self._emitted_stamp
        if self._is_same_gap:
            at_most = int(reply[2])
            connection.command("HSET", scripts.STATE, "snapped_at", 0)
        place, state = snapshots.load(connection, at_most, oldest)
        self._replica.restore(requests.Snapshot(place.stamp, state, is_other_log))
        self._place = place
        self._alive = set(place.alive)
        self._tail.clear()
        self.last = self._place.last
        if place.stamp > self._emitted_stamp:
            # The entries between are trimmed. They are in the state, and nobody here has seen them.
            self._emitted_stamp = place.stamp
            for node, number in place.applied.items():
                self._emitted[node] = max(number, self._emitted.get(node, 0))
            self._outgoing.give_up(place.applied.get(self._node, 0))

    def _state(self) -> PlacedState:
        """Return the replicated state with the place in the log that it belongs to."""
        place = self._place
        place.alive = sorted(self._alive)
        return PlacedState(place, self._replica.snapshot(place.stamp).state)

    # Entries

    def _read(self, connection: RedisConnection, *, is_blocking: bool) -> bool:
        """Read the next entries and apply them. Return whether there were any.

        TRAP: `BLOCK` must be shorter than the time-out of the socket.
        """
        block = round(self._tuning.redis_timeout_seconds * 250)
        options = ("BLOCK", max(block, 1)) if is_blocking else ()
        reply = connection.command(
            *("XREAD", "COUNT", _MAX_CHUNK, *options),
            *("STREAMS", scripts.LOG, f"{self._place.stamp}-0"),
        )
        if not reply:
            self._outgoing.complete((), self.position)
            return False
        self._apply_all(reply[0][1])
        return True

    def _apply_all(self, chunk: list[RawEntry]) -> None:
        own: list[tuple[int, int, Any]] = []
        follows = True
        with self._batch():
            for raw in chunk:
                # TRAP: trimming is silent, and numbers that were refused leave no entry. And a log
                # that went another way may have an entry with the next number.
                before, chain = chains(raw)
                if before != self._place.chain:
                    follows = False
                    break
                self._apply_one(raw, own)
                self._place.chain = chain
        self.last = self._place.last
        self.note_newest(self.position)
        self._outgoing.complete(own, self.position)
        self.progress.moved()
        if not follows:
            raise _OtherLogError
        self._tail.add(chunk)

    def _apply_one(self, raw: RawEntry, own: list[tuple[int, int, Any]]) -> None:
        place = self._place
        node, number = origin(raw)
        is_own = node == self._node
        stamp = last = int(raw[0][:-2])
        try:
            entry = decode_entry(raw, self._outgoing.request_of(number) if is_own else None).entry
            if isinstance(entry.request, requests.Publish):
                last = stamp + len(entry.request.texts) - 1
            is_new = not node or number > place.applied.get(node, 0)
            # A snapshot of another server may contain what was not shown here yet. The replica then
            # emits it and leaves the state as it is.
            if is_new or number > self._emitted.get(node, 0):
                result = self._apply_new(entry)
                if is_own:
                    self._outgoing.note_room(number)
                    own.append((number, stamp, result))
        except EntryError as error:
            self._events.entry_failed(str(error))
        except Exception:  # a defect, and the same on every server: all go on in the same state
            self._events.entry_failed(traceback.format_exc())
            if is_own:
                own.append((number, stamp, None))
        place.stamp, place.reached = stamp, last
        place.number += 1
        self.read += 1
        self._emitted_stamp = max(self._emitted_stamp, stamp)

    def _apply_new(self, entry: requests.Entry) -> Any:
        node, number = entry.node, entry.number
        if node:
            applied = self._place.applied
            applied[node] = max(number, applied.get(node, 0))
            self._alive.add(node)
            is_silent = number <= self._emitted.get(node, 0)
            if not is_silent:
                self._emitted[node] = number
        else:
            is_silent = entry.stamp <= self._emitted_stamp
            self._lost_changes.note(entry)
            if isinstance(entry.request, requests.EndNode):
                self._alive.discard(entry.request.node)
        return self._replica.apply(entry, is_silent=is_silent)

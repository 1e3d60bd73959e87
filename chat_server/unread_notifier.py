"""The unread notifier: the thread that sends sessions the unread numbers that have changed.

The history calls `record_commit` after each commit. The thread counts for the sessions that turned
notices on (`/unread on`), at most once a second, and only messages that it has not counted yet. So
its work is bounded: a number stops at 1000, and then a room is not counted any more.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from chat_server.core import Hub, ReadingPosition, Session
from chat_server.delivery import Dispatcher, Outbox
from chat_server.history import (
    MAX_UNREAD,
    Commit,
    History,
    HistoryUnavailableError,
    Reader,
    Unread,
)
from chat_server.observability import EventLog
from chat_server.wire import LOBBY, history_replies


@dataclass(slots=True)
class _Watch:
    """What the thread knows of one session. Only the thread uses it."""

    session: Session[Outbox]
    is_new: bool = True
    """True until the numbers were counted for the first time. The session is sent none of those."""
    must_recount: bool = True
    """All rooms have to be counted, because the last pass failed or there was none."""
    has_failed: bool = False
    """True if the last count failed. Then the other sessions come first."""
    moves: int = 0
    """`ReadingPosition.moves` when `rooms` was read."""
    subscriptions: frozenset[str] = frozenset()
    rooms: frozenset[str] = frozenset()
    """The rooms that the user has visited."""
    counted: dict[str, Unread] = field(default_factory=dict)
    """The current numbers by room, to be counted on. A room that is missing is counted whole."""
    reported: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The numbers of messages and mentions that the session knows, by room, if not zero."""
    private: dict[str, int] = field(default_factory=dict)
    """The numbers of private messages that the session knows, by author."""


@dataclass(frozen=True, slots=True)
class _Numbers:
    """What a pass has counted for one session."""

    rooms: dict[str, tuple[int, int]]
    """By room. Without the rooms that have not changed."""
    private: dict[str, int] | None
    """By author. None: they have not changed."""


class UnreadNotifier:
    """One thread, from `start` to `stop`. It sleeps until the history has stored something."""

    def __init__(
        self,
        hub: Hub[Outbox],
        history: History,
        delivery: Dispatcher,
        log: EventLog,
        interval: float,
    ) -> None:
        """`interval`: seconds between two passes, and so between two notices for one session."""
        self._hub = hub
        self._history = history
        self._delivery = delivery
        self._log = log
        self._interval = interval
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        """A leaf lock. Guards `_changes`."""
        self._changes = Commit()
        self._watches: dict[Session[Outbox], _Watch] = {}
        self._thread = threading.Thread(target=self._run, name="unread", daemon=True)

    @property
    def is_alive(self) -> bool:
        """True if the thread runs. Any thread."""
        return self._thread.is_alive()

    def record_commit(self, commit: Commit) -> None:
        """Note what a commit has changed, and wake the thread. Any thread; takes a leaf lock."""
        with self._lock:
            changes = self._changes
            self._changes = Commit(
                changes.rooms | commit.rooms,
                changes.recipients | commit.recipients,
                changes.is_recount or commit.is_recount,
            )
        self._wake.set()

    def notify(self) -> None:
        """Wake the thread: a session has turned notices on. Any thread."""
        self._wake.set()

    def start(self) -> None:
        """Start the thread. Raises `RuntimeError` if the system refuses another thread."""
        self._history.on_commit(self.record_commit)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it. Call it before the history stops."""
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                changes, self._changes = self._changes, Commit()
            try:
                if not self._pass(changes):
                    self._wake.set()
            except Exception as error:  # a defect must not end all notices
                self._log.unexpected(error, "the unread notices")
                self._watches.clear()
            self._stop.wait(self._interval)

    def _pass(self, changes: Commit) -> bool:
        """Send each session the numbers that changed. Return False to try again in a second."""
        known, self._watches = self._watches, {}
        for session in self._hub.sessions_with_unread_notices():
            self._watches[session] = known.get(session) or _Watch(session)
        is_available = is_complete = True
        for watch in sorted(self._watches.values(), key=lambda each: each.has_failed):
            if self._stop.is_set():
                break
            position = self._hub.reading_position(watch.session)
            if position is None:
                continue
            try:
                # Others need not wait as well: 2 s each, for a thousand sessions, is half an hour.
                if is_available and self._update(watch, position, changes):
                    continue
            except HistoryUnavailableError:
                is_available = False
                watch.has_failed = True
            watch.must_recount = True
            is_complete = False
        return is_complete

    def _update(self, watch: _Watch, position: ReadingPosition, changes: Commit) -> bool:
        """Count what may have changed for a session and send it.

        Return False if there is more to send, or the numbers may be wrong by now. Raises
        `HistoryUnavailableError`.
        """
        reader = Reader(watch.session.user, position.room, position.subscriptions)
        numbers = self._count(watch, reader, position, changes)
        watch.has_failed = False
        if not watch.is_new:
            places = _changed_places(watch, numbers)
            if places:
                with self._delivery.batch():
                    if not self._hub.notify_unread(watch.session, position.room, places):
                        return False  # the user has moved meanwhile
        for room, number in numbers.rooms.items():
            watch.reported[room] = number
        if numbers.private is not None:
            watch.private = numbers.private
        if watch.is_new:
            watch.is_new = False
            return self._take_back_new(watch, reader, position.unread_since, changes)
        return True

    def _count(
        self, watch: _Watch, reader: Reader, position: ReadingPosition, changes: Commit
    ) -> _Numbers:
        """Count what may have changed for a session. Raises `HistoryUnavailableError`."""
        recounts = watch.must_recount or changes.is_recount
        recounts = recounts or position.subscriptions != watch.subscriptions
        visited: tuple[str, ...] = ()
        moves = position.moves - watch.moves
        if moves or watch.must_recount:
            # This also waits until the end of each visit is stored, with its read marker.
            watch.rooms = frozenset(self._history.visited_rooms(reader.user))
            visited = position.trail[-moves:] if moves else ()
            recounts = recounts or moves > len(visited)
        watch.moves, watch.subscriptions = position.moves, position.subscriptions
        for room in (*visited, position.room):  # the user has seen them
            watch.counted.pop(room, None)
            watch.reported.pop(room, None)
        if recounts:
            watch.counted.clear()
        rooms = watch.rooms if recounts else watch.rooms & {*changes.rooms, *visited}
        counts: dict[str, tuple[int, int]] = {}
        for room in rooms - {position.room}:
            unread = watch.counted[room] = self._count_room(reader, room, watch.counted.get(room))
            counts[room] = unread.count, unread.mentions
        private = None
        if recounts or reader.user in changes.recipients:
            private = self._history.unread_private(reader)
        watch.must_recount = False
        return _Numbers(counts, private)

    def _count_room(self, reader: Reader, room: str, before: Unread | None) -> Unread:
        """Return the number of a room. `before`: the one of the last time, if it is known."""
        if before is None:
            return self._history.unread_in(reader, room)
        if before.count >= MAX_UNREAD:
            return before
        new = self._history.unread_in(reader, room, after=before.counted_to)
        count = before.count + new.count
        if count >= MAX_UNREAD:
            # Counted whole once more: the mentions are those among the first, as in `/unread`.
            return self._history.unread_in(reader, room)
        mentions = before.mentions + new.mentions
        return Unread(count, mentions, max(before.counted_to, new.counted_to))

    def _take_back_new(self, watch: _Watch, reader: Reader, since: int, changes: Commit) -> bool:
        """Forget the numbers that changed since notices were turned on, so that they are sent.

        The first pass may come a second later. `since`: the newest stamp at that moment. Return
        False if there are such numbers.
        """
        is_complete = True
        for room, unread in watch.counted.items():
            if not unread.count or unread.counted_to <= since:
                continue
            try:
                new = self._history.unread_in(reader, room, after=since)
            except HistoryUnavailableError:
                new = unread
            if new.count:
                del watch.reported[room]
                is_complete = False
        if watch.private and reader.user in changes.recipients:
            watch.private = {}
            is_complete = False
        return is_complete


def _changed_places(watch: _Watch, numbers: _Numbers) -> list[history_replies.UnreadPlace]:
    """Return the places whose numbers the session does not know: the lobby, rooms, then users."""
    places = []
    for room in sorted(numbers.rooms, key=lambda name: (name != LOBBY, name)):
        if numbers.rooms[room] != watch.reported.get(room, (0, 0)):
            places.append(history_replies.UnreadPlace(room, *numbers.rooms[room]))
    if numbers.private is not None:
        for author in sorted(numbers.private.keys() | watch.private.keys()):
            count = numbers.private.get(author, 0)
            if count != watch.private.get(author, 0):
                places.append(history_replies.UnreadPlace(author, count, is_private=True))
    return places

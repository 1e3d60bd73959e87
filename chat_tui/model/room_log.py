"""RoomLog: the entries of one room or private conversation that the client holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final

from chat_tui.model.author_hues import AuthorHues
from chat_tui.model.entries import Entry, EntryKind, EntryState, Presence
from chat_tui.model.log_edge import EdgeState, LogEdge
from chat_tui.model.read_marker import ReadMarker

MAX_ENTRIES: Final = 10_000
"""Most entries that a log keeps; the oldest are evicted."""

_TRIM_BATCH: Final = 1_000
"""Entries evicted in one go: each deletion at the head of a list copies the rest."""

_NEAR_EDGE: Final = 200
"""Messages at an edge whose stamps are compared with a page that is added there. Own messages are
not in the order of their stamps: they are shown when they are sent."""


class RoomLog:
    """Successive entries of a location, in the order in which they came.

    Ids rise by one from entry to entry, so `log[id]` is a lookup, and a widget needs one number to
    know what it has drawn. Past messages are added above the oldest entry and have lower ids, also
    negative ones. `version` grows with every change.
    """

    def __init__(
        self,
        max_entries: int = MAX_ENTRIES,
        *,
        hues: AuthorHues | None = None,
        present: RoomLog | None = None,
    ) -> None:
        """`present` is the log with the newest entries, if this one ends before them."""
        self.hues = AuthorHues() if hues is None else hues
        """The colours of the authors."""
        self.present = present
        """The log with the newest entries, None if this is the one."""
        self.top = LogEdge()
        """What is above the oldest entry."""
        self.bottom = LogEdge()
        """What is below the newest entry. Only if there is a `present`."""
        self.in_view: tuple[int, int] | None = None
        """The ids of the entries at the top and the bottom of the view, set by the screen while
        the user reads older entries. They are not evicted as long as the server has history."""
        self.target: int | None = None
        """The id of the entry that the screen has to show next, for `take_target`."""
        self.caught_up: bool | None = None
        """Set for the screen once the log is complete: True if messages were missed before."""
        self.max_entries = max_entries
        self._entries: list[Entry] = []
        self._base = 0  # the id of self._entries[0]
        self._first = 0  # the id of the oldest entry kept
        self._evicted_to = 0  # `append` has returned no entry with a lower id that is still kept
        self._joined: tuple[RoomLog, int] | None = None
        self._insertions: list[tuple[int, int]] = []
        self._dropped: tuple[int, int] | None = None
        self._changed: set[int] = set()
        self.version = 0
        self.read_marker = ReadMarker()

    @property
    def first(self) -> int:
        """The id of the oldest entry kept, `end` if the log is empty."""
        return self._first

    @property
    def end(self) -> int:
        """The id of the next entry: one more than the id of the newest."""
        return self._base + len(self._entries)

    @property
    def last_timestamp(self) -> datetime | None:
        """The time of the newest entry, None if the log is empty."""
        return self._entries[-1].timestamp if self._entries else None

    @property
    def has_history(self) -> bool:
        """True if the server keeps messages above the oldest entry, or kept all of them."""
        return self.top.state is not EdgeState.UNKNOWN

    @property
    def oldest_stamp(self) -> str | None:
        """The lowest stamp of a message. None: the log holds no message with a stamp."""
        return min(self._stamps(self.entries()), key=datetime.fromisoformat, default=None)

    @property
    def newest_stamp(self) -> str | None:
        """The highest stamp of a message. None: the log holds no message with a stamp."""
        return max(self._stamps(reversed(self.entries())), key=datetime.fromisoformat, default=None)

    def __len__(self) -> int:
        return self.end - self.first

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())

    def __getitem__(self, entry_id: int) -> Entry:
        """Return the entry with this id. Raises `KeyError` if the log does not keep it."""
        if not self.first <= entry_id < self.end:
            raise KeyError(entry_id)
        return self._entries[entry_id - self._base]

    def entries(self, start: int | None = None, end: int | None = None) -> list[Entry]:
        """Return the entries with ids from `start` (None: all) to before `end`, oldest first."""
        oldest = self.first if start is None else max(start, self.first)
        stop = self.end if end is None else max(end, oldest)
        return self._entries[oldest - self._base : stop - self._base]

    def keeps(self, entry_id: int) -> bool:
        """Return True if the log still keeps the entry that `append` gave this id.

        An entry that was evicted and loaded again is another one.
        """
        return max(self.first, self._evicted_to) <= entry_id < self.end

    def find(self, stamp: str) -> int | None:
        """Return the id of the message with this stamp, None if the log does not hold it."""
        return next((entry.id for entry in self.entries() if entry.stamp == stamp), None)

    def append(
        self,
        kind: EntryKind,
        timestamp: datetime,
        text: str,
        *,
        author: str = "",
        recipient: str = "",
        own: bool = False,
        state: EntryState = EntryState.SENT,
        presence: Presence | None = None,
        stamp: str = "",
    ) -> Entry:
        """Add an entry with texts that are safe already; evict the oldest above the bound."""
        entry = Entry(
            self.end, kind, timestamp, author, text, own, state, recipient, presence, stamp
        )
        self.add(entry)
        return entry

    def add(self, entry: Entry) -> None:
        """Add an entry whose id is `end`; evict the oldest above the bound."""
        self._add(entry)
        self.read_marker.entry_added(entry)

    def extend(self, entries: Iterable[Entry]) -> list[Entry]:
        """Add past messages below the newest entry; their ids are ignored.

        Messages that the log holds are left out. Return the new entries.
        """
        added = []
        for entry in self._without_known(entries, reversed(self.entries())):
            added.append(replace(entry, id=self.end))
            self._add(added[-1])
        self.read_marker.loaded(added)
        return added

    def prepend(self, entries: Iterable[Entry]) -> list[Entry]:
        """Add past messages above the oldest entry; their ids are ignored.

        Messages that the log holds are left out. Nothing is evicted. Return the new entries.
        """
        fresh = self._without_known(entries, self.entries())
        self._discard_evicted()
        base = self._base - len(fresh)
        added = [replace(entry, id=base + index) for index, entry in enumerate(fresh)]
        self._entries[:0] = added
        self._base = self._first = base
        self.read_marker.loaded(added)
        self.version += 1
        return added

    def position_before(self, is_later: Callable[[Entry], bool]) -> int:
        """Return the id of the first of the newest messages with a stamp that are all later."""
        position = self.end
        for entry in reversed(self.entries()):
            if entry.stamp:
                if not is_later(entry):
                    break
                position = entry.id
        return position

    def insert(self, position: int, entries: Iterable[Entry]) -> list[Entry]:
        """Add past messages above the entry `position`; their ids are ignored.

        Messages that the log holds are left out. The ids of the entries above get lower by the
        number of the new entries (`take_insertions`). Return the new entries.
        """
        self._discard_evicted()
        fresh = self._without_known(entries, self._entries, limit=None)
        shift, index = len(fresh), position - self._base
        added = [replace(entry, id=position - shift + at) for at, entry in enumerate(fresh)]
        above = [replace(entry, id=entry.id - shift) for entry in self._entries[:index]]
        self._entries[:index] = above + added
        self._base = self._first = self._base - shift
        self._evicted_to -= shift
        self._changed = {
            entry_id - shift if entry_id < position else entry_id for entry_id in self._changed
        }
        marker = self.read_marker
        if marker.new_from is not None and marker.new_from < position:
            marker.new_from -= shift
        self.read_marker.loaded(added)
        if shift:
            self._insertions.append((position, shift))
            self._dropped = None  # the widget lays everything out again
            self.version += 1
        return added

    def _add(self, entry: Entry) -> None:
        if entry.author and not entry.own:
            self.hues.spoke(entry.author)
        self._entries.append(entry)
        self.version += 1
        # Not by `len(self)`: thousands of messages may arrive within a second.
        surplus = self._base + len(self._entries) - self._first - self.max_entries
        if surplus > 0 and self.present is None:
            self._evict_to(self._first + surplus)

    def _evict_to(self, first: int) -> None:
        """Evict the entries below `first`, unless they are in view and can be loaded again."""
        if self.has_history:
            if self.in_view is not None:
                first = min(first, self.in_view[0])
            if first > self._first:
                is_loading = self.top.state is EdgeState.LOADING
                self.top = LogEdge(EdgeState.LOADING if is_loading else EdgeState.MORE)
        if first <= self._first:
            return
        self._first = first
        self._evicted_to = max(self._evicted_to, first)
        low, high = self._dropped or (first, self.end + 1)
        self._dropped = max(low, first), high
        self.read_marker.evicted(first)
        if first - self._base >= _TRIM_BATCH:
            self._discard_evicted()

    def _discard_evicted(self) -> None:
        del self._entries[: self._first - self._base]
        self._base = self._first
        self._changed = {changed for changed in self._changed if changed >= self._base}

    # A log that ends before the present

    def split(self, cut: int) -> RoomLog:
        """Return a log of the entries before `cut`, with the same ids; this one keeps the others.

        The log that is returned ends before the present.
        """
        self._discard_evicted()
        window = RoomLog(self.max_entries, hues=self.hues, present=self)
        window._entries = self._entries[: cut - self._base]
        window._base = window._first = self._base
        window.top, window.bottom = self.top, LogEdge(EdgeState.MORE)
        window.read_marker = self.read_marker.copy_for(self._base, cut)
        window.in_view = self.in_view
        window._joined = (self, 0)
        self.in_view = None
        self._evict_to(cut)
        self._discard_evicted()
        return window

    def join(self, window: RoomLog) -> None:
        """Add the entries of a log that ends where this one begins. Nothing is evicted."""
        kept = self._without_known(window, self.entries(), limit=None)
        added = self.prepend(kept)
        self.top = window.top
        self.in_view = window.in_view
        shift = added[0].id - kept[0].id if added else self.first - window.end
        if self.in_view is not None:
            self.in_view = (self.in_view[0] + shift, self.in_view[1] + shift)
        if window.target is not None:
            self.target = window.target + shift
        self._joined = (window, shift)

    def take_shift(self, shown: RoomLog) -> int | None:
        """Return what to add to the ids of the log `shown`, of which this log is a continuation.

        None: it is not one. Only the first call after `split` or `join` returns a number.
        """
        joined, self._joined = self._joined, None
        return joined[1] if joined is not None and joined[0] is shown else None

    def take_insertions(self) -> list[tuple[int, int]]:
        """Return the insertions since the last call: above which id, and of how many entries."""
        insertions, self._insertions = self._insertions, []
        return insertions

    def take_dropped(self) -> tuple[int, int] | None:
        """Return the ids below which and from which on entries were dropped since the last call.

        Entries with such ids are other ones now, or are not in the log. None: none were dropped.
        """
        dropped, self._dropped = self._dropped, None
        return dropped

    def take_target(self) -> int | None:
        """Return the id of the entry that the screen has to show now, once."""
        target, self.target = self.target, None
        return target

    def drop_oldest(self, kept: int) -> None:
        """Drop the oldest entries, so that at most `kept` stay, but none that is in view."""
        if len(self) > kept:
            self._evict_to(self.end - kept)
            self._discard_evicted()

    def drop_newest(self, kept: int) -> None:
        """Drop the newest entries, so that at most `kept` stay, but none that is in view.

        Only for a log that ends before the present.
        """
        end = self.first + kept
        if self.in_view is not None:
            end = max(end, self.in_view[1] + 1)
        if end >= self.end:
            return
        del self._entries[end - self._base :]
        low, high = self._dropped or (self.first, end)
        self._dropped = low, min(high, end)
        if self.read_marker.new_from is not None and self.read_marker.new_from >= end:
            self.read_marker.new_from = None
        self._changed = {changed for changed in self._changed if changed < end}
        self.bottom = LogEdge(EdgeState.MORE)
        self.version += 1

    # Changes of entries

    def set_state(
        self,
        entry_id: int,
        state: EntryState,
        timestamp: datetime | None = None,
        stamp: str = "",
    ) -> None:
        """Give an entry another state, and another time and stamp unless None or empty.

        An entry that was evicted is ignored.
        """
        if not self.keeps(entry_id):
            return
        entry = self[entry_id]
        changed = replace(
            entry,
            state=state,
            timestamp=entry.timestamp if timestamp is None else timestamp,
            stamp=stamp or entry.stamp,
        )
        self._entries[entry_id - self._base] = changed
        self._changed.add(entry_id)
        self.version += 1

    def amend(self, entry_id: int, text: str) -> None:
        """Give an entry another text, safe already. The log must keep the entry."""
        self._entries[entry_id - self._base] = replace(self[entry_id], text=text)
        self._changed.add(entry_id)
        self.version += 1

    def take_changed(self) -> set[int]:
        """Return the ids of entries that got another state, time or text since the last call.

        New entries may be missing: they are those from the last seen `end` on.
        """
        changed, self._changed = self._changed, set()
        return changed

    def _without_known(
        self, entries: Iterable[Entry], held: Iterable[Entry], limit: int | None = _NEAR_EDGE
    ) -> list[Entry]:
        """Return the entries without the messages among the first `limit` of `held`."""
        known = set(self._stamps(held, limit))
        return [entry for entry in entries if not entry.stamp or entry.stamp not in known]

    @staticmethod
    def _stamps(entries: Iterable[Entry], limit: int | None = _NEAR_EDGE) -> Iterator[str]:
        """Yield the stamps of the first `limit` entries that have one."""
        return islice((entry.stamp for entry in entries if entry.stamp), limit)

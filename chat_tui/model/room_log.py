"""RoomLog: the entries of one room or private conversation that the client received."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from chat_tui.model.author_hues import AuthorHues
from chat_tui.model.entries import Entry, EntryKind, EntryState, Presence
from chat_tui.model.read_marker import ReadMarker

MAX_ENTRIES: Final = 10_000
"""Most entries that a log keeps; the oldest are evicted."""

_TRIM_BATCH: Final = 1_000
"""Entries evicted in one go: each deletion at the head of a list copies the rest."""


class RoomLog:
    """The newest entries, in the order in which they came.

    Ids rise by one from entry to entry, so `log[id]` is a lookup, and a widget needs one number to
    know what it has drawn. `version` grows with every change.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES, *, hues: AuthorHues | None = None) -> None:
        self.hues = AuthorHues() if hues is None else hues
        """The colours of the authors."""
        self._max_entries = max_entries
        self._entries: list[Entry] = []
        self._base = 0  # the id of self._entries[0]
        self._changed: set[int] = set()
        self.version = 0
        self.read_marker = ReadMarker()

    @property
    def first(self) -> int:
        """The id of the oldest entry kept, `end` if the log is empty."""
        return max(self._base, self.end - self._max_entries)

    @property
    def end(self) -> int:
        """The id of the next entry: one more than the id of the newest."""
        return self._base + len(self._entries)

    @property
    def last_timestamp(self) -> datetime | None:
        """The time of the newest entry, None if the log is empty."""
        return self._entries[-1].timestamp if self._entries else None

    def __len__(self) -> int:
        return self.end - self.first

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())

    def __getitem__(self, entry_id: int) -> Entry:
        """Return the entry with this id. Raises `KeyError` if the log does not keep it."""
        if not self.first <= entry_id < self.end:
            raise KeyError(entry_id)
        return self._entries[entry_id - self._base]

    def entries(self, start: int | None = None) -> list[Entry]:
        """Return the entries with ids from `start` on (None: all), oldest first."""
        oldest = self.first if start is None else max(start, self.first)
        return self._entries[oldest - self._base :]

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
    ) -> Entry:
        """Add an entry with texts that are safe already; evict the oldest above the bound."""
        entry = Entry(self.end, kind, timestamp, author, text, own, state, recipient, presence)
        if author and not own:
            self.hues.spoke(author)
        self._entries.append(entry)
        self.read_marker.entry_added(entry)
        if len(self._entries) >= self._max_entries + _TRIM_BATCH:
            surplus = len(self._entries) - self._max_entries
            del self._entries[:surplus]
            self._base += surplus
            self._changed = {changed for changed in self._changed if changed >= self._base}
        self.version += 1
        return entry

    def set_state(
        self, entry_id: int, state: EntryState, timestamp: datetime | None = None
    ) -> None:
        """Give an entry another state, and another time unless it is None.

        An entry that was evicted is ignored.
        """
        if not self.first <= entry_id < self.end:
            return
        entry = self[entry_id]
        changed = replace(
            entry, state=state, timestamp=entry.timestamp if timestamp is None else timestamp
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

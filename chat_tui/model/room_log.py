"""What was said in one room, as far as we heard it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from chat_tui.model.entries import Entry, EntryKind, EntryState
from chat_tui.model.read_marker import ReadMarker

MAX_ENTRIES: Final = 10_000
"""Entries that a log keeps."""

_TRIM_BATCH: Final = 1_000
"""Entries forgotten in one go: deleting the head of a list one by one would copy it each time."""


class RoomLog:
    """The newest entries of a room, in the order in which they came.

    Ids rise by one from entry to entry, so `log[id]` is a look-up, and what a widget has drawn up
    to can be kept as one number. `version` grows with every change.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._max_entries = max_entries
        self._entries: list[Entry] = []
        self._base = 0  # the id of self._entries[0]
        self._changed: set[int] = set()
        self.version = 0
        self.read_marker = ReadMarker()

    @property
    def first(self) -> int:
        """The id of the oldest entry kept (`end` where there is none)."""
        return max(self._base, self.end - self._max_entries)

    @property
    def end(self) -> int:
        """The id that the next entry will get: one more than the newest's."""
        return self._base + len(self._entries)

    def __len__(self) -> int:
        return self.end - self.first

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())

    def __getitem__(self, entry_id: int) -> Entry:
        """The entry with this id. Raises `KeyError` where it is not kept."""
        if not self.first <= entry_id < self.end:
            raise KeyError(entry_id)
        return self._entries[entry_id - self._base]

    def entries(self, start: int | None = None) -> list[Entry]:
        """The entries with ids from `start` on (all that are kept: None), oldest first."""
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
    ) -> Entry:
        """Add an entry, whose texts are safe already, and forget the oldest above the bound."""
        entry = Entry(self.end, kind, timestamp, author, text, own, state, recipient)
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
        """Give an entry another state, and another time where one is given.

        An entry that is no longer kept is passed over: it was drawn once and is forgotten.
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
        """Give an entry that is kept another text, safe already."""
        self._entries[entry_id - self._base] = replace(self[entry_id], text=text)
        self._changed.add(entry_id)
        self.version += 1

    def take_changed(self) -> set[int]:
        """The ids of entries that got another state, time or text since the last call.

        Only entries that were there before: new ones are those from the last seen `end` on.
        """
        changed, self._changed = self._changed, set()
        return changed

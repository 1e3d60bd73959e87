"""ReadMarker: the first entry of a log that the user has not seen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from chat_tui.model.entries import Entry


class ReadMarker:
    """The read marker of one log.

    It starts as if the user was looking at the log: a log that is never shown has no rule "new".
    """

    def __init__(self) -> None:
        self.new_from: int | None = None
        """The id of the first unseen entry of others; None: the user has seen all of them, or the
        log does not hold the entry now."""
        self.since: datetime | None = None
        """When the user stopped looking at the log, before that entry came."""
        self._away_since: datetime | None = None
        self._is_set = False  # also while the log does not hold the entry
        self._was_passed = False  # the user has seen the end of the log since it was set
        self._stamp = ""  # of the entry `new_from`

    def unfocus(self, timestamp: datetime) -> None:
        """The user stops looking at the newest entries, if they were looking."""
        if self._away_since is None:
            self._away_since = timestamp

    def focus(self) -> None:
        """The user looks at the newest entries. The rule stays until another one replaces it."""
        if self._away_since is not None:
            self._away_since = None
            self._was_passed = True

    @property
    def is_unseen(self) -> bool:
        """True if the user has not seen the end of the log since the rule is there."""
        return self.new_from is not None and not self._was_passed

    def begin_reading(self) -> None:
        """The user reads from the rule on: it stays until they have seen the end of the log."""
        self._was_passed = False

    def entry_added(self, entry: Entry) -> None:
        """Move the marker for a new entry. An own message removes it."""
        if entry.own:
            self.new_from = None
            self._is_set = False
        elif entry.author and self._away_since is not None and self._may_move:
            self._set(entry, self._away_since)

    def missed(self, entries: Iterable[Entry], since: datetime | None) -> None:
        """Move the marker above the first message of others that the client has missed.

        `since`: when the client received its last message. None: unknown.
        """
        first = next((entry for entry in entries if entry.author and not entry.own), None)
        if first is not None and self._may_move:
            self._set(first, since)
            self._was_passed = self._away_since is None

    def evicted(self, first: int) -> None:
        """The log no longer holds the entries below `first`."""
        if self.new_from is not None and self.new_from < first:
            self.new_from = None

    def loaded(self, entries: Iterable[Entry]) -> None:
        """Put the rule back if the log holds its entry again."""
        if self._is_set and self.new_from is None and self._stamp:
            for entry in entries:
                if entry.stamp == self._stamp:
                    self.new_from = entry.id

    def copy_for(self, first: int, end: int) -> ReadMarker:
        """Return a marker with the same rule for a log of the entries from `first` to `end`."""
        copy = ReadMarker()
        copy.since, copy._is_set, copy._stamp = self.since, self._is_set, self._stamp
        if self.new_from is not None and first <= self.new_from < end:
            copy.new_from = self.new_from
        return copy

    @property
    def _may_move(self) -> bool:
        return not self._is_set or self._was_passed

    def _set(self, entry: Entry, since: datetime | None) -> None:
        self.new_from, self.since, self._stamp = entry.id, since, entry.stamp
        self._is_set, self._was_passed = True, False

"""ReadMarker: the first entry of a log that the user has not seen."""

from __future__ import annotations

from datetime import datetime

from chat_tui.model.entries import Entry


class ReadMarker:
    """The read marker of one log.

    It starts as if the user was looking at the log: a log that is never shown has no rule "new".
    """

    def __init__(self) -> None:
        self.new_from: int | None = None
        """The id of the first unseen entry of others; None: the user has seen all of them."""
        self.since: datetime | None = None
        """When the user stopped looking at the log, before that entry came."""
        self._away_since: datetime | None = None
        self._was_passed = False  # the user has seen the end of the log since `new_from` was set

    def unfocus(self, timestamp: datetime) -> None:
        """The user stops looking at the newest entries, if they were looking."""
        if self._away_since is None:
            self._away_since = timestamp

    def focus(self) -> None:
        """The user looks at the newest entries. The rule stays until another one replaces it."""
        if self._away_since is not None:
            self._away_since = None
            self._was_passed = True

    def entry_added(self, entry: Entry) -> None:
        """Move the marker for a new entry. An own message removes it."""
        if entry.own:
            self.new_from = None
        elif (
            entry.author
            and self._away_since is not None
            and (self.new_from is None or self._was_passed)
        ):
            self.new_from, self.since = entry.id, self._away_since
            self._was_passed = False

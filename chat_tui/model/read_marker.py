"""What of a log somebody has seen: since when nobody looks, and where what is new begins."""

from __future__ import annotations

from datetime import datetime

from chat_tui.model.entries import Entry


class ReadMarker:
    """Of one log. Nobody has looked away from it yet: what is never shown has no rule "new"."""

    def __init__(self) -> None:
        self.new_from: int | None = None
        """The id of the first entry of others that was not seen when it came; None: all were."""
        self.since: datetime | None = None
        """When somebody looked away before that entry came."""
        self._away_since: datetime | None = None
        self._was_passed = False  # somebody has looked at the end since the rule is there

    def unfocus(self, timestamp: datetime) -> None:
        """From now on nobody looks at the newest entries, if somebody did."""
        if self._away_since is None:
            self._away_since = timestamp

    def focus(self) -> None:
        """Somebody looks at the newest entries again; the rule stays until there is a newer one."""
        if self._away_since is not None:
            self._away_since = None
            self._was_passed = True

    def entry_added(self, entry: Entry) -> None:
        """An entry has come; what one says oneself ends what was new."""
        if entry.own:
            self.new_from = None
        elif (
            entry.author
            and self._away_since is not None
            and (self.new_from is None or self._was_passed)
        ):
            self.new_from, self.since = entry.id, self._away_since
            self._was_passed = False

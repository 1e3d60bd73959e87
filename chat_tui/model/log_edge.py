"""LogEdge: what is beyond the oldest or the newest entry of a log. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum


class EdgeState(Enum):
    """What is known about the messages beyond an edge of a log."""

    UNKNOWN = "unknown"
    """Nothing: the server keeps no history, or no page has arrived yet."""
    MORE = "more"
    """The server has more messages."""
    LOADING = "loading"
    """A page is on its way."""
    FAILED = "failed"
    """The last request failed. It can be tried again."""
    COMPLETE = "complete"
    """The server has no more messages."""


@dataclass(frozen=True, slots=True)
class LogEdge:
    """What is beyond an edge of a log. All text is safe for a terminal."""

    state: EdgeState = EdgeState.UNKNOWN
    reason: str = ""
    """Why the last request failed."""
    go_on: str = ""
    """The stamp from which the server has more, as its last page said. It may be far beyond the
    entry at the edge: the server looks through a limited number of messages for a page. Empty: the
    stamp of the entry at the edge."""
    kept_since: date | None = None
    """Older messages than those of this day were removed. Only at the oldest entry, and only if
    the server said so."""

    @property
    def cause(self) -> str:
        """The reason as part of a sentence, without its advice: the client knows a better one."""
        what = self.reason.partition(";")[0].rstrip(". ")
        return what[:1].lower() + what[1:] if what else "no answer came"

    @property
    def can_load(self) -> bool:
        """True if a page may be requested."""
        return self.state in (EdgeState.MORE, EdgeState.FAILED)

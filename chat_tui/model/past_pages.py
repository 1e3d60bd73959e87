"""PastPages: pages of the server's history on their way into the logs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from chat_server.wire import Action, Message, PrivateMessage
from chat_tui.events import HistoryPage, HistoryRequestFailed, NotKept, PageKind
from chat_tui.model.entries import Entry, EntryKind
from chat_tui.model.log_edge import EdgeState, LogEdge
from chat_tui.model.logs import LogStore
from chat_tui.model.room_log import RoomLog
from chat_tui.sanitize import safe_text

_AnyMessage = Message | Action | PrivateMessage


class PastPages:
    """The requests for pages, and where each page belongs.

    A page answers the request of a log. If that log is not shown any more, the page is dropped: it
    would leave a gap in another one.
    """

    def __init__(
        self,
        logs: LogStore,
        make_entry: Callable[[_AnyMessage], Entry],
        renumber: Callable[[str, int, int], None],
        now: Callable[[], datetime],
    ) -> None:
        """`make_entry` returns an entry without an id. `now` returns the local time.

        `renumber(location, before, shift)` is called after the entries with ids less than `before`
        got other ids.
        """
        self._renumber = renumber
        self._logs = logs
        self._make_entry = make_entry
        self._now = now
        # The log that a page was requested for; the server answers in order.
        self._requested: dict[tuple[str, PageKind], RoomLog] = {}
        self._wanted: dict[str, str] = {}  # location -> the stamp to show once its page is there
        self._seen_to: dict[str, datetime] = {}  # the newest message before this session
        self._catching_up: set[str] = set()  # the first page of a catch-up has arrived
        self._remarks: dict[str, int] = {}  # the entry that says that the catch-up has failed

    def request(self, location: str, kind: PageKind) -> bool:
        """Note that the user wants the page EARLIER or LATER of what is shown.

        Return True if it has to be requested from the server now.
        """
        log = self._logs.shown(location)
        edge = log.top if kind is PageKind.EARLIER else log.bottom
        if not edge.can_load or (location, kind) in self._requested:
            return False
        self._requested[location, kind] = log
        self._set_edge(log, kind, EdgeState.LOADING)
        return True

    def want(self, location: str, stamp: str) -> bool:
        """Show the message with this stamp. Return True if its surroundings must be requested."""
        log = self._logs.shown(location)
        found = log.find(stamp)
        if found is None and log.present is not None:
            found = log.present.find(stamp)
            if found is not None:
                log = log.present
                self._logs.close_window(location)
        if found is None:
            self._wanted[location] = stamp
            return True
        log.target = found
        return False

    def connection_lost(self) -> bool:
        """No page that was requested will come. Return True if that changes a log."""
        self._requested.clear()
        self._wanted.clear()
        self._catching_up.clear()
        return self._logs.connection_lost()

    def failed(self, failure: HistoryRequestFailed) -> str:
        """Note that a page will not come. Return a text for the log, empty if it needs none."""
        location, kind = failure.location, failure.kind
        reason = safe_text(failure.reason)
        match kind:
            case PageKind.EARLIER | PageKind.LATER:
                log = self._requested.pop((location, kind), None) or self._logs.shown(location)
                self._set_edge(log, kind, EdgeState.FAILED, reason)
                return ""
            case PageKind.FIRST:
                self._set_edge(self._logs.of(location), kind, EdgeState.FAILED, reason)
                return ""
            case PageKind.MISSED:  # the client tries again by itself
                self._show_what_came(location)
                self._note_missing(location, reason)
            case PageKind.AROUND:
                self._wanted.pop(location, None)
                return f"the message could not be shown: {reason}"
        return ""

    def apply(self, page: HistoryPage) -> Sequence[Entry]:
        """Add the messages of a page to the log. Return those that the client has missed."""
        location = page.location
        match page.kind:
            case PageKind.FIRST:
                self._first(page)
            case PageKind.MISSED:
                return self._missed(page)
            case PageKind.EARLIER:
                log = self._requested.pop((location, page.kind), None) or self._logs.shown(location)
                if self._logs.is_current(location, log):
                    log.prepend(self._entries(page, above=True))
                    log.top = self._top_edge(page)
                    self._logs.bound(location, at_top=True)
            case PageKind.LATER:
                self._later(page)
            case PageKind.AROUND:
                self._around(page)
        return ()

    def is_catching_up(self, location: str) -> bool:
        """Return True if messages were missed, and the screen does not show them all yet."""
        return location in self._catching_up or bool(self._logs.of(location).caught_up)

    def caught_up(self, location: str) -> None:
        """The log of `location` is complete up to now."""
        self._logs.missing_since.pop(location, None)
        log = self._logs.of(location)
        log.caught_up = location in self._catching_up
        self._catching_up.discard(location)
        remark = self._remarks.pop(location, None)
        if remark is not None and log.keeps(remark):
            log.amend(remark, "the messages are complete again")
        if not log.has_history:  # it holds only what was missed
            log.top = LogEdge(EdgeState.MORE if len(log) else EdgeState.COMPLETE)

    def _show_what_came(self, location: str) -> None:
        """Let the user read the pages that have arrived: the next one may take minutes."""
        if location in self._catching_up:
            self._catching_up.discard(location)
            self._logs.of(location).caught_up = True

    def _note_missing(self, location: str, reason: str) -> None:
        log = self._logs.of(location)
        since = self._logs.missing_since.get(location)
        when = "" if since is None else f" since {since:%H:%M}"
        what = reason.partition(";")[0].rstrip(". ")
        text = f"messages may be missing{when}: {what}. Trying again…"
        known = self._remarks.get(location)
        if known is not None and log.keeps(known):
            log.amend(known, text)
        else:
            self._remarks[location] = log.append(EntryKind.SERVER, self._now(), text).id

    def _first(self, page: HistoryPage) -> None:
        log = self._logs.of(page.location)
        self._insert(page.location, self._entries(page, above=True), is_first=True)
        log.top = self._top_edge(page)
        self._logs.bound(page.location, at_top=True)

    def _missed(self, page: HistoryPage) -> list[Entry]:
        log = self._logs.of(page.location)
        since = self._logs.missing_since.get(page.location)
        if since is None and (known := stamp_of(page.since or "") or log.newest_stamp):
            since = _time_of(known).astimezone().replace(tzinfo=None)
        added = self._insert(page.location, self._entries(page, above=False), is_first=False)
        if added and page.location not in self._catching_up:
            self._catching_up.add(page.location)
            log.read_marker.missed(added, since)
        if not log.has_history:
            log.top = LogEdge(EdgeState.MORE)
        self._logs.bound(page.location)
        return [entry for entry in added if entry.author]

    def _insert(self, location: str, entries: list[Entry], *, is_first: bool) -> list[Entry]:
        """Add messages to the log of the present by their stamps. Return the new entries.

        Live messages may have come before them, if the history was not available for some time.
        `is_first`: they are older than everything that has no stamp.
        """
        log = self._logs.of(location)
        added: list[Entry] = []
        rest = list(entries)
        while rest:
            start, position = self._last_run(log, rest)
            rest, run = rest[:start], rest[start:]
            above = log.entries(None, position)
            if not any(entry.stamp for entry in above) and (position < log.end or is_first):
                added = log.prepend(run) + added
            elif position == log.end:
                added = log.extend(run) + added
            else:
                inserted = log.insert(position, run)
                shift = -len(inserted)
                self._renumber(location, position, shift)
                if self._remarks.get(location, position) < position:
                    self._remarks[location] += shift
                added = inserted + added
        return added

    @staticmethod
    def _last_run(log: RoomLog, entries: list[Entry]) -> tuple[int, int]:
        """Return where the entries begin that follow each other in the log, and above which id."""
        newest = next((entry.stamp for entry in reversed(entries) if entry.stamp), "")
        if not newest:
            return 0, log.end
        time = _time_of(newest)
        position = log.position_before(lambda entry: _time_of(entry.stamp) > time)
        above = next((e.stamp for e in reversed(log.entries(None, position)) if e.stamp), "")
        if not above:
            return 0, position
        start = len(entries)
        while start and not _is_before(entries[start - 1].stamp, above):
            start -= 1
        return min(start, len(entries) - 1), position

    def _later(self, page: HistoryPage) -> None:
        location = page.location
        log = self._requested.pop((location, page.kind), None) or self._logs.shown(location)
        if log.present is None or not self._logs.is_current(location, log):
            return
        log.extend(self._entries(page, above=False))
        if self._reaches_present(page, log.present):
            self._logs.join_window(location)
        else:
            log.bottom = LogEdge(EdgeState.MORE, go_on=stamp_of(page.later or ""))
            self._logs.bound(location)

    def _around(self, page: HistoryPage) -> None:
        location = page.location
        stamp = self._wanted.pop(location, "")
        window = self._logs.open_window(location)
        window.extend(self._entries(page, above=True))
        window.top = self._top_edge(page)
        window.bottom = LogEdge(EdgeState.MORE, go_on=stamp_of(page.later or ""))
        if len(window):
            found = window.find(stamp)
            window.target = window.first + len(window) // 2 if found is None else found
        if window.present is not None and self._reaches_present(page, window.present):
            self._logs.join_window(location)

    @staticmethod
    def _reaches_present(page: HistoryPage, present: RoomLog) -> bool:
        """Return True if no message is missing between a page and the log of the present."""
        stamps = [entry.time for entry in page.entries if not isinstance(entry, NotKept)]
        oldest = present.oldest_stamp
        if oldest is None or page.later is None:
            return page.later is None
        return any(_time_of(stamp) >= _time_of(oldest) for stamp in stamps if stamp_of(stamp))

    def _set_edge(self, log: RoomLog, kind: PageKind, state: EdgeState, reason: str = "") -> None:
        if kind is PageKind.LATER:
            log.bottom = replace(log.bottom, state=state, reason=reason)
        else:
            log.top = replace(log.top, state=state, reason=reason)
        log.version += 1

    @staticmethod
    def _top_edge(page: HistoryPage) -> LogEdge:
        """Return what is above the oldest entry after a page was added there."""
        if page.earlier is not None:
            return LogEdge(EdgeState.MORE, go_on=stamp_of(page.earlier))
        # The same remark between two messages is about a gap there.
        first = page.entries[0] if page.entries else None
        removed = first.before if isinstance(first, NotKept) else None
        kept_since = None
        if removed and stamp_of(removed):
            kept_since = _time_of(removed).astimezone().date()
        return LogEdge(EdgeState.COMPLETE, kept_since=kept_since)

    def _entries(self, page: HistoryPage, *, above: bool) -> list[Entry]:
        """Return the entries of a page, without ids.

        `above`: the page begins with what the log shows at its top, so a remark about messages
        that were removed is not an entry.
        """
        entries: list[Entry] = []
        for item in page.entries:
            if not isinstance(item, NotKept):
                entries.append(self._make_entry(item))
            elif item.count is not None or not (above and not entries):
                entries.append(Entry(0, EntryKind.GAP, datetime.min, "", _not_kept_text(item)))
        times = [entry.timestamp for entry in entries if entry.author]
        last = times[0] if times else self._now()
        for index, entry in enumerate(entries):
            if not entry.author:
                entries[index] = replace(entry, timestamp=last)
            last = entries[index].timestamp
        return self._dimmed(page, entries)

    def _dimmed(self, page: HistoryPage, entries: list[Entry]) -> list[Entry]:
        """Return the entries, with those marked as past that are older than this session."""
        if page.kind is PageKind.MISSED:
            return entries
        newest = max((_time_of(entry.stamp) for entry in entries if entry.stamp), default=None)
        if newest is not None and page.kind in (PageKind.FIRST, PageKind.EARLIER):
            self._seen_to.setdefault(page.location, newest)
        seen_to = self._seen_to.get(page.location)
        return [
            replace(entry, past=True) if self._is_past(entry, seen_to) else entry
            for entry in entries
        ]

    @staticmethod
    def _is_past(entry: Entry, seen_to: datetime | None) -> bool:
        return not entry.stamp or seen_to is None or _time_of(entry.stamp) <= seen_to


def stamp_of(time: str) -> str:
    """Return the time of a message if it is a stamp, else an empty text."""
    if len(time) <= len("HH:MM:SS"):
        return ""
    try:
        return time if datetime.fromisoformat(time).tzinfo is not None else ""
    except ValueError:
        return ""


def _is_before(stamp: str, other: str) -> bool:
    """Return True if a stamp is lower than or equal to another one; False if it is empty."""
    return bool(stamp) and _time_of(stamp) <= _time_of(other)


def _time_of(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def _not_kept_text(remark: NotKept) -> str:
    if remark.count is not None:
        number = "1 message was" if remark.count == 1 else f"{remark.count} messages were"
        return f"{number} not kept"
    if remark.before is None or not stamp_of(remark.before):
        return "older messages were not kept"
    before = _time_of(remark.before).astimezone()
    return f"messages before {before.day} {before:%B %H:%M} were not kept"

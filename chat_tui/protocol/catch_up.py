"""CatchUp: from the newest message that the client has of one place to the present.

The pages are requested and applied here; `HistorySync` sends the requests. Live messages that
arrive meanwhile are held back until the last page, for a few seconds at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from chat_server.wire import Action, format_stamp, parse_stamp
from chat_tui import events
from chat_tui.events import Event, NotKept, PageKind
from chat_tui.protocol.page_reader import Page, PastMessage
from chat_tui.protocol.resolution import Resolution
from chat_tui.protocol.timelines import Timeline, Timelines

FIRST_MESSAGES: Final = 50
"""Messages of a place that the client requests if its log is empty."""

HOLD_SECONDS: Final = 5.0
"""Seconds for which live messages are held back at most. After them, older messages come later."""

MAX_PAGE: Final = "200"
"""The most messages that the server puts into a page."""

MAX_HELD: Final = 2000
"""Most live messages that are held back."""

RETRY_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds until a failed request is sent again; the last one is repeated."""


@dataclass(slots=True)
class Step:
    """A page to request."""

    kind: PageKind
    words: tuple[str, ...]
    """The arguments of `/history`, without `with <user>`."""
    is_asked: bool = False


class CatchUp:
    """The catch-up of one room or private conversation."""

    def __init__(
        self,
        place: str,
        own_name: str,
        timelines: Timelines,
        first_id: Callable[[], int | None],
        emit: Callable[[Event], None],
        now: float,
        *,
        recent: bool = False,
        start: str = "",
    ) -> None:
        """Begin. `HistorySync` requests the pages.

        `first_id` returns the id of the first own message on this connection, if there is one: no
        page can say if those have arrived. `recent`: look for messages of the partner among the
        newest, which were kept while the user did not follow the partner. `start`: where the log
        begins if it is empty, a time as the server reads it. Live messages then wait for as long as
        it takes.
        """
        self.place = place
        self.timeline: Timeline = timelines.of(place)
        self._emit = emit
        self._is_private = place.startswith("@")
        self._own_name = own_name
        self.resolution = Resolution(place, own_name, timelines, first_id)
        self.is_done = False
        self.retry_at: float | None = None
        """When to send failed requests again. None: now, or none has failed."""
        self._failures = 0
        self._held: list[PastMessage] = []
        self._holds_until: float | None = now + HOLD_SECONDS
        self._own_counts: dict[tuple[PageKind, str, bool], int] = {}
        self._since: str | None = None
        self.steps: list[Step] = []
        self._recent = recent
        self._start = start
        self._starts_early = False
        self._known_to = max(self.timeline.newest or 0, self.timeline.read or 0)
        self._first_stamps: set[int] = set()  # of the messages that a first page has added
        if start and self.timeline.newest is None:
            self._begin_early()
        elif recent:
            self.steps.append(Step(PageKind.MISSED, (str(FIRST_MESSAGES),)))
        else:
            self._begin()

    @property
    def is_holding(self) -> bool:
        """True while live messages are held back."""
        return self._holds_until is not None and not self.is_done

    def due_steps(self, now: float) -> list[Step]:
        """Return the pages to request now."""
        if self.is_done or (self.retry_at is not None and now < self.retry_at):
            return []
        self.retry_at = None
        return [step for step in self.steps if not step.is_asked]

    def tick(self, now: float) -> None:
        """Stop holding back live messages after some seconds."""
        is_late = self._holds_until is not None and now >= self._holds_until
        if is_late and not self._starts_early:
            self._release()

    # Input

    def live(self, message: PastMessage, stamp: int) -> None:
        """Take a live message that is not an echo."""
        self._check_order(stamp)
        if self.is_holding:
            self._held.append(message)
            if len(self._held) > MAX_HELD and self._starts_early:
                del self._held[0]  # a page that is not requested yet has it
            elif len(self._held) > MAX_HELD:
                self._release()
        else:
            self._show_live(message, stamp)

    def echo(self, stamp: int) -> None:
        """Take the stamp of an own message that the log shows."""
        self._check_order(stamp)
        self.timeline.live(stamp, is_complete=self.is_done, is_echo=True)

    def failed(self, step: Step, reason: str, now: float) -> None:
        """Try a request again later. Live messages do not wait for it."""
        step.is_asked = False
        delay = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self.retry_at = now + delay
        if self._failures == 0:
            self._emit(events.HistoryRequestFailed(self.place, step.kind, reason))
        self._failures += 1
        if not self._starts_early:
            self._release()

    def page(self, step: Step, page: Page, unread: int = 0) -> None:
        """Apply a page. After the last one the log is complete.

        `unread`: the partner's newest messages that the server has counted as unread.
        """
        self._failures = 0
        self.steps.remove(step)
        if self._recent:
            self._recent_page(page)
        elif step.kind is PageKind.FIRST:
            self._first_page(step, page, unread)
        else:
            self._missed_page(page)
        if not self.steps:
            self._finish()

    def resolve_more(self) -> None:
        """Request the pages that show if unconfirmed messages have arrived, if there are some."""
        start = self.resolution.next_start() if self.is_done else None
        if start is not None:
            self.is_done, self._holds_until = False, None
            self._add_missed(start)

    # Internals

    def _check_order(self, stamp: int) -> None:
        """Start over if a live message is not newer than what the log had before.

        Then the server has lost its history, and its clock was set back.
        """
        if stamp > self._known_to:
            return
        self._known_to = 0
        self.timeline.start_over()
        self.timeline.ahead |= self._first_stamps
        self.is_done, self._recent = False, False
        self._release()
        self.steps = [step for step in self.steps if step.is_asked]
        if self._start:
            self._begin_early()
        else:
            self._begin()

    def _begin_early(self) -> None:
        self._starts_early = True
        self.timeline.newest = 0
        self.steps.append(Step(PageKind.MISSED, ("after", self._start, MAX_PAGE)))

    def _begin(self) -> None:
        timeline = self.timeline
        floor = timeline.newest
        if floor is None:
            floor = timeline.read
            words: tuple[str, ...] = (str(FIRST_MESSAGES),)
            if floor is not None:
                words = ("before", format_stamp(floor + 1), *words)
            self.steps.append(Step(PageKind.FIRST, words))
        if floor:
            self._since = format_stamp(floor)
        start = self.resolution.first_start(floor)
        if start is not None:
            self._add_missed(start)

    def _add_missed(self, start: int) -> None:
        self.resolution.begin(start)
        self._own_counts.clear()
        self._recent = False
        self.steps.append(Step(PageKind.MISSED, ("new", format_stamp(start))))

    def _first_page(self, step: Step, page: Page, unread: int) -> None:
        timeline = self.timeline
        past = list(page.entries)
        held = {_stamp(message) for message in self._held}
        while past and _stamp(past[-1]) in held:  # new messages: they follow the page
            past.pop()
        entries = [
            entry
            for entry in past
            if not (self._is_shown(entry) or self._is_own_shown(step.kind, entry))
        ]
        stamps = [stamp for entry in past if (stamp := _stamp(entry)) is not None]
        is_bounded = step.words[0] == "before"
        missed = [] if is_bounded else self._cut_unread(entries, unread)
        self._emit(
            events.HistoryPage(self.place, PageKind.FIRST, tuple(entries), earlier=page.earlier)
        )
        if missed:
            self._emit(events.HistoryPage(self.place, PageKind.MISSED, tuple(missed)))
        shown = [*entries, *missed]
        self._first_stamps |= {stamp for stamp in map(_stamp, shown) if stamp is not None}
        self._record_shown(shown)
        if timeline.newest is None:
            timeline.newest = timeline.read if is_bounded else max(stamps, default=0)
            new = {_stamp(entry) for entry in missed}
            seen = [stamp for stamp in stamps if stamp not in new]
            timeline.first = timeline.newest if is_bounded else max(seen, default=0)

    def _cut_unread(
        self, entries: list[PastMessage | NotKept], unread: int
    ) -> list[PastMessage | NotKept]:
        """Remove the newest `unread` messages of the partner and all below them. Return them."""
        theirs = [
            index
            for index, entry in enumerate(entries)
            if not isinstance(entry, NotKept) and entry.author != self._own_name
        ]
        if not unread or not theirs:
            return []
        start = theirs[max(0, len(theirs) - unread)]
        missed = entries[start:]
        del entries[start:]
        return missed

    def _recent_page(self, page: Page) -> None:
        entries = [
            entry
            for entry in page.entries
            if not isinstance(entry, NotKept)
            and entry.author != self._own_name
            and (stamp := _stamp(entry)) is not None
            and self.timeline.show(stamp)
        ]
        if entries:
            self._emit(events.HistoryPage(self.place, PageKind.MISSED, tuple(entries)))

    def _missed_page(self, page: Page) -> None:
        timeline = self.timeline
        floor = timeline.newest if timeline.newest is not None else (timeline.read or 0)
        entries: list[PastMessage | NotKept] = []
        newest = floor
        for entry in page.entries:
            if isinstance(entry, NotKept):
                if self.resolution.not_kept(entry):
                    entries.append(entry)
            elif (stamp := _stamp(entry)) is not None:
                newest = max(newest, stamp)
                is_known = self._resolve(entry, stamp) or stamp <= floor or self._is_shown(entry)
                if not (self._is_own_shown(PageKind.MISSED, entry) or is_known):
                    entries.append(entry)
        if entries:
            self._emit(
                events.HistoryPage(
                    self.place,
                    PageKind.MISSED,
                    tuple(entries),
                    later=page.later,
                    since=self._since,
                )
            )
            self._record_shown(entries)
        later = parse_stamp(page.later) if page.later is not None else None
        if timeline.newest is not None:
            timeline.newest = max(newest, later or 0)
        else:
            timeline.read = max(newest, later or 0)  # the first page is still missing
        if later is not None and self._starts_early and later > floor:
            self.steps.append(Step(PageKind.MISSED, ("after", format_stamp(later), MAX_PAGE)))
        elif later is not None and self.resolution.goes_on(later):
            self.steps.append(Step(PageKind.MISSED, ("new", format_stamp(later))))

    def _resolve(self, entry: PastMessage, stamp: int) -> bool:
        """Return True if a message of a page is an unconfirmed one, which the log shows."""
        timeline = self.timeline
        is_counted = stamp not in timeline.echoes and stamp not in timeline.uncounted
        if entry.author != self._own_name or not is_counted:
            return False
        is_action = isinstance(entry, Action)
        resolved = self.resolution.own_message(entry.text, stamp, is_action=is_action)
        for own_id in resolved:
            self._emit(events.MessageSent(own_id, entry.time))
        return bool(resolved)

    def _is_own_shown(self, kind: PageKind, entry: PastMessage | NotKept) -> bool:
        """Return True if this is an own private message in the log, where it has no stamp."""
        base, stamp = self.timeline.base, _stamp(entry)
        if (
            isinstance(entry, NotKept)
            or not self._is_private
            or entry.author != self._own_name
            or base is None
            or stamp is None
            or stamp <= base
        ):
            return False
        is_action = isinstance(entry, Action)
        key = kind, entry.text, is_action
        nth = self._own_counts.get(key, 0)
        self._own_counts[key] = nth + 1
        return self.timeline.is_own_shown(entry.text, nth, is_action=is_action)

    def _is_shown(self, entry: PastMessage | NotKept) -> bool:
        return not isinstance(entry, NotKept) and _stamp(entry) in self.timeline.ahead

    def _record_shown(self, entries: Iterable[PastMessage | NotKept]) -> None:
        for entry in entries if self._is_private else ():
            if (stamp := _stamp(entry)) is not None:
                self.timeline.show(stamp)

    def _finish(self) -> None:
        start = self.resolution.next_start()
        if start is not None:
            self._add_missed(start)
            return
        self.is_done = True
        self.timeline.caught_up()
        self._emit(events.CaughtUp(self.place))
        self._release()

    def _release(self) -> None:
        """Pass on the live messages that were held back, and hold back no more."""
        self._holds_until = None
        held, self._held = self._held, []
        for message in held:
            stamp = _stamp(message)
            if stamp is not None:
                self._show_live(message, stamp)

    def _show_live(self, message: PastMessage, stamp: int) -> None:
        if self.timeline.live(stamp, is_complete=self.is_done):
            self._record_shown([message])
            self._emit(events.MessageArrived(self.place, message))


def _stamp(entry: PastMessage | NotKept) -> int | None:
    return None if isinstance(entry, NotKept) else parse_stamp(entry.time)

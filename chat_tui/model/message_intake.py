"""MessageIntake: messages and pages of past messages on their way from the server into the logs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from chat_server.wire import Action, Message, PrivateMessage
from chat_tui.events import CaughtUp, HistoryPage, HistoryRequestFailed, PageKind
from chat_tui.model.alerts import AlertQueue
from chat_tui.model.conversations import Conversations
from chat_tui.model.entries import Entry, EntryKind
from chat_tui.model.location import Location
from chat_tui.model.logs import LogStore
from chat_tui.model.mentions import Mentions
from chat_tui.model.past_pages import PastPages, stamp_of
from chat_tui.model.people import Roster
from chat_tui.model.timestamps import ServerClock, not_before_day_of
from chat_tui.model.unread import Unread, UnreadNumbers
from chat_tui.sanitize import safe_name, safe_text


class MessageIntake:
    """The way of messages into the logs, the unread numbers and the alerts."""

    def __init__(
        self,
        logs: LogStore,
        people: Roster,
        mentions: Mentions,
        unread: Unread,
        conversations: Conversations,
        alerts: AlertQueue,
        renumber: Callable[[str, int, int], None],
        now: Callable[[], datetime],
    ) -> None:
        """`renumber`: see `PastPages`. `now` returns the local time without a zone."""
        self._logs = logs
        self._people = people
        self._mentions = mentions
        self._unread = unread
        self._conversations = conversations
        self._alerts = alerts
        self._now = now
        self._clock = ServerClock()
        self._has_history = False
        self._announced: set[str] = set()  # the server reported a mention; its page is to come
        self.pages = PastPages(logs, self.entry_of, renumber, now)

    def signed_in(self, *, has_history: bool) -> None:
        """Start with a new session. The server may have been moved to another zone since."""
        self._clock = ServerClock()
        self._has_history = has_history

    def local_time(self, wire_time: str) -> datetime:
        """Return the time of a line that arrives now, as local time without a zone."""
        return self._clock.local_time(wire_time, self._now())

    def mention_reported(self, location: Location) -> None:
        """Alert: the server has a message for the user in `location`. Its page will not alert."""
        self._alerts.add(location, None)
        self._announced.add(location)

    def message_arrived(self, room: str, message: Message | Action | PrivateMessage) -> Location:
        """Add a message to its log. Return its location."""
        location = Location(room)
        if isinstance(message, PrivateMessage):
            author = safe_name(message.author)
            is_own = author == self._people.user
            other = safe_name(message.recipient) if is_own else author
            self._conversations.begin(other)
            location = Location.private(other)
        log = self._logs.of(location)
        # With stamps, a live message has the form of a past one of a server without history.
        is_backlog = message.past and not self._has_history
        entry = self.entry_of(message, log.end, None if is_backlog else log.last_timestamp)
        log.add(entry)
        if not entry.own:
            self._mentions.know((entry.author,))
            is_addressed = self._count(location, entry)
            if not is_backlog:
                self._people.spoke(entry.author, self._now())
                if is_addressed:
                    self._alerts.add(location, entry)
        if len(log) > log.max_entries:  # what the user reads is not evicted
            self._logs.bound(location)
        return location

    def entry_of(
        self,
        message: Message | Action | PrivateMessage,
        entry_id: int = 0,
        above: datetime | None = None,
    ) -> Entry:
        """Return a message as an entry. All its texts are safe.

        `above`: the time of the entry above; the message is not on an earlier day.
        """
        author, recipient, kind = safe_name(message.author), "", EntryKind.MESSAGE
        if isinstance(message, Action):
            kind = EntryKind.ACTION
        elif isinstance(message, PrivateMessage):
            kind, recipient = EntryKind.PRIVATE, safe_name(message.recipient)
        return Entry(
            entry_id,
            kind,
            not_before_day_of(self.local_time(message.time), above),
            author,
            safe_text(message.text),
            author == self._people.user,
            recipient=recipient,
            stamp=stamp_of(message.time),
        )

    def history_event(
        self, location: Location, event: HistoryPage | HistoryRequestFailed | CaughtUp
    ) -> str:
        """Apply what came of a request for past messages of `location`. Not for a search.

        Return a text for the log, empty if there is none.
        """
        match event:
            case HistoryRequestFailed():
                return self.pages.failed(event)
            case CaughtUp():
                self.pages.caught_up(location)
                self._unread.drop_restored(location)
                self._announced.discard(location)
            case HistoryPage():
                if event.kind in (PageKind.FIRST, PageKind.MISSED):
                    self._unread.drop_restored(location)
                if location.is_private:
                    self._conversations.begin(location.partner)
                    self._unread.report(location, UnreadNumbers())  # the client has them now
                self._missed(location, [e for e in self.pages.apply(event) if not e.own])
        return ""

    def _missed(self, location: Location, missed: Sequence[Entry]) -> None:
        """Count the messages of a page that the client has missed, and alert once for all."""
        self._mentions.know(entry.author for entry in missed)
        addressed = [entry for entry in missed if self._count(location, entry)]
        if addressed and location not in self._announced:  # otherwise the report was the alert
            self._alerts.add(location, addressed[-1])

    def _count(self, location: Location, entry: Entry) -> bool:
        """Count a message as unread. Return True if it is addressed to the user."""
        is_mention = self._mentions.matches(entry.text)
        self._unread.add(location, entry.author, mention=is_mention)
        return is_mention or entry.kind is EntryKind.PRIVATE

"""ChatModel: everything that the screens show, changed by events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from chat_server.wire import Action, Message, PrivateMessage, operator_replies
from chat_tui import events
from chat_tui.events import ConnectionChanged, ConnectionState, DeliveryProof, Event
from chat_tui.input import ServerCapabilities
from chat_tui.model.alerts import Alert, AlertQueue
from chat_tui.model.conversations import Conversations
from chat_tui.model.drafts import Drafts
from chat_tui.model.entries import LOG_NOTICE_KINDS, Entry, EntryKind, Presence
from chat_tui.model.history import InputHistories, InputHistory
from chat_tui.model.history_search import HistorySearch
from chat_tui.model.location import Location
from chat_tui.model.logs import LogStore
from chat_tui.model.mentions import Mentions
from chat_tui.model.message_intake import MessageIntake
from chat_tui.model.navigation import Navigation
from chat_tui.model.own_entries import OwnEntries, OwnMessageSettled
from chat_tui.model.panes import Pane
from chat_tui.model.people import Roster
from chat_tui.model.places import Places
from chat_tui.model.room_log import RoomLog
from chat_tui.model.rooms import RoomDirectory
from chat_tui.model.timestamps import not_before_day_of
from chat_tui.model.unconfirmed import UnconfirmedMessage, UnconfirmedMessages
from chat_tui.model.unread import Unread, UnreadNumbers
from chat_tui.model.wire_log import WireLog
from chat_tui.sanitize import safe_name, safe_text

_CONNECTION_LOST: Final = "The connection was lost. Esc goes back: search again when it is back."


class ChatModel:
    """The state that the screens show. Only the screen's thread calls it; no method blocks.

    Every text in it is safe for a terminal (`chat_tui.sanitize`).
    """

    def __init__(self, now: Callable[[], datetime] = datetime.now) -> None:
        """`now` returns the local time without a zone; tests pass a fake clock."""
        self.now = now
        self._changes: set[Pane] = set()
        self.mentions = Mentions()
        self.wire = WireLog(lambda: self.now())
        """The lines sent and received, in every session."""
        self.undo_key = ""
        """The key that follows a person again, for the log; empty: the log names the command."""
        self.begin("", "")

    def begin(self, server: str, user: str) -> None:
        """Start empty: for the first sign-in, and for another user or server (`host:port`)."""
        self.server = safe_text(server)
        self.user = safe_name(user)
        self.capabilities = ServerCapabilities()
        self.connection = ConnectionChanged(ConnectionState.OFFLINE)
        self.servers_connected = True
        """False while the server has lost the other servers of this chat."""
        self.round_trip: float | None = None
        """Seconds between the latest measured request and its answer."""
        self.rooms = RoomDirectory()
        self.people = Roster()
        self.people.user = self.user
        self.mentions.configure(user=self.user)
        self.unread = Unread()
        """Unread messages. The notifier clears a location while the user looks at it."""
        self.conversations = Conversations()
        self.places = Places(self.rooms, self.conversations, self.unread)
        """The rooms and conversations in the list."""
        self.history_search = HistorySearch()
        """The user's latest search in the server's history."""
        self.drafts = Drafts()
        self.histories = InputHistories()
        """The texts sent from the composer, by location."""
        self.queued_texts: Mapping[str, str] = {}
        """Typed text that is queued to be sent, by location, as it would be in the composer."""
        self._navigation = Navigation(self.room)
        self._logs = LogStore(lambda location: self._own.oldest(location))
        self._own = UnconfirmedMessages(self._logs.of)
        self._alerts = AlertQueue()
        self._intake = MessageIntake(
            self._logs,
            self.people,
            self.mentions,
            self.unread,
            self.conversations,
            self._alerts,
            self._own.renumber,
            lambda: self.now(),
        )
        self._own_entries = OwnEntries(
            self._logs,
            self.people,
            self.conversations,
            self._own,
            self._intake,
            lambda: self.now(),
        )
        self._changes |= set(Pane)

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that the server listed, each with its slash."""
        return self.capabilities.commands

    # Locations

    @property
    def room(self) -> str:
        """The room that the user is in, or was in before the connection was lost."""
        return self.rooms.current

    @property
    def location(self) -> Location:
        """The location in view: the current room or a private conversation."""
        return self._navigation.location

    @property
    def compose_location(self) -> Location:
        """The location that the composer writes to: during a join, already the new room."""
        return self._navigation.compose_location

    @property
    def history(self) -> InputHistory:
        """The texts sent from the composer in the location that it writes to."""
        return self.histories.of(self.compose_location)

    def view(self, location: Location) -> None:
        """View the current room or a private conversation, and write to it.

        A later join reply does not change the view.
        """
        self._navigation.view(location, self.room)
        self._logs.close_windows(except_for=self.location)
        if self.location.is_private:
            self.conversations.begin(self.location.partner)
        self._changes |= set(Pane)

    def load_places(
        self, rooms: Iterable[str], forgotten: Iterable[str], conversations: Iterable[str]
    ) -> None:
        """List the rooms and conversations of an earlier session, except the forgotten rooms."""
        self.rooms.visited.load(rooms, forgotten)
        self.conversations.load(conversations)
        self._changes.add(Pane.ROOMS)

    def has_messages(self, location: Location) -> bool:
        """Return True if there are entries in a log, or unread messages on the server."""
        return location in self._logs or self.unread.count(location) > 0

    def forget_place(self, place: Location) -> None:
        """Remove an empty room or a conversation from the list, if that is possible."""
        if self.places.forget(place):
            if place == self.location:
                self.view(Location(self.room))
            self._changes |= {Pane.ROOMS, Pane.PEOPLE, Pane.STATUS}

    def bring_place_back(self) -> Location | None:
        """List the place again that was forgotten last. Return it, None if there is none."""
        self._changes.add(Pane.ROOMS)
        return self.places.bring_back()

    def room_requested(self, room: str) -> None:
        """Record a requested join of `room`; the server has not answered yet."""
        self._navigation.join_requested(safe_name(room))
        self._changes.add(Pane.COMPOSER)

    @property
    def log(self) -> RoomLog:
        """The log to show: of the location in view, or a part of its history."""
        return self._logs.shown(self.location)

    @property
    def locations(self) -> list[str]:
        """All locations that have a log."""
        return self._logs.locations

    def log_of(self, location: str) -> RoomLog:
        """Return the log of a location up to the present; it is created empty if there is none."""
        return self._logs.of(location)

    # History

    def request_page(self, kind: events.PageKind) -> bool:
        """Show that the messages EARLIER or LATER than those in the log are being loaded.

        Return True if the caller has to request them from the server: it has more, and they are
        not on their way.
        """
        self._changes.add(Pane.LOG)
        return self._intake.pages.request(self.location, kind)

    def request_message(self, stamp: str) -> bool:
        """Show the message with this stamp, of the location in view.

        Return True if the caller has to request its surroundings from the server.
        """
        self._changes.add(Pane.LOG)
        return self._intake.pages.want(self.location, stamp)

    @property
    def is_catching_up(self) -> bool:
        """True if the location in view has missed messages that the screen does not show yet."""
        return self._intake.pages.is_catching_up(self.location)

    def return_to_present(self) -> None:
        """Show the newest messages of the location in view again."""
        if self._logs.close_window(self.location):
            self._changes.add(Pane.LOG)

    # Own messages

    @property
    def unconfirmed(self) -> list[Entry]:
        """Own messages of the location in view that may not have arrived, oldest first."""
        return self._own.entries(self.location)

    def pending(self, min_age: timedelta) -> int:
        """Return how many own messages, in all locations, have been pending for `min_age`."""
        return self._own.count_pending(self.now() - min_age)

    def mark_resent(self, entry_id: int) -> str | None:
        """Mark an unconfirmed message of the location in view as sent again.

        Return the text to put into the composer. None, and nothing changes, if there is no such
        entry or it is not unconfirmed.
        """
        text = self._own.mark_resent(self.location, entry_id)
        if text is not None:
            self._changes |= {Pane.LOG, Pane.STATUS}
        return text

    def unconfirmed_by_location(self) -> dict[str, list[tuple[datetime, str]]]:
        """Return the time and the composer text of own messages not known to have arrived.

        They are grouped by location, oldest first.
        """
        return self._own.by_location(self.now())

    def unresolved(self) -> list[tuple[int, UnconfirmedMessage]]:
        """Return all unconfirmed messages with their ids, in each location the oldest first."""
        return self._own.unresolved()

    def delivery_proofs(self) -> dict[tuple[str, datetime, str], DeliveryProof | None]:
        """Return the proofs of the messages that `unconfirmed_by_location` returns.

        None: the message has no proof that holds after the end of the connection.
        """
        return self._own.proofs(self.now())

    def restore_unconfirmed(
        self,
        location: str,
        timestamp: datetime,
        typed: str,
        proof: DeliveryProof | None = None,
    ) -> None:
        """Add a message of an earlier session that may have arrived or not."""
        place = Location(location)
        self._own_entries.restore(place, timestamp, typed, proof)
        self._own_changed(place)

    def forget_unconfirmed(self, location: str, timestamp: datetime, typed: str) -> None:
        """Stop offering to send a message again: another window of the user has done so."""
        if self._own.forget(location, timestamp, typed):
            self._changes |= {Pane.LOG, Pane.STATUS}

    def dismiss_unconfirmed(self) -> None:
        """Stop offering to send the unconfirmed messages of the location in view again."""
        self._own.dismiss(self.location)
        self._changes |= {Pane.LOG, Pane.STATUS}

    # Changes

    def take_alerts(self) -> list[Alert]:
        """Return the alerts since the last call: neither own messages nor a server's backlog."""
        return self._alerts.take()

    def take_changes(self) -> set[Pane]:
        """Return the panes to draw again since the last call."""
        changes, self._changes = self._changes, set()
        return changes

    def apply(self, event: Event) -> None:
        """Change the state as the protocol reports."""
        match event:
            case events.MessageArrived(room, message):
                self._message_arrived(safe_name(room), message)
            case events.MessagePending():
                self._own_changed(self._own_entries.pending(event))
            case (
                events.MessageSent()
                | events.MessageUnconfirmed()
                | events.MessageKept()
                | events.MessageResent()
                | events.MessageRejected()
            ):
                self._own_settled(event)
            case events.LatencyMeasured(seconds):
                self.round_trip = seconds
                self._changes.add(Pane.STATUS)
            case events.ConnectionChanged():
                self.connection = event
                if event.state is not ConnectionState.ONLINE:
                    self.servers_connected = True  # the next session reports it again if need be
                    self._navigation.connection_lost()
                    self._own.connection_lost()
                    if self.history_search.failed(self.history_search.room, _CONNECTION_LOST):
                        self._changes.add(Pane.FOUND)
                    if self._intake.pages.connection_lost():
                        self._changes.add(Pane.LOG)
                self._changes |= {Pane.STATUS, Pane.COMPOSER}
            case events.ServersConnectionChanged(connected):
                self.servers_connected = connected
                self._changes |= {Pane.STATUS, Pane.COMPOSER}
            case events.SignedIn(user, commands):
                self.user = self.people.user = safe_name(user)
                self.mentions.configure(user=self.user)
                self.capabilities = ServerCapabilities.from_commands(commands)
                self.rooms.keeps_visited = self.capabilities.history
                self._intake.signed_in(has_history=self.capabilities.history)
                self._changes |= set(Pane)
            case events.Joined(room):
                self._joined(safe_name(room))
            case events.RoomsListed() | events.RoomOpened() | events.RoomClosed():
                for closed in self.rooms.apply(event):
                    self.unread.forget(closed)  # the user can no longer view it
                self._changes.add(Pane.ROOMS)
            case events.UnreadListed():
                for place in self.places.report(event, viewed=self.location):
                    self._intake.mention_reported(place)
                self._changes |= {Pane.ROOMS, Pane.STATUS}
            case events.MembersListed() | events.PersonJoined() | events.PersonLeft():
                self._apply_to_members(event)
            case events.SubscriptionsListed() | events.Followed() | events.Unfollowed():
                self._apply_subscriptions(event)
            case events.LogNotice(text, kind) if not self.people.repeats_notice(text):
                location = self.room if kind == "notice" else self.location
                self._add(location, LOG_NOTICE_KINDS[kind], text)
            case events.AnnouncementReceived(author, text):
                self._announcement_received(safe_name(author), text)
            case events.JoinFailed(room, reason):
                self._join_ended(safe_name(room))
                self._add(self.location, EntryKind.ERROR, reason)
            case events.SignedOut(reason):
                self._add(self.location, EntryKind.SERVER, reason)
            case events.HistoryGap(lost_at, back_at):
                history = self.capabilities.history
                self._logs.add_connection_gap(
                    self.room, lost_at, back_at, self.now(), history=history
                )
                self._changes.add(Pane.LOG)
            case events.HistoryPage() | events.HistoryRequestFailed() | events.CaughtUp():
                self._apply_history(event)
            case events.QueuedTextChanged(texts):
                self.queued_texts = {safe_name(location): text for location, text in texts.items()}
            case _:
                pass  # for the screen: ChatSession.take_notices

    def _apply_to_members(
        self, event: events.MembersListed | events.PersonJoined | events.PersonLeft
    ) -> None:
        room = safe_name(event.room)
        if room != self.room:  # the user has left that room since
            return
        match event:
            case events.MembersListed(_, names):
                self.mentions.know(map(safe_name, names))
            case events.PersonJoined(name, _):
                self.mentions.know((safe_name(name),))
                self._add_presence(room, Presence(safe_name(name), joined=True))
            case events.PersonLeft(name, _):
                self._add_presence(room, Presence(safe_name(name), joined=False))
        members = self.people.apply_members(event)
        if members is not None:
            self.rooms.set_member_count(room, members)
        self._changes |= {Pane.PEOPLE, Pane.ROOMS, Pane.STATUS}

    def _apply_subscriptions(
        self, event: events.SubscriptionsListed | events.Followed | events.Unfollowed
    ) -> None:
        if notice := self.people.apply_subscriptions(event, self.undo_key):
            self._add(self.location, EntryKind.SERVER, notice)
        self._changes.add(Pane.PEOPLE)

    def _joined(self, room: str) -> None:
        if room != self.room:
            self.people.forget_here()
            history = self.capabilities.history
            self._logs.room_changed(self.room, room, self.now(), history=history)
        self.rooms.enter(room)
        self.unread.report(room, UnreadNumbers())  # the server sends what is missing
        self._navigation.joined(room)
        self._logs.close_windows(except_for=self.location)
        self._join_ended(room)
        self._changes |= set(Pane)

    def _join_ended(self, room: str) -> None:
        if self._navigation.join_ended(room):
            self._changes.add(Pane.COMPOSER)

    def _message_arrived(self, room: str, message: Message | Action | PrivateMessage) -> None:
        location = self._intake.message_arrived(room, message)
        if location.is_private:
            self._changes.add(Pane.ROOMS)
        self._log_changed(location)

    def _apply_history(
        self, event: events.HistoryPage | events.HistoryRequestFailed | events.CaughtUp
    ) -> None:
        location = Location(safe_name(event.location))
        event = replace(event, location=location)
        if not isinstance(event, events.CaughtUp) and event.kind is events.PageKind.FOUND:
            self._search_answered(event)
            return
        if text := self._intake.history_event(location, event):
            self._add(location, EntryKind.SERVER, text)
        if location.is_private:
            self._changes.add(Pane.ROOMS)
        self._log_changed(location)

    def _search_answered(self, event: events.HistoryPage | events.HistoryRequestFailed) -> None:
        if self.history_search.apply(event, self._intake.entry_of):
            self._changes.add(Pane.FOUND)

    def _announcement_received(self, author: str, text: str) -> None:
        entry = self._add(
            self.location, EntryKind.ANNOUNCEMENT, operator_replies.announcement(author, text)
        )
        if author != self.user:
            self.unread.add(self.location, "")
            # Without a location: it alerts even if the location in view is muted.
            self._alerts.add("", entry)

    def _own_changed(self, location: Location) -> None:
        self._changes |= {Pane.STATUS, Pane.ROOMS} if location.is_private else {Pane.STATUS}
        self._log_changed(location)

    def _own_settled(self, event: OwnMessageSettled) -> None:
        location = self._own_entries.settled(event)
        if location is not None:
            if isinstance(event, events.MessageRejected):
                self._drop_empty_conversation(location)
            self._own_changed(location)

    def _drop_empty_conversation(self, location: Location) -> None:
        """End a conversation in which no message arrived, unless the user is writing there."""
        if location in (self.location, self.compose_location) or self.drafts.of(location):
            return
        if self._own_entries.has_only_rejected(location):
            self.conversations.end(location.partner)
            self._changes.add(Pane.ROOMS)

    def _add(self, location: str, kind: EntryKind, text: str) -> Entry:
        self._log_changed(location)
        return self.log_of(location).append(kind, self._now_in(location), safe_text(text))

    def _add_presence(self, room: str, presence: Presence) -> None:
        text = f"{presence.name} {'joined' if presence.joined else 'left'}"
        self.log_of(room).append(EntryKind.NOTICE, self._now_in(room), text, presence=presence)
        self._log_changed(room)

    def _now_in(self, location: str) -> datetime:
        """Return the time of a new entry of the client, not on a day before the entry above.

        Just before midnight, a server whose clock is fast sends messages of the next day.
        """
        return not_before_day_of(self.now(), self.log_of(location).last_timestamp)

    def _log_changed(self, location: str) -> None:
        if location == self.location:
            self._changes.add(Pane.LOG)

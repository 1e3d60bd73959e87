"""ChatModel: everything that the screens show, changed by events alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum, auto

from chat_server.wire import Action, Message, PrivateMessage, operator_replies
from chat_tui import events
from chat_tui.events import ConnectionChanged, ConnectionState, Event
from chat_tui.input import ServerCapabilities, outgoing_to_composer_text, parse_outgoing
from chat_tui.model.alerts import Alert, AlertQueue
from chat_tui.model.conversations import Conversations, conversation_partner, conversation_place
from chat_tui.model.drafts import Drafts
from chat_tui.model.entries import LOG_NOTICE_KINDS, Entry, EntryKind, EntryState
from chat_tui.model.gaps import AbsenceTracker, format_time_range
from chat_tui.model.history import InputHistory
from chat_tui.model.mentions import Mentions
from chat_tui.model.people import Roster
from chat_tui.model.room_log import RoomLog
from chat_tui.model.rooms import RoomDirectory
from chat_tui.model.timestamps import message_time
from chat_tui.model.unconfirmed import UnconfirmedMessages
from chat_tui.model.unread import Unread
from chat_tui.model.wire_record import WireLog
from chat_tui.sanitize import safe_name, safe_text


class Pane(Enum):
    """A part of the screen that may have to be drawn again."""

    ROOMS = auto()
    LOG = auto()
    PEOPLE = auto()
    STATUS = auto()
    COMPOSER = auto()


class ChatModel:
    """The truth for the eye. The screen's thread alone calls it; nothing in here blocks.

    Every text that comes out of it is safe for a terminal (model/text.py).
    """

    def __init__(self, now: Callable[[], datetime] = datetime.now) -> None:
        """`now` gives the local time without zone; tests give their own."""
        self.now = now
        self._changes: set[Pane] = set()
        self.history = InputHistory()
        """What was sent from the composer, in every session."""
        self.mentions = Mentions()
        self.wire = WireLog(lambda: self.now())
        """What went over the wire, in every session."""
        self.begin("", "")

    def begin(self, server: str, user: str) -> None:
        """Somebody signs in for the first time, or as another or elsewhere: all is empty."""
        self.server = safe_text(server)
        """`host:port`."""
        self.user = safe_name(user)
        self.capabilities = ServerCapabilities()
        self.connection = ConnectionChanged(ConnectionState.OFFLINE)
        self.round_trip: float | None = None
        """Seconds between a request and its answer, the newest measured."""
        self.rooms = RoomDirectory()
        self.people = Roster()
        self.people.user = self.user
        self.mentions.configure(user=self.user)
        self.unread = Unread()
        """What came; whoever shows a place clears it while somebody looks there."""
        self._calls = AlertQueue()
        self._logs: dict[str, RoomLog] = {}
        self._own = UnconfirmedMessages(self.log_of)
        self._elsewhere = AbsenceTracker()
        self.conversations = Conversations()
        self.drafts = Drafts()
        self.waiting: Mapping[str, str] = {}
        """What was typed and waits to be said, by place, as it would stand in the composer."""
        self._going_to: str | None = None  # the room that a join is under way to
        self._changes |= set(Pane)

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that the server listed, each with its slash."""
        return self.capabilities.commands

    @property
    def room(self) -> str:
        """The room that we are in, or were in before the connection was lost."""
        return self.rooms.current

    @property
    def place(self) -> str:
        """What is in view and written to: the current room, or `@bob`, private with bob."""
        return conversation_place(self.private_with) if self.private_with else self.room

    @property
    def private_with(self) -> str:
        """With whom alone one talks in the place in view; empty where that is a room."""
        return self.conversations.viewed

    def view(self, place: str) -> None:
        """Show this place, the room that we are in or a conversation, and let one write there.

        Of a way to another room that is still to come, the answer shows nothing else then.
        """
        self._going_to = None
        self.conversations.viewed = conversation_partner(place)
        if self.private_with:
            self.conversations.begin(self.private_with)
        self._changes |= set(Pane)

    @property
    def compose_target(self) -> str:
        """The place that the next letter is meant for: while one goes to a room, already that."""
        return self.place if self._going_to is None else self._going_to

    def room_requested(self, room: str) -> None:
        """A way into `room` was asked for; its answer is still to come."""
        self._going_to = safe_name(room)
        self._changes.add(Pane.COMPOSER)

    @property
    def log(self) -> RoomLog:
        """The log of the place in view."""
        return self.log_of(self.place)

    @property
    def places(self) -> list[str]:
        """All places that have a log."""
        return list(self._logs)

    def log_of(self, room: str) -> RoomLog:
        """The log of a room, empty where we never heard anything there."""
        return self._logs.setdefault(room, RoomLog())

    @property
    def unconfirmed(self) -> list[Entry]:
        """Own messages of the place in view that may not have arrived, oldest first."""
        return self._own.entries(self.place)

    def pending(self, min_age: timedelta) -> int:
        """How many own messages, in all rooms, the server has not taken within that time."""
        return self._own.count_pending(self.now() - min_age)

    def mark_resent(self, entry_id: int) -> str | None:
        """An unconfirmed message of the place in view is being sent again.

        Gives back what has to stand in the composer for it.

        None, and nothing changes, where there is no such entry or it is not unconfirmed.
        """
        text = self._own.take_unconfirmed(self.place, entry_id)
        if text is not None:
            self.log.set_state(entry_id, EntryState.RESENT)
            self._changes |= {Pane.LOG, Pane.STATUS}
        return text

    def unconfirmed_by_place(self) -> dict[str, list[tuple[datetime, str]]]:
        """By place, oldest first: when what was said that is not known to have arrived.

        Each as it has to stand in the composer.
        """
        return self._own.by_place(self.now())

    def restore_unconfirmed(self, place: str, timestamp: datetime, typed: str) -> None:
        """This was said in an earlier session, and it may have arrived or not."""
        text, is_action = parse_outgoing(typed)
        entry = self._own_entry(place, timestamp, text, EntryState.UNCONFIRMED, is_action=is_action)
        self._own.add_unconfirmed(place, entry.id, typed)
        self._changes.add(Pane.STATUS)

    def dismiss_unconfirmed(self) -> None:
        """Nobody wants to send the unconfirmed messages of the place in view again."""
        for entry in self.unconfirmed:
            self.log.set_state(entry.id, EntryState.DISMISSED)
        self._own.dismiss(self.place)
        self._changes |= {Pane.LOG, Pane.STATUS}

    def take_alerts(self) -> list[Alert]:
        """Who addressed us since the last call: never ourselves, nor what was said long ago."""
        return self._calls.take()

    def take_changes(self) -> set[Pane]:
        """The panes that have to be drawn again since the last call."""
        changes, self._changes = self._changes, set()
        return changes

    def apply(self, event: Event) -> None:
        """Take in what the dialogue learned."""
        match event:
            case events.MessageArrived(room, message):
                self._message_arrived(safe_name(room), message)
            case events.MessagePending():
                self._own_pending(event)
            case events.MessageSent(own_id, said_at):
                self._own_settled(own_id, EntryState.SENT, said_at)
            case events.MessageUnconfirmed(own_id):
                self._own_settled(own_id, EntryState.UNCONFIRMED, None)
            case events.MessageRejected(own_id):
                self._own_settled(own_id, EntryState.REJECTED, None)
            case events.LatencyMeasured(seconds):
                self.round_trip = seconds
                self._changes.add(Pane.STATUS)
            case events.ConnectionChanged():
                self.connection = event
                if event.state is not ConnectionState.ONLINE:
                    self._going_to = None
                self._changes |= {Pane.STATUS, Pane.COMPOSER}
            case events.SignedIn(user, commands):
                self.user = self.people.user = safe_name(user)
                self.mentions.configure(user=self.user)
                self.capabilities = ServerCapabilities.from_commands(commands)
                self._changes |= set(Pane)
            case events.Joined(room):
                self._joined(safe_name(room))
            case events.RoomsListed() | events.RoomOpened() | events.RoomClosed():
                self._apply_to_rooms(event)
            case events.MembersListed() | events.PersonJoined() | events.PersonLeft():
                self._apply_to_members(event)
            case events.SubscriptionsListed() | events.Followed() | events.Unfollowed():
                self._apply_to_subscriptions(event)
            case events.LogNotice(text, kind):
                place = self.room if kind == "notice" else self.place
                self._add(place, LOG_NOTICE_KINDS[kind], text)
            case events.AnnouncementReceived(author, text):
                self._announcement_received(safe_name(author), text)
            case events.JoinFailed(room, reason):
                self._room_change_ended(safe_name(room))
                self._add(self.place, EntryKind.ERROR, reason)
            case events.SignedOut(reason):
                self._add(self.place, EntryKind.SERVER, reason)
            case events.HistoryGap(lost_at, back_at):
                self._gap(lost_at, back_at)
            case events.QueuedTextChanged(texts):
                self.waiting = {safe_name(place): text for place, text in texts.items()}
            case _:
                pass  # for the screen: ChatSession.take_notices

    def _apply_to_rooms(
        self, event: events.RoomsListed | events.RoomOpened | events.RoomClosed
    ) -> None:
        before = {room.name for room in self.rooms.listed()}
        match event:
            case events.RoomsListed(rooms):
                self.rooms.replace_all((safe_name(name), members) for name, members in rooms)
            case events.RoomOpened(room):
                self.rooms.opened(safe_name(room))
            case events.RoomClosed(room):
                self.rooms.closed(safe_name(room))
        for gone in before - {room.name for room in self.rooms.listed()}:
            self.unread.clear(gone)  # where nobody can look any more
        self._changes.add(Pane.ROOMS)

    def _apply_to_members(
        self, event: events.MembersListed | events.PersonJoined | events.PersonLeft
    ) -> None:
        room = safe_name(event.room)
        if room != self.room:  # of a room that we have left since
            return
        members: int | None
        match event:
            case events.MembersListed(_, names):
                members = self.people.members_listed(map(safe_name, names))
            case events.PersonJoined(name, _):
                members = self.people.person_joined(safe_name(name))
                self._add(room, EntryKind.NOTICE, f"{safe_name(name)} joined")
            case events.PersonLeft(name, _):
                members = self.people.person_left(safe_name(name))
                self._add(room, EntryKind.NOTICE, f"{safe_name(name)} left")
        if members is not None:
            self.rooms.set_member_count(room, members)
        self._changes |= {Pane.PEOPLE, Pane.ROOMS, Pane.STATUS}

    def _apply_to_subscriptions(
        self, event: events.SubscriptionsListed | events.Followed | events.Unfollowed
    ) -> None:
        match event:
            case events.SubscriptionsListed(names):
                self.people.subscriptions_listed(map(safe_name, names))
            case events.Followed(name):
                self.people.follow(safe_name(name))
            case events.Unfollowed(name):
                self.people.unfollow(safe_name(name))
        self._changes.add(Pane.PEOPLE)

    def _joined(self, room: str) -> None:
        if room != self.room:
            self.people.forget_here()
            self._elsewhere.left(self.room, self.now())
            self._elsewhere.returned(room, self.log_of(room), self.now())
        self.rooms.enter(room)
        if room == self._going_to:
            self.conversations.viewed = ""
        self._room_change_ended(room)
        self._changes |= set(Pane)

    def _room_change_ended(self, room: str) -> None:
        """The way into `room` has come to its end, there or not."""
        if room == self._going_to:
            self._going_to = None
            self._changes.add(Pane.COMPOSER)

    def _message_arrived(self, room: str, message: Message | Action | PrivateMessage) -> None:
        author = safe_name(message.author)
        recipient = ""
        kind = EntryKind.MESSAGE
        if isinstance(message, Action):
            kind = EntryKind.ACTION
        elif isinstance(message, PrivateMessage):
            kind = EntryKind.PRIVATE
            recipient = safe_name(message.recipient)
            other = recipient if author == self.user else author
            self.conversations.begin(other)
            room = conversation_place(other)
            self._changes.add(Pane.ROOMS)
        entry = self.log_of(room).append(
            kind,
            message_time(message.time, self.now()),
            safe_text(message.text),
            author=author,
            recipient=recipient,
            own=author == self.user,
        )
        if not entry.own:
            self._other_message_added(room, entry, past=message.past)
        self._log_changed(room)

    def _other_message_added(self, place: str, entry: Entry, *, past: bool) -> None:
        self.unread.add(place, entry.author)
        if past:
            return
        self.people.spoke(entry.author, self.now())
        if entry.kind is EntryKind.PRIVATE or self.mentions.matches(entry.text):
            self._calls.add(place, entry)

    def _announcement_received(self, author: str, text: str) -> None:
        entry = self._add(
            self.place, EntryKind.ANNOUNCEMENT, operator_replies.announcement(author, text)
        )
        if author != self.user:
            self.unread.add(self.place, "")
            self._calls.add("", entry)  # of no place: also where the one in view is muted

    def _own_pending(self, event: events.MessagePending) -> None:
        place = safe_name(event.room)
        entry = self._own_entry(
            place, self.now(), event.text, EntryState.PENDING, is_action=event.is_action
        )
        typed = outgoing_to_composer_text(event.text, is_action=event.is_action)
        self._own.add_pending(event.id, place, entry.id, typed)

    def _own_entry(
        self, place: str, timestamp: datetime, text: str, state: EntryState, *, is_action: bool
    ) -> Entry:
        other = conversation_partner(place)
        kind = EntryKind.PRIVATE if other else EntryKind.MESSAGE
        if other:
            self.conversations.begin(other)
            self._changes.add(Pane.ROOMS)
        entry = self.log_of(place).append(
            EntryKind.ACTION if is_action else kind,
            timestamp,
            safe_text(text),
            author=self.user,
            recipient=other,
            own=True,
            state=state,
        )
        self._log_changed(place)
        return entry

    def _own_settled(self, own_id: int, state: EntryState, said_at: str | None) -> None:
        said = self._own.settle(own_id)
        if said is None:
            return
        at = None if said_at is None else message_time(said_at, self.now())
        self.log_of(said.place).set_state(said.entry_id, state, at)
        if state is EntryState.UNCONFIRMED:
            self._own.add_unconfirmed(said.place, said.entry_id, said.typed)
            self._changes.add(Pane.STATUS)
        if state is EntryState.REJECTED:
            self._drop_empty_conversation(said.place)
        self._log_changed(said.place)

    def _drop_empty_conversation(self, place: str) -> None:
        """A conversation of which no word arrived is none, unless somebody is writing there."""
        if place in (self.place, self.compose_target) or self.drafts.of(place):
            return
        if all(entry.state is EntryState.REJECTED for entry in self.log_of(place)):
            self.conversations.end(conversation_partner(place))
            self._changes.add(Pane.ROOMS)

    def _gap(self, lost_at: datetime, back_at: datetime) -> None:
        text = f"no connection {format_time_range(lost_at, back_at)}; messages may be missing"
        for place in self._logs.keys() | {self.room}:
            if place == self.room or place.startswith("@"):  # those left before have gaps anyway
                self._add(place, EntryKind.GAP, text)

    def _add(self, room: str, kind: EntryKind, text: str) -> Entry:
        self._log_changed(room)
        return self.log_of(room).append(kind, self.now(), safe_text(text))

    def _log_changed(self, room: str) -> None:
        if room == self.place:
            self._changes.add(Pane.LOG)

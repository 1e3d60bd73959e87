"""The state of the hub, and what each event changes in it.

`HubState.apply` uses the event and the state and nothing else: no clock, no accounts, no set order.
So two states that apply the same events are equal, and send the same outputs to the same recipients
in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic

from chat_server.confusables import look_of
from chat_server.core.deliveries import Delivery, addressed
from chat_server.core.move_notices import MoveNotices, to_watchers_in
from chat_server.core.presence import PresenceRecord
from chat_server.core.records import SavedState
from chat_server.core.rooms import Room, Session, is_subscribed_to
from chat_server.core.values import (
    AccountRenamed,
    Announced,
    DeliveryReceipt,
    EndCause,
    EndNotice,
    HubEvent,
    Joined,
    KeptReceipt,
    MemberJoined,
    PresenceQueried,
    PresenceSet,
    PresenceSettled,
    PrivateMessageSent,
    PrivateMessagesRead,
    PublishedMessages,
    ReceiverT,
    SessionEnded,
    SessionStarted,
    ShutDown,
    Stamped,
    StampsSet,
    Subscribed,
    UnreadNoticesSet,
    Unsubscribed,
    UserForgotten,
    WaitingMessagesGone,
)
from chat_server.core.waiting import WaitingMessages
from chat_server.wire import LOBBY


class HubState(Generic[ReceiverT]):
    """Sessions, rooms and subscriptions. Changed by `apply` only, under the hub's lock."""

    def __init__(self, presence_burst: int = 0, saved: SavedState | None = None) -> None:
        """`presence_burst`: moves of a user that are announced at once. 0: all moves.

        `saved`: what an earlier server stored.
        """
        saved = saved or SavedState()
        self.sessions: dict[str, Session[ReceiverT]] = {}
        """By user, in the order of the logins."""
        self.watchers: dict[str, Session[ReceiverT]] = {}
        """The sessions with presence on, by user, in the order in which they turned it on."""
        self.presence = PresenceRecord(presence_burst)
        self.lobby: Room[ReceiverT] = Room(LOBBY)
        self.rooms: dict[str, Room[ReceiverT]] = {LOBBY: self.lobby}
        self._notices = MoveNotices(self.rooms, self.watchers, self.presence)
        self.looks: dict[tuple[int, str], str] = {}
        """The open rooms by each form of their names that is compared, with the number of the form.
        No two rooms look alike, so each form belongs to one room. If events from elsewhere open
        such rooms all the same, the older one has the form."""
        self._add_look(LOBBY)
        self.subscriptions: dict[str, set[str]] = {
            user: set(publishers) for user, publishers in saved.subscriptions.items()
        }
        """By user, not by session: they outlive it (protocol section 4)."""
        self.waiting = WaitingMessages(saved.waiting)
        """The kept private messages that their recipients have not asked for."""
        self.stamp_readers: dict[str, Session[ReceiverT]] = {}
        """The sessions with stamps on, by user, in the order in which they turned them on."""
        self.last_stamp = saved.last_stamp
        """The highest stamp so far, in microseconds since the epoch."""
        self.is_shut_down = False

    def apply(self, event: HubEvent[ReceiverT]) -> list[Delivery[ReceiverT]]:
        """Change the state and return what is to be sent, in order.

        An event about a missing user or room changes nothing but `last_stamp`.
        """
        return _HANDLERS[type(event)](self, event)

    def similar_room(self, name: str) -> str | None:
        """Return the open room that a new room `name` could be mistaken for, or None."""
        for form in enumerate(look_of(name)):
            if form in self.looks:
                return self.looks[form]
        return None

    def apply_messages(self, run: PublishedMessages) -> tuple[ReceiverT, ...]:
        """Apply a run of messages and return its recipients.

        They are the sessions in the room that are subscribed to the author. Does the same as
        `apply`, without its cost for each message.
        """
        last_stamp = run.stamp + len(run.texts) - 1
        if last_stamp > self.last_stamp:
            self.last_stamp = last_stamp
        room = self.rooms.get(run.room)
        if room is None:
            return ()
        author = run.author
        recipients = room.recipients_by_author.get(author)
        if recipients is None:
            recipients = room.recipients_by_author[author] = tuple(
                member.receiver
                for member in room.members.values()
                if is_subscribed_to(member, author)
            )
        return recipients

    def split_by_stamps(self, run: PublishedMessages) -> list[Delivery[ReceiverT]]:
        """Return the deliveries of a run: for recipients without stamps, then for those with.

        Call it after `apply_messages`, and only if there are `stamp_readers`.
        """
        room = self.rooms.get(run.room)
        if room is None:
            return []
        plain, stamped = room.split_by_stamps(run.author)
        return addressed(plain, run) + addressed(stamped, Stamped(run))

    def _publish(self, run: PublishedMessages) -> list[Delivery[ReceiverT]]:
        recipients = self.apply_messages(run)
        return self.split_by_stamps(run) if self.stamp_readers else addressed(recipients, run)

    def _start_session(self, event: SessionStarted[ReceiverT]) -> list[Delivery[ReceiverT]]:
        user = event.user
        subscriptions = self.subscriptions.setdefault(user, set())
        session = Session(
            user, event.receiver, self.lobby, subscriptions, event.host, self.last_stamp
        )
        self.sessions[user] = session
        self._enter_room(session, self.lobby)
        deliveries: list[Delivery[ReceiverT]] = [((session.receiver,), event)]
        if self.watchers:
            deliveries += to_watchers_in(self.lobby, session, MemberJoined(user, LOBBY))
        return deliveries

    def _end_session(self, event: SessionEnded) -> list[Delivery[ReceiverT]]:
        session = self.sessions.pop(event.user, None)
        if session is None:
            return []
        user, room = session.user, session.room
        self._leave_room(session)
        self._stop_watching(user)
        self.stamp_readers.pop(user, None)
        self.waiting.end_session(user)
        # Drop the self-subscription, or the user's next netcat session would receive its own
        # messages (protocol section 4).
        session.subscriptions.discard(user)
        session.ended.set()
        deliveries: list[Delivery[ReceiverT]] = []
        if event.notice is not None:
            deliveries.append(((session.receiver,), event.notice))
        if self.watchers:
            held = self.presence.end_session(user)
            deliveries += self._notices.of_move(session, room.name, None, held)
        return deliveries

    def _forget_user(self, event: UserForgotten) -> list[Delivery[ReceiverT]]:
        self.subscriptions.pop(event.user, None)
        self.waiting.forget(event.user)
        return []

    def _rename_account(self, event: AccountRenamed) -> list[Delivery[ReceiverT]]:
        """Give all that belongs to an offline user to the new name."""
        old, new = event.old, event.new
        if old in self.subscriptions:
            self.subscriptions.setdefault(new, set()).update(self.subscriptions.pop(old))
        for publishers in self.subscriptions.values():
            if old in publishers:
                publishers.discard(old)
                publishers.add(new)
        self.waiting.rename(old, new)
        for room in self.rooms.values():
            room.forget_recipients()
        return []

    def _join(self, event: Joined) -> list[Delivery[ReceiverT]]:
        """Return the reply, and the notices if they are not held."""
        session = self.sessions.get(event.user)
        if session is None:
            return []
        old = session.room
        session.moves += 1
        session.trail.append(old.name)
        session.note_left(self.last_stamp)
        self._leave_room(session)
        room = self.rooms.get(event.room)
        if room is None:
            room = self.rooms[event.room] = Room(event.room)
            self._add_look(room.name)
        self._enter_room(session, room)
        deliveries: list[Delivery[ReceiverT]] = [((session.receiver,), event)]
        if not self.watchers:
            return deliveries
        if self.presence.announces_move(session.user):
            deliveries += self._notices.of_move(session, old.name, room)
        else:
            self.presence.hold_move(session.user, old.name, room.name, self.rooms)
        return deliveries

    def _settle_presence(self, event: PresenceSettled) -> list[Delivery[ReceiverT]]:
        session = self.sessions.get(event.user)
        held = self.presence.settle(event.user)
        if session is None or held is None:
            return []
        return self._notices.of_move(session, session.room.name, session.room, held)

    def _record_question(self, event: PresenceQueried) -> list[Delivery[ReceiverT]]:
        self.presence.record_question(event.user)
        return []

    def _stop_watching(self, user: str) -> None:
        if self.watchers.pop(user, None) is not None and not self.watchers:
            self.presence.clear()

    def _subscribe(self, event: Subscribed) -> list[Delivery[ReceiverT]]:
        session = self.sessions.get(event.user)
        if session is None:
            return []
        session.subscriptions.add(event.publisher)
        session.room.forget_recipients()
        return [((session.receiver,), event)]

    def _unsubscribe(self, event: Unsubscribed) -> list[Delivery[ReceiverT]]:
        session = self.sessions.get(event.user)
        if session is None:
            return []
        session.subscriptions.discard(event.publisher)
        session.room.forget_recipients()
        return [((session.receiver,), event)]

    def _set_presence(self, event: PresenceSet) -> list[Delivery[ReceiverT]]:
        session = self.sessions.get(event.user)
        if session is None:
            return []
        session.presence = event.on
        if event.on:
            if not self.watchers:
                self.presence.start(self.rooms)
            self.watchers[session.user] = session
        else:
            self._stop_watching(session.user)
        return [((session.receiver,), event)]

    def _set_stamps(self, event: StampsSet) -> list[Delivery[ReceiverT]]:
        session = self.sessions.get(event.user)
        if session is None:
            return []
        if event.on and not session.stamps:
            # From here on the client can see by itself which messages it has.
            session.entered = session.started = self.last_stamp
            self.stamp_readers[session.user] = session
        elif not event.on:
            self.stamp_readers.pop(session.user, None)
        session.stamps = event.on
        session.room.forget_recipients()
        return [((session.receiver,), event)]

    def _set_unread_notices(self, event: UnreadNoticesSet) -> list[Delivery[ReceiverT]]:
        session = self.sessions.get(event.user)
        if session is None:
            return []
        if event.on and not session.unread_notices:
            session.unread_since = self.last_stamp
        session.unread_notices = event.on
        return [((session.receiver,), event)]

    def _read_private(self, event: PrivateMessagesRead) -> list[Delivery[ReceiverT]]:
        self.waiting.clear(event.user, event.other)
        return []

    def _count_gone(self, event: WaitingMessagesGone) -> list[Delivery[ReceiverT]]:
        self.waiting.remove(event.user, event.numbers)
        return []

    def _send_private(self, event: PrivateMessageSent) -> list[Delivery[ReceiverT]]:
        self.last_stamp = max(self.last_stamp, event.stamp)
        deliveries: list[Delivery[ReceiverT]] = []
        recipient, author = self.sessions.get(event.recipient), self.sessions.get(event.author)
        if event.is_kept:
            self.waiting.add(event.recipient, event.author, event.stamp)
            return [] if author is None else [((author.receiver,), KeptReceipt(event.recipient))]
        if recipient is not None:
            recipient.newest_private = event.stamp
            output = Stamped(event) if recipient.stamps else event
            deliveries.append(((recipient.receiver,), output))
        if author is not None:
            deliveries.append(((author.receiver,), DeliveryReceipt(event.recipient)))
        return deliveries

    def _announce(self, event: Announced) -> list[Delivery[ReceiverT]]:
        return addressed(tuple(session.receiver for session in self.sessions.values()), event)

    def _shut_down(self, _: ShutDown) -> list[Delivery[ReceiverT]]:
        self.is_shut_down = True
        sessions = tuple(self.sessions.values())
        for session in sessions:
            session.ended.set()
        self.sessions.clear()
        self.watchers.clear()
        self.stamp_readers.clear()
        self.presence.clear()
        self.lobby.members.clear()
        self.lobby.forget_recipients()
        self.rooms.clear()
        self.rooms[LOBBY] = self.lobby
        self.looks.clear()
        self._add_look(LOBBY)
        return addressed(tuple(each.receiver for each in sessions), EndNotice(EndCause.SHUTDOWN))

    def _enter_room(self, session: Session[ReceiverT], room: Room[ReceiverT]) -> None:
        session.room = room
        session.entered = self.last_stamp
        room.members[session.user] = session
        room.forget_recipients()

    def _leave_room(self, session: Session[ReceiverT]) -> None:
        """Take a session out of its room, which closes without a member."""
        room = session.room
        del room.members[session.user]
        room.forget_recipients()
        if room.members or room is self.lobby:
            return
        del self.rooms[room.name]
        for form in enumerate(look_of(room.name)):
            if self.looks.get(form) == room.name:
                del self.looks[form]

    def _add_look(self, name: str) -> None:
        for form in enumerate(look_of(name)):
            self.looks.setdefault(form, name)


_HANDLERS: Final[dict[type, Callable[[Any, Any], list[Any]]]] = {
    PublishedMessages: HubState._publish,
    SessionStarted: HubState._start_session,
    SessionEnded: HubState._end_session,
    UserForgotten: HubState._forget_user,
    AccountRenamed: HubState._rename_account,
    Joined: HubState._join,
    PresenceSettled: HubState._settle_presence,
    PresenceQueried: HubState._record_question,
    Subscribed: HubState._subscribe,
    Unsubscribed: HubState._unsubscribe,
    PresenceSet: HubState._set_presence,
    PrivateMessageSent: HubState._send_private,
    PrivateMessagesRead: HubState._read_private,
    WaitingMessagesGone: HubState._count_gone,
    StampsSet: HubState._set_stamps,
    UnreadNoticesSet: HubState._set_unread_notices,
    Announced: HubState._announce,
    ShutDown: HubState._shut_down,
}
"""What applies an event, by its type. One look-up instead of a `match` with a case for each."""

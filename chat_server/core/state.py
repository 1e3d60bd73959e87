"""The state of the hub, and what each event changes in it.

`HubState.apply` uses the event and the state and nothing else: no clock, no accounts, no set order.
So two states that apply the same events are equal, and send the same outputs to the same recipients
in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, cast

from chat_server.core.deliveries import Delivery, addressed, addressed_to
from chat_server.core.local_clients import LocalClients
from chat_server.core.move_notices import MoveNotices, to_watchers_in
from chat_server.core.presence import PresenceRecord
from chat_server.core.records import SavedState
from chat_server.core.room_looks import RoomLooks
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
    SessionRestored,
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

    def __init__(
        self,
        presence_burst: int = 0,
        saved: SavedState | None = None,
        clients: LocalClients[ReceiverT] | None = None,
        watched: HubState[ReceiverT] | None = None,
    ) -> None:
        """`presence_burst`: moves of a user that are announced at once. 0: all moves.

        `saved`: what an earlier server stored. `clients`: those of this server, with a shared log.
        `watched`: the state that this one replaces, of which watchers know.
        """
        saved = saved or SavedState()
        self.clients: LocalClients[ReceiverT] = clients or LocalClients()
        self.is_silent = False
        """The outputs are discarded, and watchers know already what they would say."""
        self.applied: dict[str, tuple[int, int]] = {}
        """By server of the shared log: the number of its last entry, and the stamp of that."""
        self.sessions: dict[str, Session[ReceiverT]] = {}
        """By user, in the order of the logins."""
        self.watchers: dict[str, Session[ReceiverT]] = {}
        """The sessions with presence on, by user, in the order in which they turned it on."""
        self.presence: PresenceRecord = (
            PresenceRecord(presence_burst) if watched is None else watched.presence
        )
        self.lobby: Room[ReceiverT] = Room(LOBBY)
        self.rooms: dict[str, Room[ReceiverT]] = {LOBBY: self.lobby}
        self._notices = MoveNotices(self.rooms, self.watchers, self.presence)
        self.looks = RoomLooks()
        self.looks.add(LOBBY)
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
                if member.is_local and is_subscribed_to(member, author)
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

    def to_detached(self, run: PublishedMessages) -> list[Delivery[ReceiverT]]:
        """Return the deliveries of a run to sessions that have ended for the other servers only."""
        deliveries: list[Delivery[ReceiverT]] = []
        for session in self.clients.detached_recipients(run):
            deliveries += addressed_to(session, Stamped(run) if session.stamps else run)
        return deliveries

    def _publish(self, run: PublishedMessages) -> list[Delivery[ReceiverT]]:
        recipients = self.apply_messages(run)
        return self.split_by_stamps(run) if self.stamp_readers else addressed(recipients, run)

    def _start_session(self, event: SessionStarted[ReceiverT]) -> list[Delivery[ReceiverT]]:
        user = event.user
        session = self._session(user, event.generation, event.node, event.host, event.receiver)
        self._add_session(session, self.lobby)
        deliveries = addressed_to(session, event)
        if self.watchers and not self.is_silent:
            deliveries += to_watchers_in(self.lobby, session, MemberJoined(user, LOBBY))
        return deliveries

    def _restore_session(self, event: SessionRestored) -> list[Delivery[ReceiverT]]:
        session = self._session(event.user, event.generation, event.node, event.host, None)
        if event.follows_itself:
            session.subscriptions.add(event.user)
        self._add_session(session, self.room(event.room))
        # A watcher of the same server has not been told that the session had ended.
        if not self.watchers or self.is_silent or session.is_local:
            return []
        return self._notices.of_arrival(session)

    def room(self, name: str) -> Room[ReceiverT]:
        """Return the room of this name, which opens if it does not exist."""
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Room(name)
            self.looks.add(name)
        return room

    def attach(self, session: Session[ReceiverT]) -> None:
        """Make a session the user's session again, with the settings that its client has made."""
        user = session.user
        self.sessions[user] = session
        self.clients.detached.pop(user, None)
        if session.presence:
            self.watchers[user] = session
        if session.stamps:
            self.stamp_readers[user] = session

    def _session(
        self, user: str, generation: int, node: str, host: str, receiver: ReceiverT | None
    ) -> Session[ReceiverT]:
        """Return the session of this generation: that of a connected client, or a new one."""
        subscriptions = self.subscriptions.setdefault(user, set())
        known = self.clients.sessions.get((user, generation)) if generation else None
        if known is not None:
            known.subscriptions = subscriptions
            known.node = node
            # As in the session that the other servers make here.
            known.left, known.newest_private = {}, 0
            return known
        # None: a client of another server, which is never a recipient.
        session = Session(
            user, cast(ReceiverT, receiver), self.lobby, subscriptions, host, self.last_stamp
        )
        session.generation, session.node = generation, node
        if generation and receiver is not None:
            self.clients.sessions[user, generation] = session
        return session

    def _add_session(self, session: Session[ReceiverT], room: Room[ReceiverT]) -> None:
        self.attach(session)
        self._enter_room(session, room)

    def _end_session(self, event: SessionEnded) -> list[Delivery[ReceiverT]]:
        session = self.sessions.pop(event.user, None)
        if session is None:
            return []
        user, room = session.user, session.room
        self._leave_room(session)
        self.stamp_readers.pop(user, None)
        is_detached = event.is_node_lost and session.is_local
        if is_detached:
            self.watchers.pop(user, None)
        else:
            self._stop_watching(user)
        self.waiting.end_session(user)
        # Drop the self-subscription, or the user's next netcat session would receive its own
        # messages (protocol section 4).
        shared, session.subscriptions = session.subscriptions, set(session.subscriptions)
        shared.discard(user)
        if is_detached:
            # Its client has not gone, and waits until the session is restored.
            self.clients.detach(session)
            return []
        session.ended.set()
        self.clients.forget(session)
        deliveries: list[Delivery[ReceiverT]] = []
        if event.notice is not None:
            deliveries += addressed_to(session, event.notice)
        if self.watchers and not self.is_silent:
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
        room = self.room(event.room)
        self._enter_room(session, room)
        deliveries = addressed_to(session, event)
        if not self.watchers or self.is_silent:
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
        return addressed_to(session, event)

    def _unsubscribe(self, event: Unsubscribed) -> list[Delivery[ReceiverT]]:
        session = self.sessions.get(event.user)
        if session is None:
            return []
        session.subscriptions.discard(event.publisher)
        session.room.forget_recipients()
        return addressed_to(session, event)

    def _set_presence(self, event: PresenceSet) -> list[Delivery[ReceiverT]]:
        session = self._local_session(event.user)
        if session is None:
            return []
        session.presence = event.on
        if event.on and event.user in self.sessions:
            if not self.watchers:
                self.presence.start(self.rooms)
            self.watchers[session.user] = session
        else:
            self._stop_watching(session.user)
        return addressed_to(session, event)

    def _set_stamps(self, event: StampsSet) -> list[Delivery[ReceiverT]]:
        session = self._local_session(event.user)
        if session is None:
            return []
        if event.on and not session.stamps:
            # From here on the client can see by itself which messages it has.
            session.entered = session.started = self.last_stamp
            if event.user in self.sessions:
                self.stamp_readers[session.user] = session
        elif not event.on:
            self.stamp_readers.pop(session.user, None)
        session.stamps = event.on
        session.room.forget_recipients()
        return addressed_to(session, event)

    def _set_unread_notices(self, event: UnreadNoticesSet) -> list[Delivery[ReceiverT]]:
        session = self._local_session(event.user)
        if session is None:
            return []
        if event.on and not session.unread_notices:
            session.unread_since = self.last_stamp
        session.unread_notices = event.on
        return addressed_to(session, event)

    def _read_private(self, event: PrivateMessagesRead) -> list[Delivery[ReceiverT]]:
        self.waiting.clear(event.user, event.other)
        return []

    def _count_gone(self, event: WaitingMessagesGone) -> list[Delivery[ReceiverT]]:
        self.waiting.remove(event.user, event.numbers)
        return []

    def _send_private(self, event: PrivateMessageSent) -> list[Delivery[ReceiverT]]:
        self.last_stamp = max(self.last_stamp, event.stamp)
        recipient = self.sessions.get(event.recipient)
        if event.is_kept:
            self.waiting.add(event.recipient, event.author, event.stamp)
        elif recipient is not None:
            recipient.newest_private = event.stamp
        return self.outputs_of_private(event)

    def outputs_of_private(self, event: PrivateMessageSent) -> list[Delivery[ReceiverT]]:
        """Return what is to be sent for a private message: the message, and the receipt."""
        deliveries: list[Delivery[ReceiverT]] = []
        recipient = self.sessions.get(event.recipient)
        author = None if event.is_late else self.sessions.get(event.author)
        if event.is_kept:
            return [] if author is None else addressed_to(author, KeptReceipt(event.recipient))
        if recipient is not None:
            deliveries += addressed_to(recipient, Stamped(event) if recipient.stamps else event)
        if author is not None:
            deliveries += addressed_to(author, DeliveryReceipt(event.recipient))
        return deliveries

    def _announce(self, event: Announced) -> list[Delivery[ReceiverT]]:
        sessions = self.sessions.values()
        return addressed(tuple(each.receiver for each in sessions if each.is_local), event)

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
        self.looks = RoomLooks()
        self.looks.add(LOBBY)
        receivers = tuple(each.receiver for each in sessions if each.is_local)
        return addressed(receivers, EndNotice(EndCause.SHUTDOWN))

    def _local_session(self, user: str) -> Session[ReceiverT] | None:
        """Return the user's session, also one that has ended for the other servers only."""
        return self.sessions.get(user) or self.clients.detached.get(user)

    def _enter_room(self, session: Session[ReceiverT], room: Room[ReceiverT]) -> None:
        session.room = room
        # Not lower than before: the state may be rebuilt from an older one.
        session.entered = max(session.entered, self.last_stamp)
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
        self.looks.remove(room.name)


_HANDLERS: Final[dict[type, Callable[[Any, Any], list[Any]]]] = {
    PublishedMessages: HubState._publish,
    SessionStarted: HubState._start_session,
    SessionRestored: HubState._restore_session,
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

"""The state of the hub: sessions, rooms and subscriptions, and the steps that keep them consistent.

What each event changes is in `event_handlers.py`.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, cast

from chat_server.core.deliveries import Delivery, addressed, addressed_to
from chat_server.core.local_clients import LocalClients
from chat_server.core.move_notices import MoveNotices
from chat_server.core.presence import PresenceRecord
from chat_server.core.records import MessagesErased, SavedState
from chat_server.core.room_looks import RoomLooks
from chat_server.core.rooms import Room, Session, is_subscribed_to
from chat_server.core.values import (
    PublishedMessages,
    ReceiverT,
    Stamped,
)
from chat_server.core.waiting import WaitingMessages
from chat_server.wire import LOBBY

MAX_ERASURES: Final = 1_000
"""Erasures that are remembered: less than 100 KB of a snapshot."""


class HubState(Generic[ReceiverT]):
    """Sessions, rooms and subscriptions. Changed by events only, under the hub's lock."""

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
        self.erasures: deque[tuple[int, MessagesErased]] = deque(maxlen=MAX_ERASURES)
        """The last erasures in the shared log, each behind the stamp of its entry. A history that
        missed the entries makes up for them when it goes on from a snapshot."""
        self.ended_before: dict[str, tuple[int, bool]] = {}
        """By account of the shared log: the stamp of the change that ended all its older sessions,
        none of which may be restored, and whether that change disabled the account."""
        self.sessions: dict[str, Session[ReceiverT]] = {}
        """By user, in the order of the logins."""
        self.watchers: dict[str, Session[ReceiverT]] = {}
        """The sessions with presence on, by user, in the order in which they turned it on."""
        self.presence: PresenceRecord = (
            PresenceRecord(presence_burst) if watched is None else watched.presence
        )
        self.lobby: Room[ReceiverT] = Room(LOBBY)
        self.rooms: dict[str, Room[ReceiverT]] = {LOBBY: self.lobby}
        self.notices = MoveNotices(self.rooms, self.watchers, self.presence, self.clients.detached)
        self.looks = RoomLooks()
        self.looks.add(LOBBY)
        self.subscriptions: dict[str, set[str]] = {
            user: set(publishers) - {user} for user, publishers in saved.subscriptions.items()
        }
        """By user, not by session: they outlive it (protocol section 4), but for that of a user to
        itself."""
        self.waiting = WaitingMessages(saved.waiting)
        """The kept private messages that their recipients have not asked for."""
        self.stamp_readers: dict[str, Session[ReceiverT]] = {}
        """The sessions with stamps on, by user, in the order in which they turned them on."""
        self.last_stamp = saved.last_stamp
        """The highest stamp so far, in microseconds since the epoch."""
        self.is_shut_down = False

    def apply_messages(self, run: PublishedMessages) -> tuple[ReceiverT, ...]:
        """Apply a run of messages and return its recipients.

        They are the sessions in the room that are subscribed to the author. Does the same as
        `apply_event`, without its cost for each message.
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

    def session_for(
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

    def stop_watching(self, session: Session[ReceiverT]) -> None:
        """Let a session be no watcher any more. Without watchers, no notice is remembered."""
        if self.watchers.get(session.user) is session:
            del self.watchers[session.user]
            if not self.watchers:
                self.presence.clear()

    def notices_of_detached_end(self, session: Session[ReceiverT]) -> list[Delivery[ReceiverT]]:
        """Return the notices to this server's watchers about a detached session that has ended."""
        self.stop_watching(session)
        if not self.watchers or self.is_silent:
            return []
        held = self.presence.end_session(session.user)
        return self.notices.of_move(session, session.room.name, None, held)

    def local_session(self, user: str) -> Session[ReceiverT] | None:
        """Return the user's session, also one that has ended for the other servers only."""
        return self.sessions.get(user) or self.clients.detached.get(user)

    def enter_room(self, session: Session[ReceiverT], room: Room[ReceiverT]) -> None:
        """Bring a session into a room. It is in no other one."""
        session.room = room
        # Not lower than before: the state may be rebuilt from an older one.
        session.entered = max(session.entered, self.last_stamp)
        room.members[session.user] = session
        room.forget_recipients()

    def leave_room(self, session: Session[ReceiverT]) -> None:
        """Take a session out of its room, which closes without a member."""
        room = session.room
        del room.members[session.user]
        room.forget_recipients()
        if room.members or room is self.lobby:
            return
        del self.rooms[room.name]
        self.looks.remove(room.name)

    def clear(self) -> None:
        """End all sessions and close all rooms but the lobby."""
        for session in self.sessions.values():
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

"""The hub: sessions, rooms and subscriptions under one lock; who hears what. No sockets, no clock.

Locks have an order: hub, drain, outbox. A later one may be taken while holding an earlier one,
never back. Leaf locks (the delivery's queue, throttle, users) take nothing else. The hub's lock is
never held over a system call, a hash or a log line.

Everything that a client in a session reads is handed to `deliver` under this lock, and `deliver`
does nothing but append. So what a client reads is in the order in which the hub decided it, and
after `Joined room 'x'` it reads no message of another room.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Generic

from chat_server.core.messages import PublishedMessage, encode_run
from chat_server.core.rooms import ReceiverT, Room, Session, is_subscribed_to
from chat_server.wire import (
    EVERYONE,
    LOBBY,
    canonical_name,
    encode_error,
    encode_private,
    encode_replies,
    replies,
)

_TICK: Final = timedelta(microseconds=1)


class Hub(Generic[ReceiverT]):
    """Decides who hears what. Every public method may be called from any thread.

    A method given a session that has ended changes nothing, and what it would answer is dropped
    behind that session's last line: after a forced logout nothing takes effect that the older
    connection had still sent.
    """

    def __init__(
        self,
        deliver: Callable[[tuple[ReceiverT, ...], bytes, bool], None],
        has_account: Callable[[str], bool],
        clock: Callable[[], datetime],
        may_be_followed: Callable[[str], bool] | None = None,
        is_banned: Callable[[str, str], bool] = lambda user, host: False,
    ) -> None:
        """`deliver(receivers, data, last)` may do nothing but append; it is called under the lock.

        So are the others, which must not block: `has_account`, whether somebody may log in;
        `clock`, the server's local time; `may_be_followed`, `has_account` where it is None; and
        `is_shut_out(user, host)`, whether an operator has banned one of the two.
        """
        self._deliver = deliver
        self._has_account = has_account
        self._may_be_followed = may_be_followed or has_account
        self._is_banned = is_banned
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session[ReceiverT]] = {}
        self._watchers: dict[str, Session[ReceiverT]] = {}
        """Sessions with presence on, by user."""
        self._lobby: Room[ReceiverT] = Room(LOBBY)
        self._rooms: dict[str, Room[ReceiverT]] = {LOBBY: self._lobby}
        self._subscriptions: dict[str, set[str]] = {}
        """By user, not by session: they hold until the server stops (section 4)."""
        self._shut_down = False
        self.messages = self.deliveries = 0  # so far; read without the lock

    def sizes(self) -> tuple[int, int]:
        """How many sessions and rooms there are. Takes no lock: to be asked whatever hangs."""
        return len(self._sessions), len(self._rooms)

    # Coming and going

    def log_in(
        self, user: str, receiver: ReceiverT, greeting: Sequence[str], host: str = ""
    ) -> Session[ReceiverT] | None:
        """Begin a session in the lobby, ending the user's older one in the same step (section 2).

        `greeting` are the replies that come before anything else; `host`: the address that the
        user comes from. Returns None where the account was removed, disabled or banned meanwhile,
        or the address banned, and where the server is stopping, which it then says.
        """
        with self._lock:
            if self._shut_down:
                self._deliver((receiver,), encode_replies([replies.SHUTTING_DOWN]), True)
                return None
            if not self._has_account(user) or self._is_banned(user, host):
                return None
            older = self._sessions.get(user)
            if older is not None:
                self._end(older, replies.LOGGED_OUT_BY_NEW_LOGIN)
            follows = self._subscriptions.setdefault(user, set())
            session = Session(user, receiver, self._lobby, follows, host)
            self._sessions[user] = session
            self._reply(session, greeting)
            self._enter_room(session, self._lobby)
            self._notify_room(self._lobby, session, replies.person_joined(user, LOBBY))
            return session

    def log_out(self, session: Session[ReceiverT], farewell: str | None = None) -> None:
        """End a session; `farewell`, where given, is its last line. Nothing if it has ended."""
        with self._lock:
            if not session.ended.is_set():
                self._end(session, farewell)

    def remove_users(self, users: Collection[str]) -> list[str]:
        """Forget users whose accounts were removed and end their sessions; returns whose."""
        with self._lock:
            logged_out = self._end_sessions(users, replies.LOGGED_OUT_ACCOUNT_REMOVED)
            for user in users:
                self._subscriptions.pop(user, None)
            return logged_out

    def end_sessions(self, users: Iterable[str], farewell: str) -> list[str]:
        """End the sessions of users, each with this last line; whom they follow is remembered.

        Returns those who were logged in.
        """
        with self._lock:
            return self._end_sessions(users, farewell)

    def end_sessions_from(self, matches_host: Callable[[str], bool], farewell: str) -> list[str]:
        """End every session whose host `is_there`, which must not block; returns whose it was."""
        with self._lock:
            found = [session for session in self._sessions.values() if matches_host(session.host)]
            for session in found:
                self._end(session, farewell)
            return [session.user for session in found]

    def shut_down(self) -> None:
        """End every session with the news that the server stops, and admit no new one."""
        with self._lock:
            self._shut_down = True
            sessions = tuple(self._sessions.values())
            receivers = tuple(session.receiver for session in sessions)
            self._deliver(receivers, encode_replies([replies.SHUTTING_DOWN]), True)
            for session in sessions:
                session.ended.set()
            self._sessions.clear()
            self._watchers.clear()
            self._lobby.members.clear()
            self._lobby.recipients_by_author.clear()
            self._rooms = {LOBBY: self._lobby}

    # Speaking

    def publish(
        self, session: Session[ReceiverT], texts: Sequence[str], *, actions: bool = False
    ) -> tuple[ReceiverT, ...]:
        """Publish cleaned, non-empty texts in the room that their author is in.

        `actions`: they are what the author does. Returns who got them: at this moment in that room
        and subscribed to the author.
        """
        with self._lock:
            if session.ended.is_set():
                return ()
            room = session.room
            at = self._clock()
            if room.last_stamp is not None and at <= room.last_stamp:
                at = room.last_stamp + _TICK
            messages = []
            for text in texts:
                messages.append(PublishedMessage(room.name, session.user, text, at, actions))
                at += _TICK
            return self._deliver_messages(messages)

    def send_private(
        self, session: Session[ReceiverT], name: str, text: str
    ) -> tuple[ReceiverT, ...]:
        """Say a cleaned, non-empty text to one user alone, wherever that one is, and return who.

        It needs a subscription to the sender. Who is not there, is not subscribed, does not exist
        or is oneself is answered in the same words: nobody learns from it who follows whom.
        """
        with self._lock:
            if session.ended.is_set():
                return ()
            recipient = self._sessions.get(canonical_name(name) or "")
            if (
                recipient is None
                or recipient is session
                or not is_subscribed_to(recipient, session.user)
            ):
                self._reply_error(session, replies.not_delivered(canonical_name(name) or name))
                return ()
            clock = self._clock().time().isoformat("seconds")
            line = encode_private(clock, session.user, recipient.user, text)
            receivers = (recipient.receiver,)
            self.messages += 1
            self.deliveries += 1
            self._deliver(receivers, line, False)
            self._reply(session, [replies.sent_to(recipient.user)])
            return receivers

    def announce(self, session: Session[ReceiverT], text: str) -> tuple[ReceiverT, ...]:
        """Say a cleaned, non-empty text to every session, in whatever room, and return to whom."""
        with self._lock:
            if session.ended.is_set():
                return ()
            receivers = tuple(each.receiver for each in self._sessions.values())
            line = encode_replies([replies.announcement(session.user, text)])
            self._deliver(receivers, line, False)
            return receivers

    def deliver(self, message: PublishedMessage) -> None:
        """The one door for a message, whoever decided it: to exactly those who are to hear it."""
        with self._lock:
            self._deliver_messages([message])

    # Rooms

    def join(self, session: Session[ReceiverT], name: str) -> None:
        """Move to a room, opening it where there is none. `name`: as it was typed."""
        with self._lock:
            if session.ended.is_set():
                return
            canonical = canonical_name(name)
            if canonical is None:
                self._reply_error(session, replies.invalid_room(name))
                return
            if canonical == session.room.name:
                self._reply(session, [replies.already_in(canonical)])
                return
            self._move(session, canonical)

    def list_rooms(self, session: Session[ReceiverT]) -> None:
        """Answer `/rooms`: the lobby first and always, then by name."""
        with self._lock:
            names = [LOBBY, *sorted(name for name in self._rooms if name != LOBBY)]
            counted = [(name, len(self._rooms[name].members)) for name in names]
            self._reply(session, replies.active_rooms(counted))

    def list_members(self, session: Session[ReceiverT], name: str | None = None) -> None:
        """Answer `/who`, of the session's own room where `name` is None."""
        with self._lock:
            room: Room[ReceiverT] | None = session.room
            if name is not None:
                room = self._rooms.get(canonical_name(name) or "")
            if room is None:
                self._reply_error(session, replies.no_such_room(name or ""))
            else:
                self._reply(session, replies.members(room.name, sorted(room.members)))

    def set_presence(self, session: Session[ReceiverT], on: bool) -> None:
        """Tell this session of comings and goings from now on, or no more."""
        with self._lock:
            if session.ended.is_set():
                return
            session.presence = on
            if on:
                self._watchers[session.user] = session
            else:
                self._watchers.pop(session.user, None)
            self._reply(session, [replies.presence(on)])

    # Subscriptions

    def subscribe(self, session: Session[ReceiverT], name: str) -> None:
        """Let the session's user hear `name`, or everyone but oneself for `*`."""
        with self._lock:
            if session.ended.is_set():
                return
            publisher = name if name == EVERYONE else canonical_name(name)
            if publisher is None or not (publisher == EVERYONE or self._may_be_followed(publisher)):
                self._reply_error(session, replies.no_such_user(name))
                return
            session.subscriptions.add(publisher)
            session.room.recipients_by_author.clear()
            self._reply(session, [replies.subscribed(publisher)])

    def unsubscribe(self, session: Session[ReceiverT], name: str) -> None:
        """Let the session's user hear `name` no more; `*` ends only the `*`. Never fails."""
        with self._lock:
            if session.ended.is_set():
                return
            publisher = canonical_name(name) or name
            session.subscriptions.discard(publisher)
            session.room.recipients_by_author.clear()
            self._reply(session, [replies.unsubscribed(publisher)])

    def list_subscriptions(self, session: Session[ReceiverT]) -> None:
        """Answer `/subs`: `*` first (it is below every letter), then by name."""
        with self._lock:
            names = sorted(session.subscriptions, key=lambda name: (name != EVERYONE, name))
            self._reply(session, replies.subscriptions(names))

    # Answers that are not the hub's to find, but go the same way

    def reply(self, session: Session[ReceiverT], texts: Sequence[str]) -> None:
        """Answer a session; each text is a line."""
        with self._lock:
            self._reply(session, texts)

    def reply_error(self, session: Session[ReceiverT], text: str) -> None:
        """Answer a session with an error."""
        with self._lock:
            self._reply_error(session, text)

    # What follows holds the lock.

    def _reply(self, session: Session[ReceiverT], texts: Sequence[str]) -> None:
        self._deliver((session.receiver,), encode_replies(texts), False)

    def _reply_error(self, session: Session[ReceiverT], text: str) -> None:
        self._deliver((session.receiver,), encode_error(text), False)

    def _deliver_messages(self, messages: Sequence[PublishedMessage]) -> tuple[ReceiverT, ...]:
        """Deliver messages of one author in one room, in as few pieces as their seconds are.

        They are all actions, or none is.
        """
        room = self._rooms.get(messages[0].room) if messages else None
        if room is None:
            return ()
        room.last_stamp = messages[-1].stamp
        author = messages[0].author
        audience = room.recipients_by_author.get(author)
        if audience is None:
            audience = room.recipients_by_author[author] = tuple(
                member.receiver
                for member in room.members.values()
                if is_subscribed_to(member, author)
            )
        self.messages += len(messages)
        if audience:
            self.deliveries += len(messages) * len(audience)
            for lines in encode_run(messages):
                self._deliver(audience, lines, False)
        return audience

    def _enter_room(self, session: Session[ReceiverT], room: Room[ReceiverT]) -> None:
        session.room = room
        room.members[session.user] = session
        room.recipients_by_author.clear()

    def _leave_room(self, session: Session[ReceiverT]) -> bool:
        """Take a session out of its room; returns whether that closed the room."""
        room = session.room
        del room.members[session.user]
        room.recipients_by_author.clear()
        if room.members or room is self._lobby:
            return False
        del self._rooms[room.name]
        return True

    def _move(self, session: Session[ReceiverT], name: str) -> None:
        """Told in the order of section 3: the mover's reply, then left, closed, opened, joined."""
        old = session.room
        closed = self._leave_room(session)
        room = self._rooms.get(name)
        opened = room is None
        if room is None:
            room = self._rooms[name] = Room(name)
        self._enter_room(session, room)
        self._reply(session, [replies.joined(name)])
        self._notify_room(old, session, replies.person_left(session.user, old.name))
        if closed:
            self._notify_watchers(replies.room_closed(old.name))
        if opened:
            self._notify_watchers(replies.room_opened(name))
        self._notify_room(room, session, replies.person_joined(session.user, name))

    def _end_sessions(self, users: Iterable[str], farewell: str) -> list[str]:
        logged_out = []
        for user in users:
            session = self._sessions.get(user)
            if session is not None:
                self._end(session, farewell)
                logged_out.append(user)
        return logged_out

    def _end(self, session: Session[ReceiverT], farewell: str | None) -> None:
        room = session.room
        closed = self._leave_room(session)
        del self._sessions[session.user]
        self._watchers.pop(session.user, None)
        # So that a client's echo does not surprise the same person at netcat (section 4).
        session.subscriptions.discard(session.user)
        session.ended.set()
        if farewell is not None:
            self._deliver((session.receiver,), encode_replies([farewell]), True)
        self._notify_room(room, session, replies.person_left(session.user, room.name))
        if closed:
            self._notify_watchers(replies.room_closed(room.name))

    def _notify_room(self, room: Room[ReceiverT], about: Session[ReceiverT], notice: str) -> None:
        if not self._watchers:
            return
        receivers = tuple(
            member.receiver
            for member in room.members.values()
            if member.presence and member is not about
        )
        if receivers:
            self._deliver(receivers, encode_replies([notice]), False)

    def _notify_watchers(self, notice: str) -> None:
        receivers = tuple(session.receiver for session in self._watchers.values())
        if receivers:
            self._deliver(receivers, encode_replies([notice]), False)

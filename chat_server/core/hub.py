"""The hub: sessions, rooms and subscriptions under one lock. Decides, applies and emits values.

A method decides whether a request may happen, which gives an event or a reply (`decisions.py`). It
applies the event to the state, which gives the outputs and their recipients (`state.py`), and emits
them. The hub does no I/O and renders no text: `emit` encodes an output once for all its recipients.

Lock order: hub, drain, outbox. A thread that holds one of them may take a later one, never an
earlier one. Leaf locks (queues of the dispatcher and of the history, login throttle, bans,
accounts) are taken last and nothing is taken under them. The hub's lock is never held over I/O, a
hash or a log line.

Everything that a client in a session reads is emitted under this lock, and `emit` only encodes and
appends. So a client reads what the hub decided in the order in which the hub decided it, and after
`Joined room 'x'` it reads no message of another room.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Generic, TypeAlias

from chat_server.confusables import look_of
from chat_server.core import decisions
from chat_server.core.presence import PresenceLimit
from chat_server.core.recording import records_of
from chat_server.core.records import Record, SavedState
from chat_server.core.rooms import ReadingPosition, Session, is_subscribed_to, reading_position
from chat_server.core.state import HubState
from chat_server.core.values import (
    AccountRenamed,
    Announced,
    EndCause,
    EndNotice,
    HubEvent,
    HubReply,
    Joined,
    Output,
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
    StampsSet,
    Subscribed,
    UnreadList,
    UnreadNoticesSet,
    Unsubscribed,
    UserForgotten,
    WaitingMessagesGone,
)
from chat_server.wire import canonical_name, history_replies

_UserEvent: TypeAlias = (
    Joined | Subscribed | Unsubscribed | PresenceSet | StampsSet | UnreadNoticesSet
)
"""The events that are the replies to the commands that cause them."""


class Hub(Generic[ReceiverT]):
    """The router of messages to sessions. Any thread may call any public method.

    A method called with an ended session changes nothing, and its reply is dropped behind that
    session's last line. So nothing that an older connection still sends takes effect after a forced
    logout.
    """

    def __init__(
        self,
        emit: Callable[[tuple[ReceiverT, ...], Output[ReceiverT]], None],
        has_account: Callable[[str], bool],
        clock: Callable[[], int],
        may_be_followed: Callable[[str], bool] | None = None,
        is_banned: Callable[[str, str], bool] = lambda user, host: False,
        presence_limit: PresenceLimit | None = None,
        record: Callable[[Record], None] | None = None,
        saved: SavedState | None = None,
    ) -> None:
        """Create a hub with an empty lobby. It calls every callable under its lock: none may block.

        `emit(recipients, output)` may only encode and append. `has_account(user)`: the user may log
        in. `clock()`: microseconds since the epoch; it may go back. `may_be_followed(user)`: the
        default is `has_account`. `is_banned(user, host)`: an operator has banned one of the two.
        `record(record)` appends to the history; None: history is off. `saved`: its stored state.
        """
        self._emit = emit
        self._has_account = has_account
        self._may_be_followed = may_be_followed or has_account
        self._is_banned = is_banned
        self._clock = clock
        self._lock = threading.Lock()
        self._presence_limit = presence_limit
        self._record = record
        self._state: HubState[ReceiverT] = HubState(
            presence_limit.burst if presence_limit else 0, saved
        )
        self._to_settle: dict[str, float] = {}
        """The users whose presence is to be settled, and when, the earliest first."""
        self.messages = self.deliveries = 0
        """Messages published, and copies sent to recipients. Read without the lock."""

    def use_history(self, record: Callable[[Record], None], saved: SavedState) -> None:
        """Record from now on, and go on from the stored state. Only before the first login."""
        self._record = record
        limit = self._presence_limit
        self._state = HubState(limit.burst if limit else 0, saved)

    def sizes(self) -> tuple[int, int]:
        """Return the numbers of sessions and rooms.

        Takes no lock, so it works even if a thread hangs while holding the lock.
        """
        return len(self._state.sessions), len(self._state.rooms)

    def has_session(self, user: str) -> bool:
        """Return whether the user is logged in. Takes no lock: it may change at any time."""
        return user in self._state.sessions

    def apply(self, event: HubEvent[ReceiverT]) -> tuple[ReceiverT, ...]:
        """Apply an event that was decided elsewhere. Return the recipients of its first output.

        The entry for replication and history. Today only tests call it.
        """
        with self._lock:
            if isinstance(event, PublishedMessages):
                return self._apply_messages(event)
            return self._apply(event)

    # Login and logout

    def log_in(
        self, user: str, receiver: ReceiverT, commands: Sequence[str], host: str = ""
    ) -> Session[ReceiverT] | None:
        """Start a session in the lobby and end the user's older one in the same step.

        Protocol section 2. `commands` are those that the user may use; the reply to the login lists
        them. `host` is the client's address. Return None if the account was removed, disabled or
        banned meanwhile, if the address was banned, or if the server stops. Only the last one is
        reported to the client.
        """
        with self._lock:
            if self._state.is_shut_down:
                self._emit((receiver,), EndNotice(EndCause.SHUTDOWN))
                return None
            if not self._has_account(user) or self._is_banned(user, host):
                return None
            if user in self._state.sessions:
                notice = EndNotice(EndCause.NEW_LOGIN)
                self._apply(SessionEnded(user, notice, time=self._clock()))
            self._apply(SessionStarted(user, receiver, tuple(commands), host))
            return self._state.sessions[user]

    def log_out(
        self,
        session: Session[ReceiverT],
        notice: EndNotice | None = None,
        *,
        is_orderly: bool = False,
        read_to: int | None = None,
    ) -> None:
        """End a session, with `notice` as its last output. Does nothing if it has ended.

        `is_orderly`: the client ended it, and has received everything up to the stamp `read_to`.
        None: up to the newest.
        """
        with self._lock:
            if session.ended.is_set():
                return
            if read_to is not None and session.newest_private > read_to:
                # It came after the client had closed. Private messages have no read marker.
                is_orderly = False
            self._apply(SessionEnded(session.user, notice, is_orderly, read_to, self._clock()))

    def newest_stamp(self) -> int:
        """Return the newest stamp. All messages up to it have been handed to `emit`."""
        with self._lock:
            return self._state.last_stamp

    def remove_users(self, users: Collection[str]) -> list[str]:
        """Forget users whose accounts were removed. Return those that were logged in."""
        with self._lock:
            logged_out = self._end_sessions(users, EndNotice(EndCause.ACCOUNT_REMOVED))
            for user in users:
                self._apply(UserForgotten(user))
            return logged_out

    def rename_users(self, names: Mapping[str, str]) -> list[str]:
        """Give all that belongs to accounts to their new names (by the old ones).

        End the sessions under the old names. Return those that were logged in.
        """
        with self._lock:
            logged_out = self._end_sessions(names, EndNotice(EndCause.ACCOUNT_REMOVED))
            for old, new in names.items():
                self._apply(AccountRenamed(old, new))
            return logged_out

    def end_sessions(self, users: Iterable[str], notice: EndNotice) -> list[str]:
        """End the sessions of users, each with `notice` as its last output.

        The users keep their subscriptions. Return those that were logged in.
        """
        with self._lock:
            return self._end_sessions(users, notice)

    def end_sessions_from(
        self, matches_host: Callable[[str], bool], notice: EndNotice
    ) -> list[str]:
        """End every session whose host matches. `matches_host` must not block. Return the users."""
        with self._lock:
            sessions = self._state.sessions.values()
            users = [session.user for session in sessions if matches_host(session.host)]
            return self._end_sessions(users, notice)

    def shut_down(self) -> None:
        """End every session with the notice that the server stops, and reject new ones."""
        with self._lock:
            self._apply(ShutDown(self._clock()))

    # Messages

    def publish(
        self, session: Session[ReceiverT], texts: Sequence[str], *, actions: bool = False
    ) -> tuple[ReceiverT, ...]:
        """Publish cleaned, non-empty texts in the author's room. Return the recipients.

        `actions`: the texts say what the author does (`/me`).
        """
        with self._lock:
            if not texts or session.ended.is_set():
                return ()
            now = self._clock()
            stamp = self._next_stamp(now)
            return self._apply_messages(
                PublishedMessages(
                    session.room.name, session.user, tuple(texts), stamp, actions, now
                )
            )

    def send_private(
        self, session: Session[ReceiverT], name: str, text: str
    ) -> tuple[ReceiverT, ...]:
        """Send a cleaned, non-empty text to one user, in any room. Return the recipients.

        The recipient has to be subscribed to the author. If the recipient does not get it now, it
        is kept while history is on.
        """
        with self._lock:
            if session.ended.is_set():
                return ()
            now = self._clock()
            stamp = self._next_stamp(now)
            decision = decisions.send_private(
                self._state, session, name, text, stamp, now, self._may_wait_for
            )
            if not isinstance(decision, PrivateMessageSent):
                self._reply(session, decision)
                return ()
            self.messages += 1
            self.deliveries += not decision.is_kept
            return self._apply(decision)

    def announce(self, session: Session[ReceiverT], text: str) -> tuple[ReceiverT, ...]:
        """Send a cleaned, non-empty text to every session. Return the recipients."""
        with self._lock:
            if session.ended.is_set():
                return ()
            return self._apply(Announced(session.user, text))

    # Rooms

    def join(self, session: Session[ReceiverT], name: str) -> None:
        """Move to a room, which opens if it does not exist. `name` is as it was typed."""
        look_of(canonical_name(name) or "")  # cached; may load a table, so not under the lock
        with self._lock:
            self._act(session, decisions.join(self._state, session, name))
            self._settle_later(session.user)

    def settle_presence(self) -> float | None:
        """Announce held moves that are due. Return the seconds until the next ones, or None.

        None: no user has moved lately. `presence_limit.notify` is called once that changes.
        """
        limit = self._presence_limit
        if limit is None:
            return None
        with self._lock:
            now = limit.clock()
            movers = self._state.presence.movers
            while self._to_settle:
                user, due = next(iter(self._to_settle.items()))
                if due > now:
                    return due - now
                del self._to_settle[user]
                if user in movers:
                    self._apply(PresenceSettled(user))
                    if user in movers:
                        self._to_settle[user] = now + limit.seconds
            return None

    def list_rooms(self, session: Session[ReceiverT]) -> None:
        """Reply to `/rooms`."""
        with self._lock:
            self._note_question(session)
            self._reply(session, decisions.list_rooms(self._state))

    def list_members(self, session: Session[ReceiverT], name: str | None = None) -> None:
        """Reply to `/who`, for the session's own room if `name` is None."""
        with self._lock:
            self._note_question(session)
            self._reply(session, decisions.list_members(self._state, session, name))

    def set_presence(self, session: Session[ReceiverT], on: bool) -> None:
        """Turn presence notices for this session on or off."""
        with self._lock:
            self._act(session, PresenceSet(session.user, on))

    # Subscriptions

    def subscribe(self, session: Session[ReceiverT], name: str) -> None:
        """Subscribe the session's user to `name`, or to all others for `*`."""
        with self._lock:
            self._act(session, decisions.subscribe(session, name, self._may_be_followed))

    def unsubscribe(self, session: Session[ReceiverT], name: str) -> None:
        """Unsubscribe the session's user from `name`; `*` ends only the `*`. Never fails."""
        with self._lock:
            self._act(session, decisions.unsubscribe(session, name))

    def list_subscriptions(self, session: Session[ReceiverT]) -> None:
        """Reply to `/subs`."""
        with self._lock:
            self._reply(session, decisions.list_subscriptions(session))

    # History

    def reading_position(
        self, session: Session[ReceiverT], other: str = ""
    ) -> ReadingPosition | None:
        """Return what the session may read now, also of its private messages with `other`.

        None if the session has ended.
        """
        with self._lock:
            if session.ended.is_set():
                return None
            # A message that was kept during the session did not come live.
            return reading_position(session, self._state.waiting.newest(session.user, other))

    def read_private(self, session: Session[ReceiverT], other: str) -> None:
        """Record that the user has read the private messages by `other`, if they were shown.

        Those by an author that the user does not follow were not.
        """
        with self._lock:
            if not session.ended.is_set() and is_subscribed_to(session, other):
                self._apply(PrivateMessagesRead(session.user, other))

    def waiting_if_full(self, session: Session[ReceiverT], name: str) -> dict[str, int]:
        """Return how many private messages wait for `name`, by author, if no more are kept."""
        with self._lock:
            return decisions.waiting_if_full(self._state, session, name)

    def correct_waiting(
        self, name: str, counted: Mapping[str, int], stored: Mapping[str, int]
    ) -> None:
        """Stop counting private messages for `name` that were erased or are no longer kept.

        `counted`: by `waiting_if_full`. `stored`: the unread messages that were stored after that.
        """
        gone = {author: count - stored.get(author, 0) for author, count in counted.items()}
        numbers = tuple((author, count) for author, count in gone.items() if count > 0)
        if numbers:
            with self._lock:
                self._apply(WaitingMessagesGone(canonical_name(name) or "", numbers))

    def set_stamps(self, session: Session[ReceiverT], on: bool) -> None:
        """Turn the stamps of live messages for this session on or off."""
        with self._lock:
            self._act(session, StampsSet(session.user, on))

    def set_unread_notices(self, session: Session[ReceiverT], on: bool) -> None:
        """Turn notices of unread numbers for this session on or off."""
        with self._lock:
            self._act(session, UnreadNoticesSet(session.user, on))

    def sessions_with_unread_notices(self) -> list[Session[ReceiverT]]:
        """Return the sessions that turned notices of unread numbers on."""
        with self._lock:
            return [each for each in self._state.sessions.values() if each.unread_notices]

    def notify_unread(
        self, session: Session[ReceiverT], room: str, places: Sequence[history_replies.UnreadPlace]
    ) -> bool:
        """Send a notice of unread numbers that were counted while the user was in `room`.

        Return False if the user is elsewhere by now, so the numbers may be wrong, or has turned
        the notices off.
        """
        with self._lock:
            if session.ended.is_set() or session.room.name != room or not session.unread_notices:
                return False
            self._reply(session, UnreadList(tuple(places)))
            return True

    # Replies decided elsewhere, sent in order with the hub's own

    def reply(self, session: Session[ReceiverT], reply: HubReply) -> None:
        """Reply to a session."""
        with self._lock:
            self._reply(session, reply)

    # The caller of the following methods holds the lock.

    def _may_wait_for(self, user: str) -> bool:
        """Return whether private messages for a user are kept."""
        return self._record is not None and self._has_account(user)

    def _note_question(self, session: Session[ReceiverT]) -> None:
        """Remember that a watcher is about to see what held moves have changed."""
        if self._state.presence.holds_moves and session.presence and not session.ended.is_set():
            self._apply(PresenceQueried(session.user))

    def _settle_later(self, user: str) -> None:
        """Settle the presence of a user that has begun to move, unless there are no watchers."""
        limit = self._presence_limit
        if limit is None or user in self._to_settle or user not in self._state.presence.movers:
            return
        self._to_settle[user] = limit.clock() + limit.seconds
        if len(self._to_settle) == 1:
            limit.notify()

    def _next_stamp(self, now: int) -> int:
        """Return a stamp above all others, whatever the clock says. `now` is what it says.

        Stamps order the messages and are not shown. After a clock was set back, they count on from
        the highest one, and only `time` follows the clock.
        """
        return max(now, self._state.last_stamp + 1)

    def _apply(self, event: HubEvent[ReceiverT]) -> tuple[ReceiverT, ...]:
        """Apply an event, record it and emit its outputs. Return the recipients of the first."""
        record = self._record
        if record is not None:
            for each in records_of(self._state, event):
                record(each)
        deliveries = self._state.apply(event)
        for recipients, output in deliveries:
            self._emit(recipients, output)
        return deliveries[0][0] if deliveries else ()

    def _apply_messages(self, run: PublishedMessages) -> tuple[ReceiverT, ...]:
        recipients = self._state.apply_messages(run)
        count = len(run.texts)
        self.messages += count
        if self._record is not None:
            self._record(run)
        if recipients:
            self.deliveries += count * len(recipients)
            if self._state.stamp_readers:
                for receivers, output in self._state.split_by_stamps(run):
                    self._emit(receivers, output)
            else:
                self._emit(recipients, run)
        return recipients

    def _act(
        self,
        session: Session[ReceiverT],
        decision: _UserEvent | HubReply,
    ) -> None:
        """Apply the event that was decided, or send the reply if nothing changes."""
        if session.ended.is_set():
            return
        if isinstance(decision, _UserEvent):
            self._apply(decision)
        else:
            self._reply(session, decision)

    def _reply(self, session: Session[ReceiverT], reply: HubReply) -> None:
        self._emit((session.receiver,), reply)

    def _end_sessions(self, users: Iterable[str], notice: EndNotice) -> list[str]:
        logged_out = [user for user in users if user in self._state.sessions]
        for user in logged_out:
            self._apply(SessionEnded(user, notice, time=self._clock()))
        return logged_out

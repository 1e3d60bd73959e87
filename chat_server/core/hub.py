"""The hub: sessions, rooms and subscriptions under one lock. Decides, applies and emits values.

What a session asks for is a request (`requests.py`). The backplane gives it its place in the order:
at once, or in a log that several servers read (`replica.py`). There its handler decides it, which
gives an event or a reply (`request_handlers.py`). The event is applied to the state, which gives
the outputs and their recipients (`event_handlers.py`), and they are emitted (`applier.py`).
Questions and settings of the own session are not requests: they are answered here. The hub does no
I/O and renders no text: `emit` encodes an output once for all its recipients.

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
from typing import Generic

from chat_server.confusables import look_of
from chat_server.core import decisions, requests
from chat_server.core.applier import Applier
from chat_server.core.backplane import Backplane
from chat_server.core.embedded_backplane import EmbeddedBackplane
from chat_server.core.presence import PresenceLimit
from chat_server.core.records import MessagesErased, Record, SavedState
from chat_server.core.replica import HubReplica
from chat_server.core.requests import BanResult
from chat_server.core.rooms import ReadingPosition, Session, reading_position
from chat_server.core.tables import AccountTable, BanTable, Tables
from chat_server.core.values import (
    AccountRenamed,
    EndCause,
    EndNotice,
    HubReply,
    LoginBan,
    LoginBannedError,
    Output,
    PresenceQueried,
    PresenceSet,
    ReceiverT,
    ShutDown,
    StampsSet,
    UnreadList,
    UnreadNoticesSet,
    UserForgotten,
)
from chat_server.wire import canonical_name, history_replies


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
        presence_limit: PresenceLimit | None = None,
        record: Callable[[Record], None] | None = None,
        saved: SavedState | None = None,
        backplane: Backplane[ReceiverT] | None = None,
        accounts: AccountTable | None = None,
        bans: BanTable | None = None,
    ) -> None:
        """Create a hub with an empty lobby. It calls every callable under its lock: none may block.

        `emit(recipients, output)` may only encode and append. `has_account(user)`: the user may log
        in. `clock()`: microseconds since the epoch; it may go back. `may_be_followed(user)`: the
        default is `has_account`. `record(record)` appends to the history; None: history is off.
        `saved`: its stored state. `backplane`: None if there are no other servers. With others,
        `accounts` and `bans` are parts of the replicated state.
        """
        tables = Tables(has_account, may_be_followed or has_account, accounts, bans)
        self._lock = threading.Lock()
        self._clock = clock
        self._applier: Applier[ReceiverT] = Applier(emit, tables, presence_limit, record, saved)
        self.replica: HubReplica[ReceiverT] = HubReplica(self._applier, self._lock, clock)
        """What the log changes."""
        self.is_shared = backplane is not None
        """There are other servers, so a request may take a while."""
        self._backplane: Backplane[ReceiverT] = backplane or EmbeddedBackplane(self.replica)
        self._publish_run = self._backplane.publish  # bound once: a message pays for each look-up

    def use_history(self, record: Callable[[Record], None], saved: SavedState) -> None:
        """Record from now on, and go on from the stored state. Only before the first login."""
        self._applier.use_history(record, saved)

    def sizes(self) -> tuple[int, int]:
        """Return the numbers of this server's sessions and of the rooms of all servers.

        Takes no lock, so it works even if a thread hangs while holding the lock.
        """
        state = self._applier.state
        sessions = state.clients.sessions if self.is_shared else state.sessions
        return len(sessions), len(state.rooms)

    @property
    def messages(self) -> int:
        """Messages published by the sessions of this server. Takes no lock."""
        return self._applier.messages

    @property
    def deliveries(self) -> int:
        """Copies of messages sent to sessions of this server. Takes no lock."""
        return self._applier.deliveries

    def has_session(self, user: str) -> bool:
        """Return whether the user is logged in here. Takes no lock: it may change at any time."""
        state = self._applier.state
        session = state.sessions.get(user)
        return (session is not None and session.is_local) or user in state.clients.detached

    def settle(self, session: Session[ReceiverT]) -> None:
        """Wait until everything that the session has published is applied. See `Backplane`."""
        self._backplane.settle(session)

    def catch_up(self) -> None:
        """Wait until everything is applied that other servers have decided. See `Backplane`."""
        self._backplane.catch_up()

    # Login and logout

    def log_in(
        self, user: str, receiver: ReceiverT, commands: Sequence[str], host: str = ""
    ) -> Session[ReceiverT] | None:
        """Start a session in the lobby and end the user's older one in the same step.

        Protocol section 2. `commands` are those that the user may use; the reply to the login lists
        them. `host` is the client's address. Return None if the account was removed or disabled
        meanwhile, or if the server stops. Only the latter is reported to the client. Raises
        `LoginBannedError` if the account or the address is banned, and `BackplaneUnavailableError`.
        """
        if self.is_shared:
            with self._lock:
                if self._applier.state.is_shut_down:
                    self._applier.emit((receiver,), EndNotice(EndCause.SHUTDOWN))
                    return None
        client = requests.LoginClient(receiver, tuple(commands))
        result: Session[ReceiverT] | LoginBan | None = self._backplane.submit(
            requests.LogIn(user, host, client)
        )
        if isinstance(result, LoginBan):
            raise LoginBannedError(result)
        return result

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
        if not session.ended.is_set():
            cause = None if notice is None else notice.cause
            self._backplane.submit(requests.LogOut(cause, is_orderly, read_to), session)
        # The lock is taken also if the session has ended. TRAP: `ended` is set a moment before the
        # last line is emitted, and a caller that went on in between would close the connection
        # without that line.
        with self._lock:
            is_over = session.ended.is_set() or not self.is_shared
            if not is_over and self._applier.state.sessions.get(session.user) is not session:
                # It has ended for the other servers, so they have not taken the request.
                self._applier.end_locally(session, notice)

    def newest_stamp(self) -> int:
        """Return the newest stamp. All messages up to it have been handed to `emit`."""
        with self._lock:
            return self._applier.state.last_stamp

    def remove_users(self, users: Collection[str]) -> list[str]:
        """Forget users whose accounts were removed. Return those that were logged in."""
        with self._lock:
            removed = EndNotice(EndCause.ACCOUNT_REMOVED)
            logged_out = self._applier.end_sessions(users, removed, self._clock())
            for user in users:
                self._applier.apply(UserForgotten(user))
            return logged_out

    def rename_users(self, names: Mapping[str, str]) -> list[str]:
        """Give all that belongs to accounts to their new names (by the old ones).

        End the sessions under the old names. Return those that were logged in.
        """
        with self._lock:
            removed = EndNotice(EndCause.ACCOUNT_REMOVED)
            logged_out = self._applier.end_sessions(names, removed, self._clock())
            for old, new in names.items():
                self._applier.apply(AccountRenamed(old, new))
            return logged_out

    def end_sessions(self, users: Iterable[str], notice: EndNotice) -> list[str]:
        """End the sessions of users, each with `notice` as its last output.

        The users keep their subscriptions. Return those that were logged in.
        """
        with self._lock:
            return self._applier.end_sessions(users, notice, self._clock())

    def shut_down(self, unsent: Mapping[Session[ReceiverT], int] | None = None) -> None:
        """End every session with the notice that the server stops, and reject new ones.

        With other servers, only the clients of this one are notified. The backplane ends their
        sessions for the others when it stops. `unsent`: how many messages of a session waited for
        the other servers, and are dropped.
        """
        counts = unsent or {}
        with self._lock:
            if not self.is_shared:
                self._applier.apply(ShutDown(self._clock()))
                return
            self._applier.state.is_shut_down = True
            for session in list(self._applier.state.clients.sessions.values()):
                count = counts.get(session, 0)
                self._applier.end_locally(session, EndNotice(EndCause.SHUTDOWN, unsent=count))

    # Messages

    def publish(
        self, session: Session[ReceiverT], texts: Sequence[str], *, actions: bool = False
    ) -> tuple[ReceiverT, ...]:
        """Publish cleaned, non-empty texts in the author's room. Return the recipients.

        `actions`: the texts say what the author does (`/me`).
        """
        return self._publish_run(session, texts, actions)

    def send_private(
        self, session: Session[ReceiverT], name: str, text: str
    ) -> tuple[ReceiverT, ...]:
        """Send a cleaned, non-empty text to one user, in any room. Return the recipients.

        The recipient has to be subscribed to the author. If the recipient does not get it now, it
        is kept while history is on.
        """
        may_wait = self._applier.record is not None
        request = requests.SendPrivate(name, text, may_wait)
        return self._backplane.submit(request, session) or ()

    def announce(self, session: Session[ReceiverT], text: str) -> tuple[ReceiverT, ...]:
        """Send a cleaned, non-empty text to every session. Return the recipients."""
        return self._backplane.submit(requests.Announce(text), session) or ()

    # Commands of operators. Each returns None if the operator's own session has ended.

    def kick(self, session: Session[ReceiverT], user: str, reason: str) -> bool | None:
        """End the session of a canonical user. Return False if the user is not logged in."""
        ended: list[str] | None = self._backplane.submit(requests.Kick(user, reason), session)
        return None if ended is None else bool(ended)

    def ban_account(
        self, session: Session[ReceiverT], user: str, minutes: int | None
    ) -> BanResult | None:
        """Ban a canonical user and end its session. `minutes` None: until the server stops."""
        banned: BanResult | None = self._backplane.submit(requests.BanUser(user, minutes), session)
        return banned

    def ban_address(
        self, session: Session[ReceiverT], address: str, minutes: int | None
    ) -> BanResult | None:
        """Ban an address, for IPv6 its whole /64, and end the sessions from it."""
        request = requests.BanAddress(address, minutes)
        banned: BanResult | None = self._backplane.submit(request, session)
        return banned

    def unban(
        self, session: Session[ReceiverT], *, user: str = "", address: str = ""
    ) -> bool | None:
        """End the ban of a user or of an address. Return False if there was none."""
        ended: bool | None = self._backplane.submit(requests.Unban(user, address), session)
        return ended

    def erase(
        self, session: Session[ReceiverT], stamp: int, author: str, *, is_operator: bool
    ) -> MessagesErased | None:
        """Let the history of every server erase a message, or all by `author` if that is given.

        Return the record, which the history of this server fills in. None: the session has ended.
        """
        request = requests.Erase(stamp, author, is_operator)
        record: MessagesErased | None = self._backplane.submit(request, session)
        return record

    # Rooms

    def join(self, session: Session[ReceiverT], name: str) -> None:
        """Move to a room, which opens if it does not exist. `name` is as it was typed."""
        look_of(canonical_name(name) or "")  # cached; may load a table, so not under the lock
        self._backplane.submit(requests.Join(name), session)

    def settle_presence(self) -> float | None:
        """Announce held moves that are due. Return the seconds until the next ones, or None.

        None: no user has moved lately. `presence_limit.notify` is called once that changes.
        """
        with self._lock:
            return self._applier.settle_presence()

    def list_rooms(self, session: Session[ReceiverT]) -> None:
        """Reply to `/rooms`."""
        with self._lock:
            self._note_question(session)
            self._applier.reply(session, decisions.list_rooms(self._applier.state))

    def list_members(self, session: Session[ReceiverT], name: str | None = None) -> None:
        """Reply to `/who`, for the session's own room if `name` is None."""
        with self._lock:
            self._note_question(session)
            self._applier.reply(session, decisions.list_members(self._applier.state, session, name))

    def set_presence(self, session: Session[ReceiverT], on: bool) -> None:
        """Turn presence notices for this session on or off."""
        with self._lock:
            self._set(session, PresenceSet(session.user, on))

    # Subscriptions

    def subscribe(self, session: Session[ReceiverT], name: str) -> None:
        """Subscribe the session's user to `name`, or to all others for `*`."""
        self._backplane.submit(requests.Subscribe(name), session)

    def unsubscribe(self, session: Session[ReceiverT], name: str) -> None:
        """Unsubscribe the session's user from `name`; `*` ends only the `*`. Never fails."""
        self._backplane.submit(requests.Unsubscribe(name), session)

    def list_subscriptions(self, session: Session[ReceiverT]) -> None:
        """Reply to `/subs`."""
        with self._lock:
            self._applier.reply(session, decisions.list_subscriptions(session))

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
            return reading_position(
                session, self._applier.state.waiting.newest(session.user, other)
            )

    def read_private(self, session: Session[ReceiverT], other: str) -> None:
        """Record that the user has read the private messages by `other`, if they were shown.

        Those by an author that the user does not follow were not.
        """
        self._backplane.submit(requests.ReadPrivate(other), session)

    def waiting_if_full(self, session: Session[ReceiverT], name: str) -> dict[str, int]:
        """Return how many private messages wait for `name`, by author, if no more are kept."""
        with self._lock:
            return decisions.waiting_if_full(self._applier.state, session, name)

    def correct_waiting(
        self, name: str, counted: Mapping[str, int], stored: Mapping[str, int]
    ) -> None:
        """Stop counting private messages for `name` that were erased or are no longer kept.

        `counted`: by `waiting_if_full`. `stored`: the unread messages that were stored after that.
        """
        gone = {author: count - stored.get(author, 0) for author, count in counted.items()}
        numbers = tuple((author, count) for author, count in gone.items() if count > 0)
        if numbers:
            self._backplane.submit(requests.CorrectWaiting(canonical_name(name) or "", numbers))

    def set_stamps(self, session: Session[ReceiverT], on: bool) -> None:
        """Turn the stamps of live messages for this session on or off."""
        with self._lock:
            self._set(session, StampsSet(session.user, on))

    def set_unread_notices(self, session: Session[ReceiverT], on: bool) -> None:
        """Turn notices of unread numbers for this session on or off."""
        with self._lock:
            self._set(session, UnreadNoticesSet(session.user, on))

    def sessions_with_unread_notices(self) -> list[Session[ReceiverT]]:
        """Return the sessions that turned notices of unread numbers on."""
        with self._lock:
            return [each for each in self._applier.state.sessions.values() if each.unread_notices]

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
            self._applier.reply(session, UnreadList(tuple(places)))
            return True

    # Replies decided elsewhere, sent in order with the hub's own

    def reply(self, session: Session[ReceiverT], reply: HubReply) -> None:
        """Reply to a session."""
        with self._lock:
            self._applier.reply(session, reply)

    # The caller of the following methods holds the lock.

    def _set(
        self, session: Session[ReceiverT], event: PresenceSet | StampsSet | UnreadNoticesSet
    ) -> None:
        """Change a setting of a session, unless that has ended."""
        if not session.ended.is_set():
            self._applier.apply(event)

    def _note_question(self, session: Session[ReceiverT]) -> None:
        """Remember that a watcher is about to see what held moves have changed."""
        if (
            self._applier.state.presence.holds_moves
            and session.presence
            and not session.ended.is_set()
        ):
            self._applier.apply(PresenceQueried(session.user))

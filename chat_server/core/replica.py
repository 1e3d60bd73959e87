"""The state machine of the hub: decides a request at its place, applies it, emits and records.

A decision uses the replicated state and the entry, and nothing else: no clock, no set order, no
setting of this server. So all servers that read one log come to the same state. What differs by
server is which sessions have a client here, and so which outputs are emitted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, Generic, NamedTuple, TypeAlias

from chat_server.confusables import look_of
from chat_server.core import decisions, requests, snapshots
from chat_server.core.backplane import AccountTable, BanTable
from chat_server.core.move_notices import jump_notices
from chat_server.core.presence import PresenceLimit
from chat_server.core.recording import records_of
from chat_server.core.records import (
    LogEntry,
    LogPosition,
    LogSkipped,
    MessagesErased,
    Record,
    SavedState,
)
from chat_server.core.rooms import Session, is_subscribed_to
from chat_server.core.state import HubState
from chat_server.core.values import (
    AccountRenamed,
    Announced,
    EndCause,
    EndNotice,
    HubEvent,
    HubReply,
    Joined,
    LoginBan,
    Output,
    PresenceSet,
    PresenceSettled,
    PrivateMessageSent,
    PrivateMessagesRead,
    PublishedMessages,
    ReceiverT,
    RejectReason,
    ServersReachable,
    SessionEnded,
    SessionRestored,
    SessionStarted,
    StampsSet,
    Subscribed,
    UnreadNoticesSet,
    Unsubscribed,
    UserForgotten,
    WaitingMessagesGone,
)
from chat_server.wire import canonical_name

_UserEvent: TypeAlias = (
    Joined | Subscribed | Unsubscribed | PresenceSet | StampsSet | UnreadNoticesSet
)
"""The events that are the replies to the commands that cause them."""

_APPLIED_SPAN: Final = 86_400_000_000
"""For how long a server that ended is remembered, in microseconds, in case it comes back."""

_LOG_SECOND: Final = 1_000_000


class Place(NamedTuple):
    """Where a request is decided: all that a decision may know of the time."""

    stamp: int
    time: int | None
    """The time to show for a message, if it is not the stamp."""
    end: int
    """The time for the record of a session that ends."""
    seconds: float | None
    """The time for bans. None: that of the table's own clock."""
    user: str = ""
    generation: int = 0
    node: str = ""
    room: str = ""
    """For messages that were lost: the room in which they were published."""


class BanResult(NamedTuple):
    """What became of a request to ban."""

    problem: RejectReason | None
    logged_out: list[str]
    """The users whose sessions it ended."""


class HubReplica(Generic[ReceiverT]):
    """The hub as a state machine. See `core.backplane.Replica`; `Hub` adds what clients ask."""

    def __init__(
        self,
        emit: Callable[[tuple[ReceiverT, ...], Output[ReceiverT]], None],
        has_account: Callable[[str], bool],
        clock: Callable[[], int],
        may_be_followed: Callable[[str], bool],
        presence_limit: PresenceLimit | None,
        record: Callable[[Record], None] | None,
        saved: SavedState | None,
        accounts: AccountTable | None,
        bans: BanTable | None,
    ) -> None:
        """See `Hub`."""
        self._emit = emit
        self._has_account = has_account
        self._may_be_followed = may_be_followed
        self._accounts = accounts
        self._bans = bans
        self._clock = clock
        self._lock = threading.Lock()
        self._presence_limit = presence_limit
        self._record = record
        self._presence_burst = presence_limit.burst if presence_limit else 0
        self._state: HubState[ReceiverT] = HubState(self._presence_burst, saved)
        self._to_settle: dict[str, float] = {}
        """The users whose presence is to be settled, and when, the earliest first."""
        self.messages = self.deliveries = 0
        """Messages published by the sessions of this server, and copies sent to its sessions. Read
        without the lock."""

    # Without a shared log: decide at once

    def publish_at_once(
        self, session: Session[ReceiverT], texts: Sequence[str], is_action: bool
    ) -> tuple[ReceiverT, ...]:
        """Publish in the session's room, and return the recipients. The hot path."""
        with self._lock:
            if not texts or session.ended.is_set():
                return ()
            now = self._clock()
            # Above all others, whatever the clock says. Stamps order the messages and are not
            # shown. After a clock was set back they count on, and only `time` follows the clock.
            stamp = max(now, self._state.last_stamp + 1)
            return self._apply_messages(
                PublishedMessages(
                    session.room.name, session.user, tuple(texts), stamp, is_action, now
                )
            )

    def submit_at_once(
        self, request: requests.Request, session: Session[ReceiverT] | None = None
    ) -> Any:
        """Decide and apply a request, and return its result. None if the session has ended."""
        with self._lock:
            if session is not None and session.ended.is_set():
                return None
            now = self._clock()
            user = "" if session is None else session.user
            place = Place(max(now, self._state.last_stamp + 1), now, now, None, user)
            return _HANDLERS[type(request)](self, request, session, place)

    # The reader of the log

    def apply(self, entry: requests.Entry, *, is_silent: bool = False) -> Any:
        """Decide and apply an entry. See `Replica.apply`."""
        request = entry.request
        if isinstance(request, requests.Join | requests.RestoreSession):
            name = request.name if isinstance(request, requests.Join) else request.room
            look_of(canonical_name(name) or "")  # cached; may load a table, so not under the lock
        with self._lock:
            emit, record = self._emit, self._record
            records: list[Record] = []
            self._record = None if is_silent or record is None else records.append
            if is_silent:
                self._emit = _discard
            self._state.is_silent = is_silent
            try:
                return self._apply_entry(entry, is_silent)
            finally:
                self._emit, self._record = emit, record
                self._state.is_silent = False
                if record is not None and not is_silent:
                    position = LogPosition(entry.stamp, entry.node, entry.number)
                    record(LogEntry(tuple(records), position))

    def snapshot(self, stamp: int) -> requests.Snapshot:
        """Return the replicated state. See `Replica.snapshot`."""
        tables: dict[str, Any] = {}
        if self._accounts is not None:
            tables["accounts"] = self._accounts.export()
        if self._bans is not None:
            tables["bans"] = self._bans.export(stamp / _LOG_SECOND)
        return requests.Snapshot(stamp, {**snapshots.export_state(self._state), **tables})

    def restore(self, snapshot: requests.Snapshot) -> None:
        """Replace the replicated state. See `Replica.restore`."""
        with self._lock:
            if self._accounts is not None and "accounts" in snapshot.state:
                self._accounts.load(snapshot.state["accounts"])
            if self._bans is not None and "bans" in snapshot.state:
                self._bans.load(snapshot.state["bans"])
            before = self._state
            # Otherwise entries up to the old place follow. Watchers know what those change.
            is_jump = bool(before.watchers) and snapshot.stamp >= before.last_stamp
            if is_jump:
                for user in list(before.presence.movers):
                    self._apply(PresenceSettled(user))
            places = {user: each.room.name for user, each in before.watchers.items()}
            self._state = snapshots.load_state(snapshot.state, before, self._presence_burst)
            if is_jump:
                for receivers, output in jump_notices(places, before.rooms, self._state):
                    self._emit(receivers, output)
            if self._record is not None:
                self._record(self._skipped(snapshot))

    def _skipped(self, snapshot: requests.Snapshot) -> LogSkipped:
        """Return the record of a state that was taken from a snapshot. The lock is held."""
        state, accounts = self._state, self._accounts
        subscriptions = {user: names - {user} for user, names in state.subscriptions.items()}
        return LogSkipped(
            snapshot.stamp,
            {node: number for node, (number, _) in state.applied.items()},
            {user: frozenset(names) for user, names in subscriptions.items() if names},
            None if accounts is None else dict(accounts.creation_times()),
            snapshot.is_other_log,
        )

    def local_sessions(self) -> list[tuple[int, requests.RestoreSession]]:
        """Return how to restore each session. See `Replica.local_sessions`."""
        with self._lock:
            return [
                (
                    each.generation,
                    requests.RestoreSession(
                        each.user,
                        each.host,
                        each.node,
                        each.room.name,
                        each.user in each.subscriptions,
                    ),
                )
                for each in self._state.clients.sessions.values()
            ]

    def set_connected(self, is_connected: bool) -> None:
        """Notify this server's sessions. See `Replica.set_connected`."""
        with self._lock:
            sessions = self._state.clients.sessions.values()
            if sessions:
                receivers = tuple(each.receiver for each in sessions)
                self._emit(receivers, ServersReachable(is_connected))

    # The caller of the following methods holds the lock.

    def _apply_entry(self, entry: requests.Entry, is_silent: bool) -> Any:
        state, request = self._state, entry.request
        shown = entry.first_stamp if entry.first_stamp not in (0, entry.stamp) else None
        place = Place(
            entry.stamp,
            shown,
            entry.stamp,
            entry.stamp / _LOG_SECOND,
            entry.user,
            entry.generation,
            entry.node,
        )
        if isinstance(request, requests.LogIn):
            place = place._replace(generation=entry.first_stamp or entry.stamp)
        session = state.sessions.get(entry.user) if entry.user else None
        if entry.node:
            if entry.number <= state.applied.get(entry.node, (0, 0))[0]:
                return self._emit_again(entry, session, place, is_silent)
            state.applied[entry.node] = entry.number, entry.stamp
        if entry.user and not isinstance(request, requests.LogIn | requests.RestoreSession):
            if session is not None and session.generation != entry.generation:
                session = None
            if entry.first_stamp and isinstance(request, requests.Publish | requests.SendPrivate):
                # It had been decided before the log lost it: it takes effect also if the session
                # has ended meanwhile.
                place = place._replace(room=entry.room)
            elif session is None:
                return None
        if is_silent and isinstance(request, requests.Publish):
            state.last_stamp = max(state.last_stamp, entry.stamp + len(request.texts) - 1)
            return ()
        return _HANDLERS[type(request)](self, request, session, place)

    def _emit_again(
        self,
        entry: requests.Entry,
        session: Session[ReceiverT] | None,
        place: Place,
        is_silent: bool,
    ) -> Any:
        """Emit what an entry causes that the state already contains, but that was not read here.

        It came with a snapshot of another server. The state does not change.
        """
        request = entry.request
        if isinstance(request, requests.Publish):
            # On every server, whether it emits the entry or not.
            newest = entry.stamp + len(request.texts) - 1
            self._state.last_stamp = max(self._state.last_stamp, newest)
        if isinstance(request, requests.LogIn):
            is_own = session is not None and session.generation == place.generation
            return session if is_own else None
        if is_silent or session is None or session.generation != entry.generation:
            is_own = False
        else:
            is_own = session.is_local
        if isinstance(request, requests.Publish) and not is_silent:
            room = entry.room or (session.room.name if session is not None else "")
            run = PublishedMessages(
                room, entry.user, request.texts, place.stamp, request.is_action, place.time
            )
            return self._apply_messages(run, False) if room else ()
        if isinstance(request, requests.SendPrivate) and not is_silent:
            return self._send_private_again(request, entry, place)
        if is_own and session is not None:
            self._reply_again(request, session)
        return None

    def _send_private_again(
        self, request: requests.SendPrivate, entry: requests.Entry, place: Place
    ) -> tuple[ReceiverT, ...]:
        """Emit and record a private message that the state contains."""
        author, first = entry.user, entry.first_stamp or entry.stamp
        decision = decisions.send_private_again(
            self._state, author, request.name, request.text, first, request.may_wait
        )
        session = self._state.sessions.get(author)
        if not isinstance(decision, PrivateMessageSent):
            if session is not None and session.generation == entry.generation:
                self._reply(session, decision)
            return ()
        sent = replace(decision, stamp=place.stamp, time=place.time)
        if self._record is not None:
            self._record(sent)
        deliveries = self._state.outputs_of_private(sent)
        for receivers, output in deliveries:
            self._emit(receivers, output)
        return deliveries[0][0] if deliveries else ()

    def _reply_again(self, request: requests.Request, session: Session[ReceiverT]) -> None:
        match request:
            case requests.Join():
                self._reply_event(session, Joined(session.user, session.room.name))
            case requests.Subscribe() | requests.Unsubscribe():
                make = (
                    decisions.subscribe(session, request.name, self._may_be_followed)
                    if isinstance(request, requests.Subscribe)
                    else decisions.unsubscribe(session, request.name)
                )
                self._reply_event(session, make)
            case _:
                pass

    def _reply_event(self, session: Session[ReceiverT], output: Output[ReceiverT]) -> None:
        self._emit((session.receiver,), output)

    # Requests, by type

    def _publish(
        self, request: requests.Publish, session: Session[ReceiverT] | None, place: Place
    ) -> tuple[ReceiverT, ...]:
        room = place.room or ("" if session is None else session.room.name)
        run = PublishedMessages(
            room, place.user, request.texts, place.stamp, request.is_action, place.time
        )
        recipients = self._apply_messages(run, session is not None and session.is_local)
        for receivers, output in self._state.to_detached(run):
            self.deliveries += len(request.texts)
            self._emit(receivers, output)
        return recipients

    def _log_in(
        self, request: requests.LogIn, _: Session[ReceiverT] | None, place: Place
    ) -> Session[ReceiverT] | LoginBan | None:
        state, user, host, client = self._state, request.user, request.host, request.client
        receiver = None if client is None else client.receiver
        commands = () if client is None else client.commands
        if state.is_shut_down and not place.node:
            self._emit((client.receiver,), EndNotice(EndCause.SHUTDOWN)) if client else None
            return None
        if not self._has_account(user):
            return None
        if ban := self._ban_of(user, host, place):
            return ban
        older = state.sessions.get(user)
        if older is not None and place.generation and older.generation >= place.generation:
            # The log had lost the login, and the session was restored, or is followed by a newer.
            return older if older.generation == place.generation else None
        self._end_older_sessions(user, place)
        self._apply(SessionStarted(user, receiver, commands, host, place.generation, place.node))
        session = state.sessions[user]
        if state.is_shut_down and session.is_local:
            # The others will read that this server ends all its sessions.
            self._end_locally(session, EndNotice(EndCause.SHUTDOWN))
            return None
        return session

    def _log_out(self, request: requests.LogOut, session: Session[ReceiverT], place: Place) -> None:
        is_orderly = request.is_orderly
        if request.read_to is not None and session.newest_private > request.read_to:
            # It came after the client had closed. Private messages have no read marker.
            is_orderly = False
        notice = None if request.cause is None else EndNotice(request.cause)
        self._apply(SessionEnded(session.user, notice, is_orderly, request.read_to, place.end))

    def _join(self, request: requests.Join, session: Session[ReceiverT], _: Place) -> None:
        self._act_in_order(session, decisions.join(self._state, session, request.name))
        self._settle_later(session.user)

    def _subscribe(
        self, request: requests.Subscribe, session: Session[ReceiverT], _: Place
    ) -> None:
        decision = decisions.subscribe(session, request.name, self._may_be_followed)
        self._act_in_order(session, decision)

    def _unsubscribe(
        self, request: requests.Unsubscribe, session: Session[ReceiverT], _: Place
    ) -> None:
        self._act_in_order(session, decisions.unsubscribe(session, request.name))

    def _send_private(
        self, request: requests.SendPrivate, session: Session[ReceiverT] | None, place: Place
    ) -> tuple[ReceiverT, ...]:
        decision = decisions.send_private(
            self._state,
            place.user,
            request.name,
            request.text,
            place.stamp,
            place.time,
            lambda user: request.may_wait and self._has_account(user),
        )
        if not isinstance(decision, PrivateMessageSent):
            if session is not None:
                self._reply(session, decision)
            return ()
        if not self._state.is_silent:
            self.messages += session is not None and session.is_local
            if not decision.is_kept:
                self.deliveries += self._state.sessions[decision.recipient].is_local
        return self._apply(replace(decision, is_late=session is None))

    def _read_private(
        self, request: requests.ReadPrivate, session: Session[ReceiverT], _: Place
    ) -> None:
        if is_subscribed_to(session, request.other):
            self._apply(PrivateMessagesRead(session.user, request.other))

    def _correct_waiting(
        self, request: requests.CorrectWaiting, _: Session[ReceiverT] | None, __: Place
    ) -> None:
        self._apply(WaitingMessagesGone(request.user, request.numbers))

    def _announce(
        self, request: requests.Announce, session: Session[ReceiverT], _: Place
    ) -> tuple[ReceiverT, ...]:
        return self._apply(Announced(session.user, request.text))

    def _kick(
        self, request: requests.Kick, _: Session[ReceiverT] | None, place: Place
    ) -> list[str]:
        notice = EndNotice(EndCause.KICKED, request.reason)
        return self._end_sessions([request.user], notice, place.end)

    def _ban_user(
        self, request: requests.BanUser, _: Session[ReceiverT] | None, place: Place
    ) -> BanResult:
        assert self._bans is not None
        # The ban and the end of the session are one step: no login gets in between.
        if not self._bans.ban_account(request.user, _seconds(request.minutes), place.seconds):
            return BanResult(RejectReason.TOO_MANY_BANS, [])
        notice = EndNotice(EndCause.ACCOUNT_BANNED, minutes=request.minutes)
        return BanResult(None, self._end_sessions([request.user], notice, place.end))

    def _ban_address(
        self, request: requests.BanAddress, _: Session[ReceiverT] | None, place: Place
    ) -> BanResult:
        assert self._bans is not None
        if not self._bans.ban_address(request.address, _seconds(request.minutes), place.seconds):
            return BanResult(RejectReason.TOO_MANY_BANS, [])
        covers = self._bans.covers
        sessions = self._state.sessions.values()
        users = [each.user for each in sessions if covers(request.address, each.host)]
        notice = EndNotice(EndCause.ADDRESS_BANNED, minutes=request.minutes)
        return BanResult(None, self._end_sessions(users, notice, place.end))

    def _unban(self, request: requests.Unban, _: Session[ReceiverT] | None, place: Place) -> bool:
        assert self._bans is not None
        if request.user:
            return self._bans.unban_account(request.user, place.seconds)
        return self._bans.unban_address(request.address, place.seconds)

    def _erase(
        self, request: requests.Erase, session: Session[ReceiverT], _: Place
    ) -> MessagesErased | None:
        """Record the erasure: every server's history erases at this place, if the user may."""
        if self._record is None:
            return None
        stamp = 0 if request.author else request.stamp
        record = MessagesErased(stamp, request.author, session.user, request.is_operator)
        self._record(record)
        return record

    def _change_account(
        self, request: requests.ChangeAccount, _: Session[ReceiverT] | None, place: Place
    ) -> list[str]:
        """Apply a change of an account, and end the session that may not go on."""
        table = self._accounts
        assert table is not None
        name, account = request.name, request.account
        created = table.created(name)
        table.apply(request)
        removed = EndNotice(EndCause.ACCOUNT_REMOVED)
        if request.renamed_from:
            ended = self._end_sessions([request.renamed_from], removed, place.end)
            self._apply(AccountRenamed(request.renamed_from, name))
            return ended
        is_another = account is None or (
            created is not None and account.created is not None and created != account.created
        )
        if is_another:
            ended = self._end_sessions([name], removed, place.end)
            self._apply(UserForgotten(name))
            return ended
        if account is not None and account.is_disabled:
            disabled = EndNotice(EndCause.ACCOUNT_DISABLED)
            return self._end_sessions([name], disabled, place.end)
        return []

    def _restore_session(
        self, request: requests.RestoreSession, _: Session[ReceiverT] | None, place: Place
    ) -> None:
        state, user, generation = self._state, request.user, place.generation
        older = state.sessions.get(user)
        if older is not None and older.generation >= generation:
            return
        notice = None
        if not self._has_account(user):
            is_disabled = self._may_be_followed(user)
            notice = EndNotice(
                EndCause.ACCOUNT_DISABLED if is_disabled else EndCause.ACCOUNT_REMOVED
            )
        elif self._ban_of(user, request.host, place):
            notice = EndNotice(EndCause.KICKED, "banned")
        if notice is not None:
            own = state.clients.sessions.get((user, generation))
            if own is not None:
                self._end_locally(own, notice)
            return
        self._end_older_sessions(user, place)
        self._apply(
            SessionRestored(
                user, request.host, request.node, request.room, generation, request.follows_itself
            )
        )

    def _end_node(
        self, request: requests.EndNode, _: Session[ReceiverT] | None, place: Place
    ) -> None:
        state = self._state
        for user in [each.user for each in state.sessions.values() if each.node == request.node]:
            self._apply(SessionEnded(user, None, time=place.end, is_node_lost=True))
        oldest = place.stamp - _APPLIED_SPAN
        state.applied = {
            node: (number, stamp)
            for node, (number, stamp) in state.applied.items()
            if stamp > oldest
        }

    # Parts of them

    def _ban_of(self, user: str, host: str, place: Place) -> LoginBan | None:
        """Return the ban of the account, or else of the address."""
        if self._bans is None:
            return None
        if ban := self._bans.account_ban(user, place.seconds):
            return LoginBan(ban.seconds)
        if ban := self._bans.address_ban(host, place.seconds):
            return LoginBan(ban.seconds, is_of_address=True)
        return None

    def _end_older_sessions(self, user: str, place: Place) -> None:
        """End the user's session because a newer one starts, also if only this server knows it."""
        notice = EndNotice(EndCause.NEW_LOGIN)
        if user in self._state.sessions:
            self._apply(SessionEnded(user, notice, time=place.end))
        detached = self._state.clients.detached.get(user)
        if detached is not None and detached.generation < place.generation:
            self._end_locally(detached, notice)

    def _end_locally(self, session: Session[ReceiverT], notice: EndNotice | None) -> None:
        """End a session for its client alone. The replicated state does not change."""
        if session.ended.is_set():
            return
        session.ended.set()
        self._state.clients.forget(session)
        if notice is not None and session.is_local:
            self._emit((session.receiver,), notice)

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

    def _apply_messages(self, run: PublishedMessages, is_own: bool = True) -> tuple[ReceiverT, ...]:
        """Apply a run of messages, record it and emit it. `is_own`: the author is a client here."""
        recipients = self._state.apply_messages(run)
        count = len(run.texts)
        if is_own:
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

    def _settle_later(self, user: str) -> None:
        """Settle the presence of a user that has begun to move, unless there are no watchers."""
        limit = self._presence_limit
        if limit is None or user in self._to_settle or user not in self._state.presence.movers:
            return
        self._to_settle[user] = limit.clock() + limit.seconds
        if len(self._to_settle) == 1:
            limit.notify()

    def _act(self, session: Session[ReceiverT], decision: _UserEvent | HubReply) -> None:
        """Do what was decided about a setting of a session, unless that has ended."""
        if not session.ended.is_set():
            self._act_in_order(session, decision)

    def _act_in_order(self, session: Session[ReceiverT], decision: _UserEvent | HubReply) -> None:
        """Apply the event that was decided, or send the reply if nothing changes.

        Also if the session has ended on this server alone: the others do the same.
        """
        if isinstance(decision, _UserEvent):
            self._apply(decision)
        else:
            self._reply(session, decision)

    def _reply(self, session: Session[ReceiverT], reply: HubReply) -> None:
        if session.is_local:
            self._emit((session.receiver,), reply)

    def _end_sessions(
        self, users: Iterable[str], notice: EndNotice, time: int | None = None
    ) -> list[str]:
        logged_out = [user for user in users if user in self._state.sessions]
        for user in logged_out:
            end = self._clock() if time is None else time
            self._apply(SessionEnded(user, notice, time=end))
        return logged_out


def _seconds(minutes: int | None) -> float | None:
    return None if minutes is None else 60.0 * minutes


def _discard(recipients: object, output: object) -> None:
    """Emit nothing: the outputs of a silent entry were emitted before."""


_HANDLERS: Final[dict[type, Callable[[Any, Any, Any, Place], Any]]] = {
    requests.Publish: HubReplica._publish,
    requests.LogIn: HubReplica._log_in,
    requests.LogOut: HubReplica._log_out,
    requests.Join: HubReplica._join,
    requests.Subscribe: HubReplica._subscribe,
    requests.Unsubscribe: HubReplica._unsubscribe,
    requests.SendPrivate: HubReplica._send_private,
    requests.ReadPrivate: HubReplica._read_private,
    requests.CorrectWaiting: HubReplica._correct_waiting,
    requests.Announce: HubReplica._announce,
    requests.Kick: HubReplica._kick,
    requests.BanUser: HubReplica._ban_user,
    requests.BanAddress: HubReplica._ban_address,
    requests.Unban: HubReplica._unban,
    requests.Erase: HubReplica._erase,
    requests.ChangeAccount: HubReplica._change_account,
    requests.RestoreSession: HubReplica._restore_session,
    requests.EndNode: HubReplica._end_node,
}
"""What decides and applies a request, by its type."""

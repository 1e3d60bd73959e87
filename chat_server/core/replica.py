"""The hub as a state machine: gives a request its place, has it decided there, under one lock.

A decision uses the replicated state and the entry, and nothing else: no clock, no set order, no
setting of this server. So all servers that read one log come to the same state. What differs by
server is which sessions have a client here, and so which outputs are emitted.

`request_handlers.py` decides a request, and `applier.py` applies, records and emits what was
decided.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic

from chat_server.confusables import look_of
from chat_server.core import requests, session_handlers, snapshots
from chat_server.core.applier import Applier
from chat_server.core.move_notices import jump_notices
from chat_server.core.records import (
    AccountsChanged,
    LogEntry,
    LogPosition,
    LogSkipped,
    Record,
)
from chat_server.core.repeated_entries import emit_again
from chat_server.core.request_handlers import HANDLERS
from chat_server.core.requests import Place
from chat_server.core.rooms import Session
from chat_server.core.values import (
    PresenceSettled,
    PublishedMessages,
    ReceiverT,
    ServersReachable,
)
from chat_server.wire import canonical_name

_LOG_SECOND: Final = 1_000_000


class HubReplica(Generic[ReceiverT]):
    """The state machine of a hub. Implements `Replica`. `EmbeddedBackplane` calls it as well."""

    def __init__(
        self, applier: Applier[ReceiverT], lock: threading.Lock, clock: Callable[[], int]
    ) -> None:
        """`lock`: that of the hub. `clock`: see `Hub`; not used for the entries of a log."""
        self._applier = applier
        self._lock = lock
        self._clock = clock
        self._newest = 0
        """The highest stamp of an entry that was applied, or of a snapshot."""

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
            applier = self._applier
            stamp = applier.state.last_stamp + 1
            if now > stamp:  # not `max`: each message would pay for the call
                stamp = now
            return applier.apply_messages(
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
            applier = self._applier
            place = Place(max(now, applier.state.last_stamp + 1), now, now, None, user)
            return HANDLERS[type(request)](applier, request, session, place)

    # The reader of the log

    def apply(self, entry: requests.Entry, *, is_silent: bool = False) -> Any:
        """Decide and apply an entry. See `Replica.apply`."""
        request = entry.request
        if isinstance(request, requests.Join | requests.RestoreSession):
            name = request.name if isinstance(request, requests.Join) else request.room
            look_of(canonical_name(name) or "")  # cached; may load a table, so not under the lock
        with self._lock:
            applier = self._applier
            emit, record = applier.emit, applier.record
            records: list[Record] = []
            applier.record = None if is_silent or record is None else records.append
            if is_silent:
                applier.emit = _discard
            applier.state.is_silent = is_silent
            try:
                return self._apply_entry(entry, is_silent)
            finally:
                applier.emit, applier.record = emit, record
                applier.state.is_silent = False
                if record is not None and not is_silent:
                    position = LogPosition(entry.stamp, entry.node, entry.number)
                    record(LogEntry(tuple(records), position))

    def snapshot(self, stamp: int) -> requests.Snapshot:
        """Return the replicated state. See `Replica.snapshot`."""
        applier = self._applier
        tables = applier.tables.export(stamp / _LOG_SECOND)
        return requests.Snapshot(stamp, {**snapshots.export_state(applier.state), **tables})

    def restore(self, snapshot: requests.Snapshot) -> None:
        """Replace the replicated state. See `Replica.restore`."""
        with self._lock:
            applier = self._applier
            applier.tables.load(snapshot.state)
            before = applier.state
            # Otherwise entries up to the old place follow. Watchers know what those change.
            is_jump = bool(before.watchers) and snapshot.stamp >= self._newest
            self._newest = max(self._newest, snapshot.stamp)
            if is_jump:
                for user in list(before.presence.movers):
                    applier.apply(PresenceSettled(user))
            places = {user: each.room.name for user, each in before.watchers.items()}
            detached = {user: each.room.name for user, each in before.clients.detached.items()}
            burst = applier.presence_burst
            applier.state = snapshots.load_state(snapshot.state, before, burst)
            if is_jump:
                for receivers, output in jump_notices(
                    places, detached, before.rooms, applier.state
                ):
                    applier.emit(receivers, output)
            session_handlers.end_replaced(applier)
            if applier.record is not None:
                applier.record(self._skipped(snapshot))

    def _skipped(self, snapshot: requests.Snapshot) -> LogSkipped:
        """Return the record of a state that was taken from a snapshot. The lock is held."""
        state, accounts = self._applier.state, self._applier.tables.accounts
        subscriptions = {user: names - {user} for user, names in state.subscriptions.items()}
        return LogSkipped(
            snapshot.stamp,
            {node: number for node, (number, _) in state.applied.items()},
            {user: frozenset(names) for user, names in subscriptions.items() if names},
            None if accounts is None else dict(accounts.creation_times()),
            tuple(state.erasures),
            snapshot.is_other_log,
        )

    def record_accounts(self) -> None:
        """Record all accounts, so that the history compares its own with them.

        Under the lock: a change of an account that is applied later is recorded later.
        """
        with self._lock:
            applier = self._applier
            if applier.record is not None and applier.tables.accounts is not None:
                times = applier.tables.accounts.creation_times()
                applier.record(AccountsChanged(dict(times)))

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
                for each in self._applier.state.clients.sessions.values()
            ]

    def set_connected(self, is_connected: bool) -> None:
        """Notify this server's sessions. See `Replica.set_connected`."""
        with self._lock:
            sessions = self._applier.state.clients.sessions.values()
            if sessions:
                receivers = tuple(each.receiver for each in sessions)
                self._applier.emit(receivers, ServersReachable(is_connected))

    # The caller of the following methods holds the lock.

    def _apply_entry(self, entry: requests.Entry, is_silent: bool) -> Any:
        state, request = self._applier.state, entry.request
        self._newest = max(self._newest, entry.stamp)
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
                return emit_again(self._applier, entry, session, place, is_silent)
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
        return HANDLERS[type(request)](self._applier, request, session, place)


def _discard(recipients: object, output: object) -> None:
    """Emit nothing: the outputs of a silent entry were emitted before."""

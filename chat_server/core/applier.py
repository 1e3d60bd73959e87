"""Applies what was decided: changes the state, records the change and emits its outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeAlias

from chat_server.core.event_handlers import apply_event
from chat_server.core.presence import PresenceLimit
from chat_server.core.recording import records_of
from chat_server.core.records import Record, SavedState
from chat_server.core.rooms import Session
from chat_server.core.state import HubState
from chat_server.core.tables import Tables
from chat_server.core.values import (
    EndNotice,
    HubEvent,
    HubReply,
    Joined,
    Output,
    PresenceSet,
    PresenceSettled,
    PublishedMessages,
    ReceiverT,
    SessionEnded,
    StampsSet,
    Subscribed,
    UnreadNoticesSet,
    Unsubscribed,
)

_UserEvent: TypeAlias = (
    Joined | Subscribed | Unsubscribed | PresenceSet | StampsSet | UnreadNoticesSet
)
"""The events that are the replies to the commands that cause them."""


class Applier(Generic[ReceiverT]):
    """The state and the tables, and all that changes them. The caller holds the hub's lock."""

    def __init__(
        self,
        emit: Callable[[tuple[ReceiverT, ...], Output[ReceiverT]], None],
        tables: Tables,
        presence_limit: PresenceLimit | None,
        record: Callable[[Record], None] | None,
        saved: SavedState | None,
    ) -> None:
        """See `Hub`."""
        self.emit = emit
        self.record = record
        """None: nothing is recorded."""
        self.tables = tables
        self._presence_limit = presence_limit
        self.presence_burst = presence_limit.burst if presence_limit else 0
        self.state: HubState[ReceiverT] = HubState(self.presence_burst, saved)
        self._to_settle: dict[str, float] = {}
        """The users whose presence is to be settled, and when, the earliest first."""
        self.messages = self.deliveries = 0
        """Messages published by the sessions of this server, and copies sent to its sessions. Read
        without the lock."""

    def use_history(self, record: Callable[[Record], None], saved: SavedState) -> None:
        """See `Hub.use_history`."""
        self.record = record
        self.state = HubState(self.presence_burst, saved)

    def apply(self, event: HubEvent[ReceiverT]) -> tuple[ReceiverT, ...]:
        """Apply an event, record it and emit its outputs. Return the recipients of the first."""
        record = self.record
        if record is not None:
            for each in records_of(self.state, event):
                record(each)
        deliveries = apply_event(self.state, event)
        for recipients, output in deliveries:
            self.emit(recipients, output)
        return deliveries[0][0] if deliveries else ()

    def apply_messages(self, run: PublishedMessages, is_own: bool = True) -> tuple[ReceiverT, ...]:
        """Apply a run of messages, record it and emit it. `is_own`: the author is a client here."""
        state = self.state
        recipients = state.apply_messages(run)
        count = len(run.texts)
        if is_own:
            self.messages += count
        if self.record is not None:
            self.record(run)
        if recipients:
            self.deliveries += count * len(recipients)
            if state.stamp_readers:
                for receivers, output in state.split_by_stamps(run):
                    self.emit(receivers, output)
            else:
                self.emit(recipients, run)
        return recipients

    def act(self, session: Session[ReceiverT], decision: _UserEvent | HubReply) -> None:
        """Apply the event that was decided, or send the reply if nothing changes.

        Also if the session has ended on this server alone: the others do the same.
        """
        if isinstance(decision, _UserEvent):
            self.apply(decision)
        else:
            self.reply(session, decision)

    def reply(self, session: Session[ReceiverT], reply: HubReply) -> None:
        """Reply to a session, if its client is connected to this server."""
        if session.is_local:
            self.emit((session.receiver,), reply)

    def end_sessions(self, users: Iterable[str], notice: EndNotice, time: int) -> list[str]:
        """End the sessions of users. Return those that were logged in. `time`: for the record."""
        logged_out = [user for user in users if user in self.state.sessions]
        for user in logged_out:
            self.apply(SessionEnded(user, notice, time=time))
        return logged_out

    def end_locally(self, session: Session[ReceiverT], notice: EndNotice | None) -> None:
        """End a session for its client alone. The replicated state does not change."""
        if session.ended.is_set():
            return
        session.ended.set()
        state = self.state
        is_detached = state.clients.detached.get(session.user) is session
        state.clients.forget(session)
        if notice is not None and session.is_local:
            self.emit((session.receiver,), notice)
        if is_detached and not state.is_shut_down:
            for receivers, output in state.notices_of_detached_end(session):
                self.emit(receivers, output)

    def end_detached(self, users: Iterable[str], notice: EndNotice, stamp: int) -> None:
        """End the sessions of users that only this server still knows, and that are older.

        `stamp`: of the request that ends them. A session that started later may be detached while
        the state is rebuilt from an older one.
        """
        detached = self.state.clients.detached
        for session in [detached[user] for user in users if user in detached]:
            if session.generation < stamp:
                self.end_locally(session, notice)

    def settle_later(self, user: str) -> None:
        """Settle the presence of a user that has begun to move, unless there are no watchers."""
        limit = self._presence_limit
        if limit is None or user in self._to_settle or user not in self.state.presence.movers:
            return
        self._to_settle[user] = limit.clock() + limit.seconds
        if len(self._to_settle) == 1:
            limit.notify()

    def settle_presence(self) -> float | None:
        """Announce held moves that are due. See `Hub.settle_presence`."""
        limit = self._presence_limit
        if limit is None:
            return None
        now = limit.clock()
        movers = self.state.presence.movers
        while self._to_settle:
            user, due = next(iter(self._to_settle.items()))
            if due > now:
                return due - now
            del self._to_settle[user]
            if user in movers:
                self.apply(PresenceSettled(user))
                if user in movers:
                    self._to_settle[user] = now + limit.seconds
        return None

"""The shared log behind the hub: requests become entries, and entries are applied when read back.

    client threads -> Outgoing -> LogWriter -> Redis stream -> LogReader -> Replica (the hub)

The writer and the reader are one thread each, with a connection each. A client's thread appends to
`Outgoing`, which may send the entry at once, and, for a command, waits until the reader has applied
it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Generic

from chat_server.backplane import scripts
from chat_server.backplane.connection import RedisConnection, connect
from chat_server.backplane.entry_codec import account_json
from chat_server.backplane.link_state import LinkState
from chat_server.backplane.log_events import BackplaneError, LogEvents, LogMeasures
from chat_server.backplane.log_reader import LogReader
from chat_server.backplane.log_writer import LogWriter
from chat_server.backplane.outgoing import Outgoing
from chat_server.backplane.pending import Pending
from chat_server.backplane.redis_checks import (
    clock_problems,
    setting_problems,
    unicode_problems,
)
from chat_server.backplane.redis_settings import RedisSettings
from chat_server.core import BackplaneUnavailableError, Replica, Session, requests, values
from chat_server.tuning import Tuning

_LOOK_SECONDS: Final = 0.2
"""Interval at which a client's thread that waits looks whether its session has ended."""


class RedisBackplane(Generic[values.ReceiverT]):
    """The `Backplane` of several servers. Any thread may call any public method.

    Created before the hub, which needs it; started after the hub has its accounts and history.
    """

    def __init__(
        self,
        settings: RedisSettings,
        name: str,
        events: LogEvents,
        tuning: Tuning,
        *,
        batch: Callable[[], AbstractContextManager[object]] = nullcontext,
        accounts: Callable[[], Mapping[str, requests.AccountRecord]] = dict,
        is_gone: Callable[[values.ReceiverT], bool] = lambda receiver: False,
        on_replaced: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Connect to nothing yet.

        `name`: of this server, the same after a restart. `batch()`: entries are applied within it,
        many at a time; on exit it sends what they caused. `accounts()`: all accounts of the
        replicated state, for a Redis that has lost them. `is_gone(receiver)`: its client can
        receive nothing more, so no thread waits for it. `on_replaced()`: called once, by the
        writer's thread, when `is_replaced` has become true. `clock`: of this machine, in seconds
        since the epoch, only to compare it with the one of Redis.
        """
        self._settings = settings
        self._name = name
        self._events = events
        self._tuning = tuning
        self._is_gone = is_gone
        self._clock = clock
        self._on_replaced = on_replaced
        self._node = ""
        self._is_stopping = False
        self._outgoing = Outgoing(tuning)
        self._link = LinkState(events)
        self._reader = LogReader(
            self._outgoing, self._link, events, tuning, batch, accounts, self._connect
        )
        self._writer: LogWriter | None = None

    def start(
        self,
        replica: Replica,
        *,
        stamp: int = 0,
        numbers: Mapping[str, int] | None = None,
        newest: int = 0,
    ) -> None:
        """Load the state from the log, or write it there, and start the threads.

        `stamp`: of the newest entry in the history; `numbers`: the newest number of each node in
        it. Entries up to these are applied silently. `newest`: the newest stamp in the history; new
        ones are above it. On return, the replica has applied all that was in the log. Raises
        `BackplaneError`: one line for the operator.
        """
        connection = self._connect("start")
        try:
            # By the clock of Redis, so that a later start has a higher number on any machine.
            (start,) = connection.run(scripts.START)
            self._node = f"{self._name}:{int(start)}"
            self._reader.load(connection, replica, self._node, stamp, numbers or {}, newest)
            self._check_settings(connection)
        finally:
            connection.close()
        writer = LogWriter(
            self._node,
            self._outgoing,
            self._reader,
            self._link,
            self._events,
            self._tuning,
            replica.local_sessions,
            self._connect,
            self._on_replaced,
        )
        writer.start()
        self._writer = writer
        self._reader.start()

    def send_waiting(self) -> dict[Session[values.ReceiverT], int]:
        """Let all that waits now be sent, at most for `Tuning.redis_stop_seconds`: a stop follows.

        If that fails, nothing is sent any more. Return how many messages of each session that
        drops, as far as this server knows: Redis may have executed what it did not acknowledge.
        """
        if self._outgoing.wait_until_taken(self._tuning.redis_stop_seconds):
            return {}
        return self._drop_waiting()

    def stop(self) -> None:
        """Send what waits, end this server's sessions for the others, and end the threads.

        Waits at most `Tuning.redis_stop_seconds` if Redis is away, and not at all if it was for
        `send_waiting`; and for a connection that is being opened, which takes up to
        `Tuning.redis_timeout_seconds`. Then no thread waits for an entry any more. May be called if
        `start` has failed.
        """
        timeout = 0.0 if self._outgoing.is_closed else self._tuning.redis_stop_seconds
        deadline = time.monotonic() + timeout
        self._is_stopping = True
        if self._writer is not None:
            self._writer.stop(timeout)
        self._reader.stop()
        self._drop_waiting()
        self._reader.join(max(0.0, deadline - time.monotonic()))

    def _drop_waiting(self) -> dict[Session[values.ReceiverT], int]:
        unsent = self._outgoing.close()
        if unsent:
            self._events.messages_unsent(sum(unsent.values()))
        return unsent

    @property
    def node(self) -> str:
        """This server in the log: its name and its start. Empty before `start`."""
        return self._node

    # Requests, from the threads of clients

    def publish(
        self, session: Session[values.ReceiverT], texts: Sequence[str], is_action: bool
    ) -> tuple[values.ReceiverT, ...]:
        """See `Backplane.publish`."""
        pending = Pending(requests.Publish(tuple(texts), is_action), session, session.user)
        while not self._outgoing.add_if_space(pending, _LOOK_SECONDS):
            if not self._waits_for(session):
                self._outgoing.withdraw_blocked(session)
                return ()
        # A cache of the hub, read without its lock: enough to slow an author down.
        return session.room.recipients_by_author.get(session.user, ())

    def submit(
        self, request: requests.Request, session: Session[values.ReceiverT] | None = None
    ) -> Any:
        """See `Backplane.submit`."""
        user = request.user if isinstance(request, requests.LogIn) else ""
        pending = Pending(request, session, user if session is None else session.user)
        return self._wait_for(pending)

    def settle(self, session: Session[values.ReceiverT]) -> None:
        """See `Backplane.settle`."""
        settled = self._outgoing.event_when_settled(session)
        if settled is not None:
            while not settled.wait(_LOOK_SECONDS) and self._waits_for(session):
                pass

    def catch_up(self) -> None:
        """See `Backplane.catch_up`."""
        if self._writer is None:
            return
        deadline = time.monotonic() + self._tuning.redis_login_seconds
        question = self._writer.ask_newest()
        while not question.answered.wait(_LOOK_SECONDS):
            if self._outgoing.is_closed or time.monotonic() > deadline:
                self._writer.withdraw(question)
                raise BackplaneUnavailableError
        try:
            self._reader.progress.wait_for(question.stamp, deadline - time.monotonic())
        except BackplaneError as error:
            raise BackplaneUnavailableError from error

    def change_account(
        self, change: requests.ChangeAccount, expected: requests.AccountRecord | None
    ) -> bool:
        """Change an account in Redis, and wait until this server has applied it.

        `expected`: the account as it is now, under its old name if it is renamed; None: there is
        none. Return False, with nothing changed, if it differs: in its hash, or because it was
        disabled meanwhile, which a new hash must not undo. Raises `BackplaneUnavailableError` after
        `Tuning.redis_login_seconds`. The change may still happen then.
        """
        pending = Pending(change, None, "")
        pending.account = (
            change.name,
            "" if expected is None else account_json(expected),
            "" if change.account is None else account_json(change.account),
            change.renamed_from,
        )
        return self._wait_for(pending) is not False

    # Health

    def defect(self) -> str | None:
        """Return which thread has ended that must run, or None. Takes no lock."""
        if self._writer is not None:
            for thread in (self._reader, self._writer):
                if not thread.is_alive:
                    return f"the thread '{thread.name}' does not run"
        return None

    @property
    def is_replaced(self) -> bool:
        """A later start of the same name takes part instead, so this one never does again."""
        return self._writer is not None and self._writer.is_replaced

    def away_seconds(self) -> float:
        """Return for how long Redis has not answered. 0: it answers. Takes no lock."""
        return self._link.away_seconds()

    def measure(self) -> LogMeasures:
        """Return the counters and gauges."""
        entries, size = self._outgoing.sizes()
        link, outgoing, reader = self._link, self._outgoing, self._reader
        return LogMeasures(
            entries_written=outgoing.written,
            entries_read=reader.read,
            lag_seconds=reader.lag_seconds,
            queue_entries=entries,
            queue_bytes=size,
            leases=0 if self._writer is None else self._writer.leases,
            resends=outgoing.resent,
            reconnects=max(0, link.reconnects - 2),
            seconds_away=link.away_seconds(),
            seconds_away_total=link.away_total(),
        )

    def _connect(self, role: str) -> RedisConnection:
        return connect(
            self._settings,
            self._tuning.redis_timeout_seconds,
            f"lobby-{self._name}-{role}",
            lambda: self._is_stopping,
        )

    def _wait_for(self, pending: Pending) -> Any:
        """Append a request and wait until it is applied. Return the result."""
        session = pending.session
        done = pending.done = threading.Event()
        deadline = time.monotonic() + self._tuning.redis_login_seconds
        self._outgoing.add(pending)
        while not done.is_set():
            if session is not None:
                if not done.wait(_LOOK_SECONDS) and not self._waits_for(session):
                    return None
                continue
            left = deadline - time.monotonic()
            if left > 0:
                done.wait(left)
            elif self._outgoing.abandon(pending):
                raise BackplaneUnavailableError
        if session is None and self._outgoing.is_closed and pending.result is None:
            raise BackplaneUnavailableError
        return pending.result

    def _waits_for(self, session: Session[values.ReceiverT]) -> bool:
        """Return whether a client's thread goes on waiting."""
        return not (
            session.ended.is_set() or self._outgoing.is_closed or self._is_gone(session.receiver)
        )

    def _check_settings(self, connection: RedisConnection) -> None:
        """Warn about settings of Redis that may lose entries, and about what differs."""
        for problem in (*setting_problems(connection), *clock_problems(connection, self._clock)):
            self._events.redis_setting(problem)
        for problem in unicode_problems(connection, self._name):
            self._events.servers_differ(problem)

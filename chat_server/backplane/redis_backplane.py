"""The shared log behind the hub: requests become entries, and entries are applied when read back.

    client threads -> Outgoing -> LogWriter -> Redis stream -> LogReader -> Replica (the hub)

The writer and the reader are one thread each, with a connection each. A client's thread only
appends to `Outgoing` and, for a command, waits until the reader has applied its entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic

from chat_server.backplane.log_events import LogEvents, LogMeasures
from chat_server.backplane.redis_settings import RedisSettings
from chat_server.config import Tuning
from chat_server.core import Replica, Session, requests, values


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
    ) -> None:
        """Connect to nothing yet.

        `name`: of this server, the same after a restart. `batch()`: entries are applied within it,
        many at a time; on exit it sends what they caused. `accounts()`: all accounts of the
        replicated state, for a Redis that has lost them. `is_gone(receiver)`: its client can
        receive nothing more, so no thread waits for it.
        """
        raise NotImplementedError

    def start(
        self, replica: Replica, *, stamp: int = 0, numbers: Mapping[str, int] | None = None
    ) -> None:
        """Load the state from the log, or write it there, and start the threads.

        `stamp`: of the newest entry in the history; `numbers`: the newest number of each node in
        it. Entries up to these are applied silently. On return, the replica has applied all that
        was in the log. Raises `BackplaneError`: one line for the operator.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Send what waits, end this server's sessions for the others, and end the threads.

        Waits at most `Tuning.redis_stop_seconds` if Redis is away. Then no thread waits for an
        entry any more. May be called if `start` has failed.
        """
        raise NotImplementedError

    @property
    def node(self) -> str:
        """This server in the log: its name and its start. Empty before `start`."""
        raise NotImplementedError

    # Requests, from the threads of clients

    def publish(
        self, session: Session[values.ReceiverT], texts: Sequence[str], is_action: bool
    ) -> tuple[values.ReceiverT, ...]:
        """See `Backplane.publish`."""
        raise NotImplementedError

    def submit(
        self, request: requests.Request, session: Session[values.ReceiverT] | None = None
    ) -> Any:
        """See `Backplane.submit`."""
        raise NotImplementedError

    def settle(self, session: Session[values.ReceiverT]) -> None:
        """See `Backplane.settle`."""
        raise NotImplementedError

    def change_account(
        self, change: requests.ChangeAccount, expected: requests.AccountRecord | None
    ) -> bool:
        """Change an account in Redis, and wait until this server has applied it.

        `expected`: the account as it is now, under its old name if it is renamed; None: there is
        none. Return False, with nothing changed, if it differs: in its hash, or because it was
        disabled meanwhile, which a new hash must not undo. Raises `BackplaneUnavailableError` after
        `Tuning.redis_login_seconds`. The change may still happen then.
        """
        raise NotImplementedError

    # Health

    def away_seconds(self) -> float:
        """Return for how long Redis has not answered. 0: it answers. Takes no lock."""
        raise NotImplementedError

    def measure(self) -> LogMeasures:
        """Return the counters and gauges."""
        raise NotImplementedError

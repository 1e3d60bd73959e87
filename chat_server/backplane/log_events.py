"""What the log reports to the operator, and what it measures. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class BackplaneError(Exception):
    """The log cannot be used. The text is one line that says what to do."""


class RedisUnreachableError(BackplaneError):
    """Redis cannot be reached, or does not serve yet: this may pass without an operator."""


class LogEvents(Protocol):
    """The events of the shared log. Its threads call the methods and hold no lock.

    `EventLog.cluster` implements them.
    """

    def redis_unreachable(self, why: str) -> None:
        """Redis does not answer, or refuses. Reported once for each outage.

        And once for each further cause during it that only an operator can end.
        """

    def redis_connected(self, seconds: float) -> None:
        """Redis answers again. `seconds`: how long it did not."""

    def redis_setting(self, why: str) -> None:
        """A setting of Redis may lose entries. One line with the cure."""

    def servers_differ(self, why: str) -> None:
        """Servers that share the log may decide differently. One line with the cure."""

    def log_seeded(self, entries: int) -> None:
        """Redis was empty, and this server has written the state and its newest entries there."""

    def accounts_written(self, count: int) -> None:
        """Redis had lost the accounts alone, and this server has written them back."""

    def account_changes_resent(self, count: int) -> None:
        """The log had lost changes by `chat-server users`, and this server has made them again."""

    def log_replayed(self, why: str) -> None:
        """The log differs from what this server has read, which has loaded a snapshot of it."""

    def entries_resent(self, count: int) -> None:
        """The log had lost acknowledged entries of this server, which sends them again."""

    def sessions_restored(self, count: int) -> None:
        """The sessions of this server had ended for the others or in Redis, and go on."""

    def messages_unsent(self, count: int) -> None:
        """The server stops while Redis is away. No user has read these messages of its clients."""

    def node_replaced(self) -> None:
        """Another server with the same name has started. This one takes no part any more."""

    def entry_failed(self, why: str) -> None:
        """An entry could not be applied: a defect. The server goes on with the next one."""


@dataclass(frozen=True, slots=True)
class LogMeasures:
    """Counters and gauges of the log, at one moment."""

    entries_written: int
    """Entries of this server that the log has taken."""
    entries_read: int
    """Entries that this server has applied."""
    lag_seconds: float
    """The age of the oldest entry that is known and not applied yet. 0: all are applied."""
    queue_entries: int
    """Entries of this server's clients that the log has not taken yet."""
    queue_bytes: int
    """Their size. Bounded by `Tuning.redis_queue_bytes`."""
    leases: int
    """Servers that take part, at the last renewal of the own lease."""
    resends: int
    """Acknowledged entries that the log had lost and that were sent again."""
    reconnects: int
    """Connections to Redis after the first two."""
    seconds_away: float
    """For how long Redis has not answered now. 0: it answers."""
    seconds_away_total: float
    """Since the start, the present time included."""

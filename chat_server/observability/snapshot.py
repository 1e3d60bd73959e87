"""The metrics of a server at one moment. They are read on request and cost nothing otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSnapshot:
    """The numbers of one moment. Counters have counted since the start."""

    sessions: int
    rooms: int
    connections: int
    threads: int
    messages: int
    """Messages received from clients, including those without a recipient."""
    deliveries: int
    bytes_out: int
    """Bytes handed to outboxes."""
    backlog: int
    """Bytes that wait to be sent."""
    lagging: int
    """Clients with a backlog."""
    hashing: int
    """Logins in the queue for a hash."""
    events: Mapping[str, int]
    """How often each event of the log happened, by name."""
    rejections: Mapping[str, int]
    """Rejected connections, by reason."""
    history_stored: int = 0
    """Messages that were stored. This and the following are 0 without history."""
    history_dropped: int = 0
    """Messages that could not be stored."""
    history_queue: int = 0
    """Records that wait to be stored."""
    history_commits: int = 0
    history_commit_seconds: float = 0.0
    """Duration of all commits."""
    history_bytes: int = 0
    """Size of the history file and its write-ahead log."""
    history_pages: int = 0
    """Pages and search results sent to clients."""
    history_searches_cut: int = 0
    """Searches that exceeded their time."""
    history_degraded: int = 0
    """1 while the history does not work as it should."""
    redis_entries_written: int = 0
    """Entries of this server in the log of all. This and the following are 0 for a lone server."""
    redis_entries_read: int = 0
    """Entries of the log that this server has applied."""
    redis_lag_seconds: float = 0.0
    """Age of the oldest entry that is known and not applied yet."""
    redis_queue_entries: int = 0
    """Entries of this server's clients that wait for Redis."""
    redis_queue_bytes: int = 0
    redis_nodes: int = 0
    """Servers that take part, this one included."""
    redis_resends: int = 0
    """Entries that Redis had lost and that were sent again."""
    redis_reconnects: int = 0
    redis_away_seconds: float = 0.0
    """For how long Redis has not answered now."""
    redis_away_seconds_total: float = 0.0
    """The same since the start."""

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

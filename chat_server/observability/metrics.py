"""The metrics of a server in the text format of Prometheus. Loaded only with `--metrics`.

Names follow the conventions of Prometheus: `_total` for counters, base units (seconds, bytes). All
but the histogram are read on request. docs/operating.md lists them in a table.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from chat_server.observability.snapshot import MetricsSnapshot

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The format of `Metrics.text`, which every version of Prometheus reads."""

_FAN_OUT_SECONDS: Final = tuple(1e-5 * 4**step for step in range(10))
"""Buckets of the histogram: from 10 µs, a line to one client, to 2.6 s, a delay users notice."""

_GAUGES: Final = {
    "lobby_sessions": ("sessions", "Users who are logged in."),
    "lobby_rooms": ("rooms", "Rooms, including the lobby."),
    "lobby_connections": ("connections", "Connections, logged in or not."),
    "lobby_threads": ("threads", "Threads of the server."),
    "lobby_backlog_bytes": ("backlog", "Bytes that wait to be sent."),
    "lobby_lagging_clients": ("lagging", "Clients with a backlog."),
    "lobby_hashing_queue": ("hashing", "Logins in the queue for a hash."),
    "lobby_history_queue": ("history_queue", "Records that wait to be stored."),
    "lobby_history_file_bytes": ("history_bytes", "Size of the history with its log."),
    "lobby_history_degraded": ("history_degraded", "1 while the history does not work."),
    "lobby_redis_lag_seconds": ("redis_lag_seconds", "Age of the oldest entry not yet applied."),
    "lobby_redis_queue_entries": ("redis_queue_entries", "Entries that wait for Redis."),
    "lobby_redis_queue_bytes": ("redis_queue_bytes", "Bytes of the entries that wait for Redis."),
    "lobby_redis_nodes": ("redis_nodes", "Servers that hold a lease."),
    "lobby_redis_away_seconds": ("redis_away_seconds", "How long Redis has not answered now."),
}

_COUNTERS: Final = {
    "lobby_messages_received_total": ("messages", "Messages received from clients."),
    "lobby_deliveries_total": ("deliveries", "Messages times their recipients."),
    "lobby_sent_bytes_total": ("bytes_out", "Bytes handed to the connections of clients."),
    "lobby_history_stored_total": ("history_stored", "Messages stored in the history."),
    "lobby_history_dropped_total": ("history_dropped", "Messages that could not be stored."),
    "lobby_history_commits_total": ("history_commits", "Commits of the history."),
    "lobby_history_commit_seconds_total": ("history_commit_seconds", "Seconds of all commits."),
    "lobby_history_pages_total": ("history_pages", "Pages and search results that were read."),
    "lobby_history_searches_cut_total": ("history_searches_cut", "Searches that took too long."),
    "lobby_redis_entries_written_total": ("redis_entries_written", "Own entries in the log."),
    "lobby_redis_entries_read_total": ("redis_entries_read", "Entries of the log, applied."),
    "lobby_redis_resends_total": ("redis_resends", "Entries that Redis had lost, sent again."),
    "lobby_redis_reconnects_total": ("redis_reconnects", "New connections to Redis."),
    "lobby_redis_away_seconds_total": ("redis_away_seconds_total", "Seconds without Redis."),
}

_EVENTS: Final = {
    "lobby_connections_accepted_total": ("connected", "Connections that were accepted and served."),
    "lobby_logins_total": ("authenticated", "Logins that succeeded."),
    "lobby_logins_failed_total": ("login_failed", "Logins with an unknown user or wrong password."),
    "lobby_logins_throttled_total": ("login_throttled", "Logins rejected after too many failures."),
    "lobby_slow_readers_cut_total": ("slow_reader_cut", "Clients cut because they did not read."),
}


class Metrics:
    """The metrics registry of one server."""

    def __init__(self, measure: Callable[[], MetricsSnapshot], max_clients: int) -> None:
        """`measure` takes a snapshot. `max_clients`: the limit on connections."""
        self._registry = CollectorRegistry()
        self._registry.register(_ServerCollector(measure, max_clients))
        self._registry.register(ProcessMetrics(registry=None))
        fan_out = Histogram(
            "lobby_fanout_seconds",
            "Seconds that one fan-out took: everything queued, to all its recipients.",
            buckets=_FAN_OUT_SECONDS,
            registry=self._registry,
        )
        self.observe_fan_out: Callable[[float], None] = fan_out.observe

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus. Any thread."""
        return generate_latest(self._registry)


class _ServerCollector(Collector):
    """A collector that takes a snapshot of the server whenever the registry collects."""

    def __init__(self, measure: Callable[[], MetricsSnapshot], max_clients: int) -> None:
        self._measure = measure
        self._max_clients = max_clients
        self._started = time.time()

    def collect(self) -> Iterator[Metric]:
        """Yield one metric family after the other."""
        now = self._measure()
        for name, (source, meaning) in _GAUGES.items():
            yield GaugeMetricFamily(name, meaning, getattr(now, source))
        for name, (source, meaning) in _COUNTERS.items():
            yield CounterMetricFamily(name, meaning, getattr(now, source))
        for name, (event, meaning) in _EVENTS.items():
            yield CounterMetricFamily(name, meaning, now.events.get(event, 0))
        yield _labelled(
            "lobby_connections_refused_total",
            "Connections that were rejected.",
            "reason",
            now.rejections,
        )
        yield _labelled(
            "lobby_events_total",
            "Events, including those below the log level.",
            "event",
            now.events,
        )
        yield GaugeMetricFamily(
            "lobby_connections_limit", "Limit on connections.", self._max_clients
        )
        yield GaugeMetricFamily(
            "lobby_start_time_seconds", "Start time in seconds since the epoch.", self._started
        )
        versions = {"version": version("lobby-chat"), "python": platform.python_version()}
        yield InfoMetricFamily("lobby_build", "Versions of the server and of Python.", versions)


class ProcessMetrics(ProcessCollector):
    """The `process_*` metrics of the library, even if /proc shows only processes.

    This is so in a service with `ProcSubset=pid`. The library reads the boot time from /proc/stat
    and exports nothing if that is missing.
    """

    def _boot_time(self) -> float:
        if sys.platform != "linux":
            raise OSError("no /proc")
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def _labelled(name: str, meaning: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family

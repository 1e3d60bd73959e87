"""The numbers of a server in the text form of Prometheus; imported only where `--metrics` is given.

Names follow the conventions of Prometheus: `_total` for what only grows, base units (seconds,
bytes). All but the histogram are read when somebody asks. docs/operating.md has them in a table.
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
"""What `Metrics.text` is: the form that every version of Prometheus reads."""

_FAN_OUT_SECONDS: Final = tuple(1e-5 * 4**step for step in range(10))
"""Bounds of the histogram: from 10 µs, one line to one client, to 2.6 s, where people notice."""

_GAUGES: Final = {
    "lobby_sessions": ("sessions", "Users who are logged in."),
    "lobby_rooms": ("rooms", "Rooms, the lobby with them."),
    "lobby_connections": ("connections", "Connections, logged in or not."),
    "lobby_threads": ("threads", "Threads of the server."),
    "lobby_backlog_bytes": ("backlog", "Bytes that wait to be sent."),
    "lobby_lagging_clients": ("lagging", "Clients that have not taken all that was sent."),
    "lobby_hashing_queue": ("hashing", "Logins that wait for their turn to be hashed."),
}

_COUNTERS: Final = {
    "lobby_messages_received_total": ("messages", "Messages taken from clients."),
    "lobby_deliveries_total": ("deliveries", "Messages, each as often as somebody was to get it."),
    "lobby_sent_bytes_total": ("bytes_out", "Bytes handed to the connections of clients."),
}

_EVENTS: Final = {
    "lobby_connections_accepted_total": ("connected", "Connections that were served."),
    "lobby_logins_total": ("authenticated", "Logins that succeeded."),
    "lobby_logins_failed_total": ("login_failed", "Logins with an unknown user or wrong password."),
    "lobby_logins_throttled_total": ("login_throttled", "Logins refused after too many failures."),
    "lobby_slow_readers_cut_total": ("slow_reader_cut", "Clients cut because they did not read."),
}


class Metrics:
    """The registry of one server. `text` may be called from any thread."""

    def __init__(self, measure: Callable[[], MetricsSnapshot], max_clients: int) -> None:
        """`measure` gives the numbers of the moment; `most_clients`: the limit of connections."""
        self._registry = CollectorRegistry()
        self._registry.register(_ServerCollector(measure, max_clients))
        self._registry.register(ProcessMetrics(registry=None))
        fan_out = Histogram(
            "lobby_fanout_seconds",
            "Seconds that one round of sending took: all that was queued, to all its receivers.",
            buckets=_FAN_OUT_SECONDS,
            registry=self._registry,
        )
        self.observe_fan_out: Callable[[float], None] = fan_out.observe

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)


class _ServerCollector(Collector):
    """Reads the server when the registry asks."""

    def __init__(self, measure: Callable[[], MetricsSnapshot], max_clients: int) -> None:
        self._measure = measure
        self._max_clients = max_clients
        self._started = time.time()

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        now = self._measure()
        for name, (source, meaning) in _GAUGES.items():
            yield GaugeMetricFamily(name, meaning, getattr(now, source))
        for name, (source, meaning) in _COUNTERS.items():
            yield CounterMetricFamily(name, meaning, getattr(now, source))
        for name, (event, meaning) in _EVENTS.items():
            yield CounterMetricFamily(name, meaning, now.events.get(event, 0))
        yield _labelled(
            "lobby_connections_refused_total", "Sent away at the door.", "reason", now.rejections
        )
        yield _labelled(
            "lobby_events_total", "Events, also those that were not logged.", "event", now.events
        )
        yield GaugeMetricFamily(
            "lobby_connections_limit", "Connections at most.", self._max_clients
        )
        yield GaugeMetricFamily(
            "lobby_start_time_seconds", "When it started, since the epoch.", self._started
        )
        versions = {"version": version("lobby-chat"), "python": platform.python_version()}
        yield InfoMetricFamily("lobby_build", "What runs here.", versions)


class ProcessMetrics(ProcessCollector):
    """The library's `process_*`, also where /proc shows nothing but processes.

    So it does in a service with `ProcSubset=pid`: the library looks for the time of the boot in
    /proc/stat, and where it does not find that it tells nothing.
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

"""What the server is held to without a comparison: memory, delays, growth."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import linear_regression
from typing import Final, NamedTuple

from benchmarks.figures import Figures
from benchmarks.goals import Bound
from benchmarks.parts import tls
from benchmarks.parts.client import EMPTY
from benchmarks.parts.growth import SIZES
from benchmarks.servers import LOBBY


class Held(NamedTuple):
    """A figure of our server alone, and its bound, if it has one."""

    title: str
    unit: str
    value: Callable[[Figures], float | None]
    bound: Bound | None = None
    digits: int = 2
    """So many decimals are told, and compared with the bound."""

    def rounded(self, figures: Figures) -> float | None:
        """Give the figure as it is told."""
        value = self.value(figures)
        return None if value is None else round(value, self.digits)


def _median(scenario: str, measure: str, divisor: float = 1) -> Callable[[Figures], float | None]:
    def value(figures: Figures) -> float | None:
        median = figures.median(scenario, LOBBY.name, measure)
        return None if median is None else median / divisor

    return value


def _beside(scenario: str, measure: str) -> Callable[[Figures], float | None]:
    def value(figures: Figures) -> float | None:
        beside = figures.median(f"{scenario}-beside", LOBBY.name, measure)
        without = figures.median(f"{scenario}-without", LOBBY.name, measure)
        return beside / without if beside is not None and without else None

    return value


def exponent(figures: Figures, dimension: str) -> float | None:
    """Give e of time ~ n^e: 1 is linear, 0 is no growth at all."""
    medians = [figures.median(f"growth-{dimension}", LOBBY.name, str(size)) for size in SIZES]
    times = [time for time in medians if time]
    if len(times) < len(SIZES):
        return None
    return linear_regression([math.log(n) for n in SIZES], [math.log(t) for t in times]).slope


def _growth(dimension: str) -> Callable[[Figures], float | None]:
    return lambda figures: exponent(figures, dimension)


def _over_empty(scenario: str, measure: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.ratio(scenario, measure, LOBBY.name, EMPTY)


def _over_plain(scenario: str, measure: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.ratio(scenario, measure, tls.TLS, tls.PLAIN)


def _inside_tls(scenario: str, measure: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.median(scenario, tls.TLS, measure)


def _at_most(value: float) -> Bound:
    return Bound(value, value, at_most=True)


HELD: Final = (
    Held("connections at once", "", _median("crowd", "connections"), Bound(10_000, 10_000), 0),
    Held("resident memory of each", "KB", _median("crowd", "kilobytes_each"), _at_most(40), 1),
    Held("p50 beside them over without", "x", _beside("crowd", "p50_ms"), _at_most(1.5)),
    Held("p99 beside them over without", "x", _beside("crowd", "p99_ms"), _at_most(1.5)),
    Held(
        "worst delay by a receiver that never reads",
        "s",
        _median("stalled", "max_ms", 1000),
        _at_most(0.1),
    ),
    Held(
        "how often it delays others by over 50 ms",
        "",
        _median("stalled", "late_episodes"),
        _at_most(1),
        0,
    ),
    Held(
        "p99 beside 16 logins at cost 12 over without",
        "x",
        _beside("logins", "p99_ms"),
        _at_most(2),
    ),
    Held("logins a second meanwhile", "", _median("logins-beside", "per_second"), None, 1),
    Held(
        "latest answer when 1,000 with presence on change the room",
        "s",
        _median("joins", "max_ms", 1000),
        _at_most(3),
    ),
    Held("worst delay when 1,000 go at once", "s", _median("departures-beside", "max_ms", 1000)),
    Held("growth with subscribers, exponent", "", _growth("subscribers"), _at_most(1.1)),
    Held("growth with rooms, exponent", "", _growth("rooms"), _at_most(0.05)),
    Held("growth with people in the room, exponent", "", _growth("users"), _at_most(0.05)),
    Held("growth with idle connections, exponent", "", _growth("idle"), _at_most(0.05)),
    Held(
        "TLS: processor time a delivery over plain text, one in flight",
        "x",
        _over_plain(tls.scenario(1), "processor_us"),
        Bound(2.5, 2, at_most=True),
    ),
    Held(
        "TLS: the same, window 50",
        "x",
        _over_plain(tls.scenario(50), "processor_us"),
        Bound(2, 1.5, at_most=True),
    ),
    Held(
        "TLS: resident memory of an idle connection",
        "KB",
        _inside_tls("tls-memory", "kilobytes_each"),
        Bound(80, 70, at_most=True),
        1,
    ),
    Held("TLS: handshakes a second", "", _inside_tls("tls-visits", "per_second"), None, 0),
    Held(
        "client: start to the form over an empty Textual app",
        "x",
        _over_empty("client-start", "ms"),
        _at_most(1.5),
    ),
    Held(
        "client: key to letter beside 1,000 msg/s, p95",
        "ms",
        _median("client-keys/1000", "p95_ms"),
        _at_most(50),
        1,
    ),
    Held(
        "client: key to letter beside 5,000 msg/s, p95",
        "ms",
        _median("client-keys/5000", "p95_ms"),
        _at_most(100),
        1,
    ),
    Held("client: idle, of a core", "%", _median("client-idle", "percent"), _at_most(1)),
    Held(
        "client: resident memory with 10,000 messages",
        "MB",
        _median("client-memory", "full_mb"),
        None,
        0,
    ),
    Held(
        "client: the same after many more",
        "MB",
        _median("client-memory", "later_mb"),
        None,
        0,
    ),
)

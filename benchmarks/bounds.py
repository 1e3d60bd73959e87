"""Bounds on Lobby that need no other server: memory, delays, growth, TLS, history, the client."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import linear_regression
from typing import Final

from benchmarks.cluster_bounds import CLUSTER_BOUNDS
from benchmarks.crowd_bounds import CROWD_BOUNDS
from benchmarks.figures import Figures
from benchmarks.goals import Bound, CheckedBound, at_most, loaded_over_baseline, worst
from benchmarks.parts import history, past, tls
from benchmarks.parts.client import EMPTY
from benchmarks.parts.growth import SIZES
from benchmarks.parts.login_attacks import CROWD
from benchmarks.servers import LOBBY


def _median(scenario: str, measure: str, divisor: float = 1) -> Callable[[Figures], float | None]:
    def value(figures: Figures) -> float | None:
        median = figures.median(scenario, LOBBY.name, measure)
        return None if median is None else median / divisor

    return value


def _attacked_over_alone(attack: str) -> Callable[[Figures], float | None]:
    def value(figures: Figures) -> float | None:
        attacked = figures.median(f"login-attacked/{attack}", LOBBY.name, "ms")
        alone = figures.median("login-alone", LOBBY.name, "ms")
        return attacked / alone if attacked is not None and alone else None

    return value


def exponent(figures: Figures, dimension: str) -> float | None:
    """Return e of time ~ n^e: 1 is linear growth, 0 is no growth."""
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


def _tls_median(scenario: str, measure: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.median(scenario, tls.TLS, measure)


def _with_history(scenario: str, measure: str) -> Callable[[Figures], float | None]:
    """Return the ratio of the server with history to the one without, in the same scenario."""
    return lambda figures: figures.ratio(scenario, measure, history.ON, history.OFF)


def _slowest(scenario: str, measures: Sequence[str]) -> Callable[[Figures], float | None]:
    def value(figures: Figures) -> float | None:
        medians = [figures.median(scenario, LOBBY.name, measure) for measure in measures]
        return max((median for median in medians if median is not None), default=None)

    return value


def _page_growth(figures: Figures) -> float | None:
    """Return the largest ratio of the time of a page in the long past to that in the short one."""
    ratios = []
    for measure in past.PAGES_OF:
        small, large = (
            figures.median(past.scenario(size), LOBBY.name, measure) for size in past.SIZES
        )
        if small and large is not None:
            ratios.append(large / small)
    return max(ratios, default=None)


CHECKED_BOUNDS: Final = (
    CheckedBound(
        "connections at the same time",
        "",
        _median("connections", "connections"),
        Bound(10_000, 10_000),
        0,
    ),
    CheckedBound(
        "resident memory per connection",
        "KB",
        _median("connections", "kilobytes_each"),
        at_most(40),
        1,
    ),
    CheckedBound(
        "p50 with these connections / without",
        "x",
        loaded_over_baseline("connections", "p50_ms"),
        at_most(1.5),
    ),
    CheckedBound(
        "p99 with these connections / without",
        "x",
        loaded_over_baseline("connections", "p99_ms"),
        at_most(1.5),
    ),
    CheckedBound(
        "worst delay caused by a receiver that never reads",
        "s",
        _median("stalled", "max_ms", 1000),
        at_most(0.1),
    ),
    CheckedBound(
        "how often it delays others by more than 50 ms",
        "",
        _median("stalled", "late_episodes"),
        at_most(1),
        0,
    ),
    CheckedBound(
        "p99 during 16 logins at cost 12 / without",
        "x",
        loaded_over_baseline("logins", "p99_ms"),
        at_most(2),
    ),
    CheckedBound(
        "logins per second at cost 12", "", _median("logins-loaded", "per_second"), None, 1
    ),
    CheckedBound(
        "p99 with 16 hostile and 900 idle clients without a login / without",
        "x",
        loaded_over_baseline("strangers", "p99_ms"),
        at_most(2),
    ),
    CheckedBound(
        "a new user's login while one account logs in on 16 connections / alone",
        "x",
        _attacked_over_alone("account"),
        at_most(2),
    ),
    CheckedBound(
        "the same while strangers guess from 40 networks",
        "x",
        _attacked_over_alone("networks"),
        at_most(2),
    ),
    CheckedBound(
        "the same with both and guesses for an account",
        "x",
        _attacked_over_alone("mixture"),
        at_most(2),
    ),
    CheckedBound(
        f"{CROWD} users that lost the network at once are back",
        "s",
        _median("reconnects", "seconds"),
        at_most(5),
    ),
    CheckedBound(
        "slowest reply when 1,000 clients with presence on change the room",
        "s",
        _median("joins", "max_ms", 1000),
        at_most(3),
    ),
    CheckedBound(
        "worst delay when 1,000 clients disconnect at once",
        "s",
        _median("disconnects-loaded", "max_ms", 1000),
    ),
    CheckedBound("growth with subscribers, exponent", "", _growth("subscribers"), at_most(1.1)),
    CheckedBound("growth with rooms, exponent", "", _growth("rooms"), at_most(0.05)),
    CheckedBound("growth with users in the room, exponent", "", _growth("users"), at_most(0.05)),
    CheckedBound("growth with idle connections, exponent", "", _growth("idle"), at_most(0.05)),
    CheckedBound(
        "TLS / plain text: CPU time per delivery, one in flight",
        "x",
        _over_plain(tls.scenario(1), "cpu_us"),
        Bound(2.5, 2, at_most=True),
    ),
    CheckedBound(
        "TLS / plain text: CPU time per delivery, window 50",
        "x",
        _over_plain(tls.scenario(50), "cpu_us"),
        Bound(2, 1.5, at_most=True),
    ),
    CheckedBound(
        "TLS: resident memory per idle connection",
        "KB",
        _tls_median("tls-memory", "kilobytes_each"),
        Bound(80, 70, at_most=True),
        1,
    ),
    CheckedBound(
        "TLS: handshakes per second", "", _tls_median("tls-connections", "per_second"), None, 0
    ),
    CheckedBound(
        "history / none: one to 100, one in flight",
        "x",
        _with_history(history.scenario(1), "per_second"),
        Bound(0.9, 0.97),
    ),
    CheckedBound(
        "history / none: one to 100, window 50",
        "x",
        _with_history(history.scenario(50), "per_second"),
        Bound(0.8, 0.92),
    ),
    CheckedBound(
        "history / none: one to 100, pipelined",
        "x",
        _with_history(history.scenario(0), "per_second"),
        Bound(0.5, 0.7),
    ),
    CheckedBound(
        "history / none: p50, 100 msg/s to 100",
        "x",
        _with_history("history-paced", "p50_ms"),
        Bound(1.15, 1.05, at_most=True),
    ),
    CheckedBound(
        "history / none: p99, 100 msg/s to 100",
        "x",
        _with_history("history-paced", "p99_ms"),
        Bound(1.5, 1.2, at_most=True),
    ),
    CheckedBound(
        "the p50 while another process locks the file for 3 s / no history",
        "x",
        _with_history("history-locked", "p50_ms"),
        Bound(1.3, 1.1, at_most=True),
    ),
    CheckedBound(
        "the p99 while another process locks the file for 3 s / no history",
        "x",
        _with_history("history-locked", "p99_ms"),
    ),
    CheckedBound(
        "messages missing after 500 sessions broke off",
        "",
        worst("broken-sessions", "missing"),
        at_most(0),
        0,
    ),
    CheckedBound(
        "messages read twice after 500 sessions broke off",
        "",
        worst("broken-sessions", "twice"),
        at_most(0),
        0,
    ),
    CheckedBound(
        "oldest message that is lost by `kill -9`, worst of 15",
        "ms",
        worst("history-kills", "loss_ms"),
        Bound(100, 30, at_most=True),
        0,
    ),
    CheckedBound(
        "CPU of a page of 100 messages out of 1,000,000",
        "ms",
        _slowest(past.scenario(past.SIZES[-1]), past.PAGES_OF),
        at_most(1),
    ),
    CheckedBound(
        "the same / a page of 100 messages out of 10,000",
        "x",
        _page_growth,
        at_most(2),
    ),
    CheckedBound(
        "1,000 clients that ask for 100 messages at once all have them",
        "s",
        _median("page-storm", "seconds"),
        at_most(2),
    ),
    CheckedBound(
        "p99 of others meanwhile / without",
        "x",
        loaded_over_baseline("page-storm", "p99_ms"),
        at_most(2),
    ),
    CheckedBound(
        "CPU of a search in 1,000,000 messages for one word, the slowest word",
        "ms",
        _slowest("past-search", tuple(past.SEARCHES)),
        at_most(50),
    ),
    CheckedBound(
        "history file per message of 100 bytes",
        "bytes",
        _median("past-file", "bytes_each"),
        at_most(250),
        0,
    ),
    *CROWD_BOUNDS,
    *CLUSTER_BOUNDS,
    CheckedBound(
        "client: start to login form / start of an empty Textual app",
        "x",
        _over_empty("client-start", "ms"),
        at_most(1.3),
    ),
    CheckedBound(
        "client: CPU from Enter in the login form until the room is complete",
        "s",
        _median("client-sign-in", "cpu_ms", 1000),
        at_most(0.5),
    ),
    CheckedBound(
        "client: key to screen at 1,000 msg/s, p95",
        "ms",
        _median("client-keys/1000", "p95_ms"),
        at_most(50),
        1,
    ),
    CheckedBound(
        "client: key to screen at 5,000 msg/s, p95",
        "ms",
        _median("client-keys/5000", "p95_ms"),
        at_most(100),
        1,
    ),
    CheckedBound(
        "client: CPU of one core when idle", "%", _median("client-idle", "percent"), at_most(0.5)
    ),
    CheckedBound(
        "client: resident memory with 10,000 messages",
        "MB",
        _median("client-memory", "full_mb"),
        None,
        0,
    ),
    CheckedBound(
        "client: resident memory after many more messages",
        "MB",
        _median("client-memory", "later_mb"),
        None,
        0,
    ),
)

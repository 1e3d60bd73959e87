"""Tables of the figures, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from benchmarks.bounds import CHECKED_BOUNDS
from benchmarks.figures import Figures
from benchmarks.goals import RATIO_GOALS
from benchmarks.parts import client, throughput, tls
from benchmarks.parts.growth import DIMENSIONS, SIZES
from benchmarks.servers import (
    ALL_SERVERS,
    ASYNCIO,
    CEILING,
    CHAT_SERVERS,
    INSPIRCD,
    LOBBY,
    NGIRCD,
)

_OTHERS: Final = (NGIRCD, INSPIRCD, ASYNCIO, CEILING)


def throughput_table(figures: Figures) -> str:
    """Return thousands of deliveries per second of every server in every scenario."""
    rows = []
    for shape in throughput.SHAPES:
        for window in shape.windows:
            name = throughput.scenario(shape.name, window)
            title = f"{shape.title}, {throughput.window_title(window)}"
            cells = [
                with_range(figures, name, kind.name, "per_second", 1000) for kind in ALL_SERVERS
            ]
            rows.append([title, *cells])
    return table(["", *[kind.title for kind in ALL_SERVERS]], rows)


def ratio_table(figures: Figures) -> str:
    """Return Lobby's ratio to each other server, with the bound and which part of it is met."""
    rows = []
    for row in RATIO_GOALS:
        cells = []
        for kind in _OTHERS:
            bound = row.bounds.get(kind.name)
            value = row.ratio(figures, kind.name)
            if bound is None:
                cells.append("")
            elif value is None:
                cells.append(figures.absence_reason(row.scenario, kind.name))
            else:
                cells.append(f"{number(value)} ({bound.text()}) {bound.mark(value)}")
        rows.append([row.title, *cells])
    return table(["Lobby compared with", *[kind.title for kind in _OTHERS]], rows)


def bounds_table(figures: Figures) -> str:
    """Return the bounds on Lobby alone."""
    rows = []
    for checked in CHECKED_BOUNDS:
        value = checked.rounded(figures)
        shown = "-" if value is None else f"{value:,.{checked.digits}f} {checked.unit}".strip()
        bound = f"{checked.bound.text()} {checked.unit}".strip() if checked.bound else ""
        rows.append(
            [checked.title, shown, bound, checked.bound.mark(value) if checked.bound else ""]
        )
    return table(["Lobby alone", "measured", "bound", ""], rows)


def latency_table(figures: Figures) -> str:
    """Return milliseconds: p50, p99 and the worst, alone and with idle connections."""
    rows = []
    for scenario, title in (("paced", "alone"), ("paced-idle", "with 5,000 idle")):
        for measure, quantile in (("p50_ms", "p50"), ("p99_ms", "p99"), ("max_ms", "worst")):
            cells = [with_range(figures, scenario, kind.name, measure) for kind in CHAT_SERVERS]
            rows.append([f"{title}, {quantile}", *cells])
    return table(["", *[kind.title for kind in CHAT_SERVERS]], rows)


def stalled_table(figures: Figures) -> str:
    """Return the effect of a stalled receiver on the others, and when the server cut it."""
    rows = []
    for kind in CHAT_SERVERS:
        stopped = figures.samples_of("stalled", kind.name, "stopped")
        others = with_range(figures, "stalled", kind.name, "max_ms")
        if any(stopped):
            others = f"deliveries stopped in {sum(stopped):.0f} of {len(stopped)} runs"
        cut = with_range(figures, "stalled", kind.name, "cut_after")
        rows.append([kind.title, others, "not cut" if cut == "-" else cut])
    return table(["", "worst delay of the others, ms", "cut after, s"], rows)


def client_table(figures: Figures) -> str:
    """Return the figures of the full-screen client and of an empty app of the same library."""
    rows = [
        ["start to the login form", *_with_empty_app(figures, "client-start", "ms")],
        [
            "Enter in the form to the room",
            with_range(figures, "client-sign-in", LOBBY.name, "ms"),
            "",
        ],
        [
            "CPU from Enter until the room is complete",
            with_range(figures, "client-sign-in", LOBBY.name, "cpu_ms"),
            "",
        ],
        ["CPU when idle, % of a core", *_with_empty_app(figures, "client-idle", "percent")],
    ]
    for rate in client.RATES:
        for measure, quantile in (("p50_ms", "p50"), ("p95_ms", "p95"), ("max_ms", "worst")):
            title = f"key to screen at {rate:,} msg/s, {quantile}"
            rows.append([title, *_with_empty_app(figures, f"client-keys/{rate}", measure)])
    return table(["", LOBBY.title, client.EMPTY], rows)


def _with_empty_app(figures: Figures, scenario: str, measure: str) -> list[str]:
    return [with_range(figures, scenario, app, measure) for app in (LOBBY.name, client.EMPTY)]


def tls_table(figures: Figures) -> str:
    """Return the cost of TLS compared with plain text."""
    rows = []
    for measure, title, divisor in (
        ("cpu_us", "CPU time of the server per delivery, µs", 1),
        ("per_second", "thousand deliveries per second", 1000),
    ):
        for window in tls.WINDOWS:
            full_title = f"{title}, {throughput.window_title(window)}"
            rows.append([full_title, *_tls_row(figures, tls.scenario(window), measure, divisor)])
    for scenario, measure, title in (
        ("tls-memory", "kilobytes_each", "resident memory per idle connection, KB"),
        ("tls-connections", "cpu_ms", "CPU time of the server per connection, ms"),
        ("tls-connections", "per_second", "connections per second, eight at a time"),
    ):
        rows.append([title, *_tls_row(figures, scenario, measure)])
    return table(["", "plain text", "TLS", "TLS / plain text"], rows)


def _tls_row(
    figures: Figures, scenario: str, measure: str, divisor: float = 1
) -> tuple[str, str, str]:
    plain, encrypted = (
        with_range(figures, scenario, variant, measure, divisor) for variant in tls.VARIANTS
    )
    ratio = figures.ratio(scenario, measure, tls.TLS, tls.PLAIN)
    return plain, encrypted, "-" if ratio is None else number(ratio)


def growth_table(figures: Figures) -> str:
    """Return microseconds per message for each size of each dimension."""
    rows = []
    for dimension in DIMENSIONS:
        scenario = f"growth-{dimension.name}"
        cells = [with_range(figures, scenario, LOBBY.name, str(size)) for size in SIZES]
        rows.append([dimension.title, *cells])
    return table(["", *[f"{size:,}" for size in SIZES]], rows)


def with_range(
    figures: Figures, scenario: str, server: str, measure: str, divisor: float = 1
) -> str:
    """Return a median with its range, or the reason why there is none."""
    median = figures.median(scenario, server, measure)
    if median is None:
        return figures.absence_reason(scenario, server)
    values = [value / divisor for value in figures.samples_of(scenario, server, measure)]
    return f"{number(median / divisor)} [{number(min(values))}-{number(max(values))}]"


def number(value: float) -> str:
    """Return about three significant digits, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose cells after the first are aligned right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

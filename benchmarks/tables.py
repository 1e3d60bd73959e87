"""Tables of the figures, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from benchmarks.bounds import HELD
from benchmarks.figures import Figures
from benchmarks.goals import RATIOS
from benchmarks.parts import client, throughput, tls
from benchmarks.parts.growth import DIMENSIONS, SIZES
from benchmarks.servers import (
    ASYNCIO,
    CEILING,
    CHAT_SERVERS,
    EVERYONE,
    INSPIRCD,
    LOBBY,
    NGIRCD,
)

_OTHERS: Final = (NGIRCD, INSPIRCD, ASYNCIO, CEILING)


def throughput_table(figures: Figures) -> str:
    """Thousands of deliveries a second of every server in every scenario."""
    rows = []
    for shape in throughput.SHAPES:
        for window in shape.windows:
            name = throughput.scenario(shape.name, window)
            title = f"{shape.title}, {throughput.window_title(window)}"
            cells = [with_range(figures, name, kind.name, "per_second", 1000) for kind in EVERYONE]
            rows.append([title, *cells])
    return _table(["", *[kind.title for kind in EVERYONE]], rows)


def ratio_table(figures: Figures) -> str:
    """Ours over theirs, with what it is held to and whether that was reached."""
    rows = []
    for row in RATIOS:
        cells = []
        for kind in _OTHERS:
            bound = row.bounds.get(kind.name)
            value = row.ratio(figures, kind.name)
            if bound is None:
                cells.append("")
            elif value is None:
                cells.append(figures.why_absent(row.scenario, kind.name))
            else:
                cells.append(f"{number(value)} ({bound.told()}) {bound.mark(value)}")
        rows.append([row.title, *cells])
    return _table(["Lobby over", *[kind.title for kind in _OTHERS]], rows)


def bounds_table(figures: Figures) -> str:
    """What our server is held to on its own."""
    rows = []
    for held in HELD:
        value = held.rounded(figures)
        told = "-" if value is None else f"{value:,.{held.digits}f} {held.unit}".strip()
        bound = f"{held.bound.told()} {held.unit}".strip() if held.bound else ""
        rows.append([held.title, told, bound, held.bound.mark(value) if held.bound else ""])
    return _table(["Lobby alone", "measured", "held to", ""], rows)


def latency_table(figures: Figures) -> str:
    """Milliseconds: p50, p99 and the worst, alone and beside idle connections."""
    rows = []
    for scenario, title in (("paced", "alone"), ("paced-idle", "beside 5,000 idle")):
        for measure, quantile in (("p50_ms", "p50"), ("p99_ms", "p99"), ("max_ms", "worst")):
            cells = [with_range(figures, scenario, kind.name, measure) for kind in CHAT_SERVERS]
            rows.append([f"{title}, {quantile}", *cells])
    return _table(["", *[kind.title for kind in CHAT_SERVERS]], rows)


def stalled_table(figures: Figures) -> str:
    """What became of the others, and of the one who did not read."""
    rows = []
    for kind in CHAT_SERVERS:
        stopped = figures.all_of("stalled", kind.name, "stopped")
        others = with_range(figures, "stalled", kind.name, "max_ms")
        if any(stopped):
            others = f"got nothing more in {sum(stopped):.0f} of {len(stopped)} runs"
        cut = with_range(figures, "stalled", kind.name, "cut_after")
        rows.append([kind.title, others, "not cut" if cut == "-" else cut])
    return _table(["", "worst delay of the others, ms", "cut after, s"], rows)


def client_table(figures: Figures) -> str:
    """What the full-screen client takes, beside an empty app of the same library."""
    rows = [
        ["start to the form", *_beside_empty(figures, "client-start", "ms")],
        ["idle, % of a core", *_beside_empty(figures, "client-idle", "percent")],
    ]
    for rate in client.RATES:
        for measure, quantile in (("p50_ms", "p50"), ("p95_ms", "p95"), ("max_ms", "worst")):
            title = f"a key beside {rate:,} msg/s, {quantile}"
            rows.append([title, *_beside_empty(figures, f"client-keys/{rate}", measure)])
    return _table(["", LOBBY.title, client.EMPTY], rows)


def _beside_empty(figures: Figures, scenario: str, measure: str) -> list[str]:
    return [with_range(figures, scenario, who, measure) for who in (LOBBY.name, client.EMPTY)]


def tls_table(figures: Figures) -> str:
    """What TLS costs, beside plain text."""
    rows = []
    for measure, title, divisor in (
        ("processor_us", "processor time of the server for a delivery, µs", 1),
        ("per_second", "thousand deliveries a second", 1000),
    ):
        for window in tls.WINDOWS:
            told = f"{title}, {throughput.window_title(window)}"
            rows.append([told, *_beside_plain(figures, tls.scenario(window), measure, divisor)])
    for scenario, measure, title in (
        ("tls-memory", "kilobytes_each", "resident memory of an idle connection, KB"),
        ("tls-visits", "processor_ms", "processor time of the server for a connection, ms"),
        ("tls-visits", "per_second", "connections a second, eight at a time"),
    ):
        rows.append([title, *_beside_plain(figures, scenario, measure)])
    return _table(["", "plain text", "TLS", "TLS over plain text"], rows)


def _beside_plain(
    figures: Figures, scenario: str, measure: str, divisor: float = 1
) -> tuple[str, str, str]:
    plain, inside = (with_range(figures, scenario, way, measure, divisor) for way in tls.WAYS)
    ratio = figures.ratio(scenario, measure, tls.TLS, tls.PLAIN)
    return plain, inside, "-" if ratio is None else number(ratio)


def growth_table(figures: Figures) -> str:
    """Microseconds a message, by what there is more and more of."""
    rows = []
    for dimension in DIMENSIONS:
        scenario = f"growth-{dimension.name}"
        cells = [with_range(figures, scenario, LOBBY.name, str(size)) for size in SIZES]
        rows.append([dimension.title, *cells])
    return _table(["", *[f"{size:,}" for size in SIZES]], rows)


def with_range(
    figures: Figures, scenario: str, server: str, measure: str, divisor: float = 1
) -> str:
    """Give a median with its range, or the reason why there is none."""
    median = figures.median(scenario, server, measure)
    if median is None:
        return figures.why_absent(scenario, server)
    values = [value / divisor for value in figures.all_of(scenario, server, measure)]
    return f"{number(median / divisor)} [{number(min(values))}-{number(max(values))}]"


def number(value: float) -> str:
    """Three significant digits or so, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

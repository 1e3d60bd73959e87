"""Tables of the figures, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.figures import Figures
from benchmarks.goals import RATIOS
from benchmarks.parts import throughput
from benchmarks.servers import ASYNCIO, CEILING, CHAT_SERVERS, EVERYONE, INSPIRCD, NGIRCD


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def throughput_table(figures: Figures) -> str:
    """Thousands of deliveries a second: median and range of every server and scenario."""
    rows = []
    for shape in throughput.SHAPES:
        for window in shape.windows:
            name = throughput.scenario(shape.name, window)
            title = f"{shape.title}, {throughput.window_title(window)}"
            cells = [_thousands(figures, name, kind.name) for kind in EVERYONE]
            rows.append([title, *cells])
    return table(["k deliveries/s", *[kind.title for kind in EVERYONE]], rows)


def ratio_table(figures: Figures) -> str:
    """Ours over theirs, with what it is held to and whether that was reached."""
    others = (NGIRCD, INSPIRCD, ASYNCIO, CEILING)
    rows = []
    for row in RATIOS:
        cells = []
        for kind in others:
            bound = row.bounds.get(kind.name)
            value = row.ratio(figures, kind.name)
            if bound is None:
                cells.append("")
            elif value is None:
                cells.append(figures.why_absent(row.scenario, kind.name))
            else:
                cells.append(f"{number(value)} ({bound.told()}) {bound.mark(value)}")
        rows.append([row.title, *cells])
    return table(["Lobby over", *[kind.title for kind in others]], rows)


def summary(figures: Figures) -> str:
    """What to look at first."""
    return f"{throughput_table(figures)}\n\n{latency_table(figures)}\n\n{ratio_table(figures)}\n"


def latency_table(figures: Figures) -> str:
    """Milliseconds: p50, p99 and the worst, alone and beside idle connections."""
    rows = []
    for scenario, title in (("paced", "alone"), ("paced-idle", "beside 5,000 idle")):
        for measure, quantile in (("p50_ms", "p50"), ("p99_ms", "p99"), ("max_ms", "worst")):
            cells = [with_range(figures, scenario, kind.name, measure, 1) for kind in CHAT_SERVERS]
            rows.append([f"{title}, {quantile}", *cells])
    return table(["ms", *[kind.title for kind in CHAT_SERVERS]], rows)


def with_range(figures: Figures, scenario: str, server: str, measure: str, divisor: float) -> str:
    """Give a median with its range, or the reason why there is none."""
    median = figures.median(scenario, server, measure)
    if median is None:
        return figures.why_absent(scenario, server)
    values = [value / divisor for value in figures.all_of(scenario, server, measure)]
    return f"{number(median / divisor)} [{number(min(values))}-{number(max(values))}]"


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _thousands(figures: Figures, scenario: str, server: str) -> str:
    return with_range(figures, scenario, server, "per_second", 1000)

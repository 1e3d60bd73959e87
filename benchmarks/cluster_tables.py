"""Tables of several servers, and of the server compared with an older one, in Markdown."""

from __future__ import annotations

from benchmarks.figures import Figures
from benchmarks.parts import cluster, release_before
from benchmarks.parts.throughput import SHAPES, window_title
from benchmarks.servers import LOBBY
from benchmarks.tables import number, table, with_range


def pair_table(figures: Figures) -> str:
    """Return latency and throughput of two nodes and of one server alone."""
    variants = (cluster.ALONE, cluster.SAME_NODE, cluster.OTHER_NODE)
    rows = []
    for measure, title in (("p50_ms", "p50"), ("p99_ms", "p99"), ("max_ms", "worst")):
        cells = [with_range(figures, "cluster-paced", each, measure) for each in variants]
        rows.append([f"milliseconds at 100 msg/s, {title}", *cells])
    cells = [with_range(figures, "cluster-flood", each, "per_second", 1000) for each in variants]
    rows.append(["thousand messages per second, pipelined", *cells])
    return table(["", *[each.replace("-", " ") for each in variants]], rows)


def nodes_table(figures: Figures) -> str:
    """Return throughput, CPU time and latency by number of nodes."""
    rows = []
    for measure, title, divisor in (
        ("per_second", "thousand deliveries per second", 1000),
        ("cpu_us", "CPU time per delivery, µs", 1),
        ("p50_ms", "milliseconds at 100 msg/s, p50", 1),
        ("p99_ms", "milliseconds at 100 msg/s, p99", 1),
    ):
        cells = [
            with_range(figures, cluster.nodes_scenario(nodes), LOBBY.name, measure, divisor)
            for nodes in cluster.NODES
        ]
        rows.append([title, *cells])
    head = ["no Redis" if not nodes else f"{nodes}" for nodes in cluster.NODES]
    return table(["nodes", *head], rows)


def before_table(figures: Figures) -> str:
    """Return the ratio to the older server in each scenario, with that of the control."""
    titles = [
        f"{shape.title}, {window_title(window)}" for shape in SHAPES for window in shape.windows
    ]
    titles.append("100 msg/s to 100")
    rows = []
    for title, scenario in zip(titles, release_before.SCENARIOS, strict=True):
        cells = []
        for measure in (release_before.MEASURE, "per_second"):
            for variant in (release_before.NOW, release_before.CONTROL):
                ratio = figures.pair_ratio(scenario, measure, variant, release_before.BEFORE)
                cells.append("-" if ratio is None else number(ratio))
        rows.append([title, *cells])
    head = ["per CPU second", "control", "per second", "control"]
    return table(["this release / the one before", *head], rows)

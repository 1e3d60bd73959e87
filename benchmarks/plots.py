"""The pictures of the page, as SVG. The same figures give the same bytes."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.figures import Figures
from benchmarks.parts import cluster, throughput
from benchmarks.parts.growth import DIMENSIONS, SIZES
from benchmarks.servers import ALL_SERVERS, ASYNCIO, CEILING, INSPIRCD, LOBBY, NGIRCD

# An opaque, light background is legible on a dark page too.
BACKGROUND: Final = "#fbfbf8"
FOREGROUND: Final = "#22272e"
GRID: Final = "#d9dce0"
COLOURS: Final = {
    LOBBY.name: "#0a66c2",
    NGIRCD.name: "#c98a1b",
    INSPIRCD.name: "#7a5195",
    ASYNCIO.name: "#c0392b",
    CEILING.name: "#aab2bd",
}
STYLE: Final[dict[str, Any]] = {
    "svg.hashsalt": "lobby",
    "svg.fonttype": "path",
    "font.size": 10,
    "text.color": FOREGROUND,
    "axes.labelcolor": FOREGROUND,
    "axes.edgecolor": GRID,
    "axes.facecolor": BACKGROUND,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": FOREGROUND,
    "ytick.color": FOREGROUND,
    "grid.color": GRID,
    "figure.facecolor": BACKGROUND,
    "savefig.facecolor": BACKGROUND,
}
BAR_WIDTH: Final = 0.17
MARKERS: Final = ("o", "s", "^", "D")


def draw_pictures(figures: Figures, folder: Path) -> None:
    """Write throughput.svg, growth.svg and nodes.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        pictures = {
            "throughput": _throughput(figures),
            "growth": _growth(figures),
            "nodes": _nodes(figures),
        }
        for name, figure in pictures.items():
            reproducible = {"Date": None, "Creator": None}
            figure.savefig(folder / f"{name}.svg", metadata=reproducible)


def _throughput(figures: Figures) -> Figure:
    """Draw a panel for each shape, a group for each window, a bar for each server."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    panels = figure.subplots(1, len(throughput.SHAPES), sharey=True)
    for panel, shape in zip(panels, throughput.SHAPES, strict=True):
        for position, kind in enumerate(shape.servers):
            shift = (position - (len(shape.servers) - 1) / 2) * BAR_WIDTH
            heights = [
                figures.median(throughput.scenario(shape.name, window), kind.name, "per_second")
                for window in shape.windows
            ]
            points = [(n + shift, height) for n, height in enumerate(heights) if height]
            panel.bar(
                [x for x, _ in points],
                [height for _, height in points],
                width=BAR_WIDTH * 0.92,
                color=COLOURS[kind.name],
            )
        panel.set_title(shape.title, fontsize=11)
        titles = [throughput.window_title(window) for window in shape.windows]
        panel.set_xticks(range(len(titles)), [title.replace(" in ", "\nin ") for title in titles])
        panel.tick_params(length=0)
        panel.set_yscale("log")
        panel.minorticks_off()
        panel.yaxis.set_major_formatter(FuncFormatter(_short))
        panel.grid(axis="y")
    panels[0].set_ylim(bottom=5_000)
    panels[0].set_ylabel("deliveries per second")
    for kind in ALL_SERVERS:
        panels[0].bar([0], [0], color=COLOURS[kind.name], label=kind.title)
    figure.legend(loc="outside lower center", ncols=len(ALL_SERVERS), frameon=False)
    return figure


def _growth(figures: Figures) -> Figure:
    """Draw a line for each dimension, with the range of the runs."""
    figure = Figure(figsize=(7.5, 4.4), layout="constrained")
    axes = figure.subplots()
    colours = (COLOURS[kind.name] for kind in (LOBBY, NGIRCD, INSPIRCD, ASYNCIO))
    for dimension, colour, marker in zip(DIMENSIONS, colours, MARKERS, strict=True):
        scenario = f"growth-{dimension.name}"
        sizes = [size for size in SIZES if figures.samples_of(scenario, LOBBY.name, str(size))]
        samples = [figures.samples_of(scenario, LOBBY.name, str(size)) for size in sizes]
        medians = [figures.median(scenario, LOBBY.name, str(size)) or 0 for size in sizes]
        axes.plot(sizes, medians, color=colour, marker=marker, label=dimension.title)
        axes.fill_between(
            sizes, [min(s) for s in samples], [max(s) for s in samples], color=colour, alpha=0.15
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(SIZES, [f"{size:,}" for size in SIZES])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:g}"))
    axes.set_xlabel("number")
    axes.set_ylabel("milliseconds until all have received a message")
    axes.grid(which="major")
    axes.legend(frameon=False)
    return figure


def _nodes(figures: Figures) -> Figure:
    """Draw throughput, CPU time and latency by number of nodes, with the range of the runs."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    panels = figure.subplots(1, 3)
    lines = (
        (panels[0], "per_second", "deliveries per second", LOBBY.name),
        (panels[1], "cpu_us", "CPU time per delivery, µs", NGIRCD.name),
        (panels[2], "p50_ms", "p50", LOBBY.name),
        (panels[2], "p99_ms", "p99", ASYNCIO.name),
    )
    for panel, measure, title, colour in lines:
        scenarios = {nodes: cluster.nodes_scenario(nodes) for nodes in cluster.NODES}
        samples = {
            nodes: figures.samples_of(scenario, LOBBY.name, measure)
            for nodes, scenario in scenarios.items()
        }
        known = [nodes for nodes, values in samples.items() if values]
        medians = [median(samples[nodes]) for nodes in known]
        panel.plot(known, medians, color=COLOURS[colour], marker="o", label=title)
        panel.fill_between(
            known,
            [min(samples[nodes]) for nodes in known],
            [max(samples[nodes]) for nodes in known],
            color=COLOURS[colour],
            alpha=0.15,
        )
        panel.set_title(title if panel is not panels[2] else "latency, ms", fontsize=11)
        panel.set_xticks(cluster.NODES, ["no\nRedis", *map(str, cluster.NODES[1:])])
        panel.set_xlabel("nodes")
        panel.set_ylim(bottom=0)
        panel.grid(axis="y")
    panels[0].yaxis.set_major_formatter(FuncFormatter(_short))
    panels[2].legend(frameon=False)
    return figure


def _short(value: float, _: int) -> str:
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} k"

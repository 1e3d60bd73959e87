"""The page: the template `performance.md` filled with the figures of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Final

from benchmarks import cluster_tables, tables
from benchmarks.crowd_tables import crowd_table
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Figures
from benchmarks.parts import cluster, tls
from benchmarks.parts.throughput import RUN_SECONDS
from benchmarks.servers import LOBBY

TEMPLATE: Final = Path(__file__).parent / "performance.md"


class _PageTemplate(Template):
    """A template that can also hold any median and any ratio of medians.

    `${median SCENARIO SERVER MEASURE}` is a median, `${ratio SCENARIO MEASURE SERVER}` is Lobby's
    median over a server's, and `${ratio SCENARIO MEASURE ONE OTHER}` is the ratio of any two.
    """

    braceidpattern = r"(?a:[_a-z][^{}]*)"


class _Values(Mapping[str, str]):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        about = figures.about
        self._named = {
            "ratios": tables.ratio_table(figures),
            "bounds": tables.bounds_table(figures),
            "throughput": tables.throughput_table(figures),
            "latency": tables.latency_table(figures),
            "stalled": tables.stalled_table(figures),
            "growth": tables.growth_table(figures),
            "tls": tables.tls_table(figures),
            "client": tables.client_table(figures),
            "pair": cluster_tables.pair_table(figures),
            "nodes": cluster_tables.nodes_table(figures),
            "before": cluster_tables.before_table(figures),
            "everyone": crowd_table(figures),
            "crowd": str(cluster.CROWD),
            "machine": about["machine"],
            "pinning": _pinning(about["pinned"] == "yes"),
            "peers": f"ngIRCd ({about['ngircd']}),\n  InspIRCd ({about['inspircd']})",
            "redis": about.get("redis", "not installed"),
            "reps": about["reps"],
            "run_seconds": f"{RUN_SECONDS:g}",
            "verified": str(tls.VERIFIED),
            "date": about["date"],
            "minutes": f"{float(about['seconds']) / 60:.1f} minutes",
        }

    def __getitem__(self, key: str) -> str:
        match key.split():
            case ["median", scenario, server, measure]:
                value = self._figures.median(scenario, server, measure)
            case ["ratio", scenario, measure, server]:
                value = self._figures.ratio(scenario, measure, LOBBY.name, server)
            case ["ratio", scenario, measure, one, other]:
                value = self._figures.ratio(scenario, measure, one, other)
            case _:
                return self._named[key]
        return "-" if value is None else tables.number(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)


def page(figures: Figures, template: str | None = None) -> str:
    """Return the whole page. Raise `BenchmarkError` if the template names an unknown value."""
    text = TEMPLATE.read_text(encoding="utf-8") if template is None else template
    try:
        return _PageTemplate(text).substitute(_Values(figures))
    except (KeyError, ValueError) as error:
        raise BenchmarkError(f"cannot fill benchmarks/performance.md: {error}") from error


def summary(figures: Figures) -> str:
    """Return the most important tables, for the terminal."""
    parts = (tables.throughput_table, tables.ratio_table, tables.bounds_table)
    return "\n\n".join(part(figures) for part in parts)


def _pinning(pinned: bool) -> str:
    if pinned:
        return (
            "Each server was pinned to core 0 and the load generator to core 1.\n"
            "  Nothing was pinned for the logins at cost 12, for the 10,000 connections and for "
            "several\n  servers."
        )
    return "Nothing was pinned, because fewer than two cores were available."

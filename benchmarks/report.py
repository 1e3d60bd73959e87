"""The page: the prose of `performance.md` with the figures of a run put in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Final

from benchmarks import tables
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Figures
from benchmarks.parts import tls
from benchmarks.parts.throughput import RUN_SECONDS
from benchmarks.servers import LOBBY

PROSE: Final = Path(__file__).parent / "performance.md"


class _Prose(Template):
    """The words may also take any median: `${median SCENARIO SERVER MEASURE}`, and any ratio of
    medians, ours over theirs: `${ratio SCENARIO MEASURE SERVER}`, or of any two:
    `${ratio SCENARIO MEASURE ONE OTHER}`."""

    braceidpattern = r"(?a:[_a-z][^{}]*)"


class _Facts(Mapping[str, str]):
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
            "machine": about["machine"],
            "pinning": _pinning(about["pinned"] == "yes"),
            "peers": f"ngIRCd ({about['ngircd']}), InspIRCd ({about['inspircd']})",
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


def page(figures: Figures, prose: str | None = None) -> str:
    """Give the whole page. Raises `BenchmarkError` where the prose asks for what there is not."""
    words = PROSE.read_text(encoding="utf-8") if prose is None else prose
    try:
        return _Prose(words).substitute(_Facts(figures))
    except (KeyError, ValueError) as error:
        raise BenchmarkError(f"benchmarks/performance.md: {error}") from error


def summary(figures: Figures) -> str:
    """Give what to look at first, for the terminal."""
    parts = (tables.throughput_table, tables.ratio_table, tables.bounds_table)
    return "\n\n".join(part(figures) for part in parts)


def _pinning(pinned: bool) -> str:
    if pinned:
        return (
            "Each server was held on core 0, the load generator on core 1; nothing was held for "
            "the logins at cost 12 and for the 10,000 connections."
        )
    return "With fewer than two cores to choose from, nothing was held on a core."

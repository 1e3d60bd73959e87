"""Bounds on a figure, and the goals of the server: the ratio of its median to that of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from benchmarks.figures import Figures
from benchmarks.servers import ASYNCIO, CEILING, INSPIRCD, LOBBY, NGIRCD


class Bound(NamedTuple):
    """A limit that a value must keep, and the goal. With `at_most`, smaller is better."""

    limit: float
    goal: float
    at_most: bool = False

    def mark(self, value: float | None) -> str:
        """Return which of the two the value meets."""
        if value is None:
            return "not measured"
        if self._meets(value, self.goal):
            return "goal"
        return "pass" if self._meets(value, self.limit) else "**missed**"

    def text(self) -> str:
        """Return both as the page shows them: limit / goal."""
        sign = "≤ " if self.at_most else "≥ "
        values = dict.fromkeys((self.limit, self.goal))
        return sign + " / ".join(f"{value:,g}" for value in values)

    def _meets(self, value: float, bound: float) -> bool:
        return value <= bound if self.at_most else value >= bound


class CheckedBound(NamedTuple):
    """A figure of Lobby alone and its bound, if it has one."""

    title: str
    unit: str
    value: Callable[[Figures], float | None]
    bound: Bound | None = None
    digits: int = 2
    """The figure is shown, and compared with the bound, with so many decimals."""

    def rounded(self, figures: Figures) -> float | None:
        """Return the figure as it is shown."""
        value = self.value(figures)
        return None if value is None else round(value, self.digits)


def at_most(value: float) -> Bound:
    """Return a bound whose goal is its limit."""
    return Bound(value, value, at_most=True)


def worst(scenario: str, measure: str) -> Callable[[Figures], float | None]:
    """Return the function of figures that gives the largest sample of Lobby."""
    return lambda figures: max(figures.samples_of(scenario, LOBBY.name, measure), default=None)


def loaded_over_baseline(scenario: str, measure: str) -> Callable[[Figures], float | None]:
    """Return the function of figures that compares Lobby under a load with Lobby without it."""

    def value(figures: Figures) -> float | None:
        loaded = figures.median(f"{scenario}-loaded", LOBBY.name, measure)
        baseline = figures.median(f"{scenario}-baseline", LOBBY.name, measure)
        return loaded / baseline if loaded is not None and baseline else None

    return value


class RatioGoal(NamedTuple):
    """A scenario with its bounds against each of the other servers."""

    title: str
    scenario: str
    measure: str
    bounds: dict[str, Bound]

    def ratio(self, figures: Figures, server: str) -> float | None:
        """Return Lobby's median over the server's median."""
        return figures.ratio(self.scenario, self.measure, LOBBY.name, server)


def _against(
    ngircd: tuple[float, float],
    inspircd: tuple[float, float],
    asyncio: tuple[float, float],
    ceiling: tuple[float, float] | None = None,
    *,
    at_most: bool = False,
) -> dict[str, Bound]:
    bounds = {
        NGIRCD.name: Bound(*ngircd, at_most),
        INSPIRCD.name: Bound(*inspircd, at_most),
        ASYNCIO.name: Bound(*asyncio, at_most),
    }
    if ceiling is not None:
        bounds[CEILING.name] = Bound(*ceiling, at_most)
    return bounds


_IN_FLIGHT: Final = _against((0.8, 1), (0.8, 1), (1.1, 1.3), (0.6, 0.8))
_WINDOW: Final = _against((3, 5), (1.5, 3), (20, 40), (0.35, 0.6))
_PIPELINED: Final = _against((5, 10), (3, 6), (30, 100))
_ALL_TO_ALL: Final = _against((1.5, 2.5), (1.5, 2.5), (25, 40))
_P50: Final = _against((1.3, 1), (1.3, 1), (1, 1), at_most=True)
_P99: Final = _against((2, 1), (2, 1), (1, 1), at_most=True)

RATIO_GOALS: Final = (
    RatioGoal("one to 100, one in flight", "one-to-100/1", "per_second", _IN_FLIGHT),
    RatioGoal("one to 1,000, one in flight", "one-to-1000/1", "per_second", _IN_FLIGHT),
    RatioGoal("one to 100, window 50", "one-to-100/50", "per_second", _WINDOW),
    RatioGoal("one to 1,000, window 50", "one-to-1000/50", "per_second", _WINDOW),
    RatioGoal("one to 100, pipelined", "one-to-100/pipelined", "per_second", _PIPELINED),
    RatioGoal("one to 1,000, pipelined", "one-to-1000/pipelined", "per_second", _PIPELINED),
    RatioGoal("50 all-to-all, window 16", "all-to-all/16", "per_second", _ALL_TO_ALL),
    RatioGoal("latency p50, 100 msg/s to 100", "paced", "p50_ms", _P50),
    RatioGoal("latency p99, 100 msg/s to 100", "paced", "p99_ms", _P99),
)

"""Bounds on a crowd that talks at once, against IRC servers and an earlier revision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks.figures import Figures
from benchmarks.goals import Bound, CheckedBound, loaded_over_baseline
from benchmarks.parts import crowd, release_before
from benchmarks.servers import INSPIRCD, LOBBY, NGIRCD


def _over(scenario: str, other: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.ratio(scenario, "per_second", LOBBY.name, other)


def _lowest_audience(figures: Figures) -> float | None:
    """Return the lowest ratio to the earlier revision of the scenarios with one publisher."""
    ratios = [
        figures.pair_ratio(
            crowd.scenario(shape, window, is_mean=False),
            release_before.MEASURE,
            LOBBY.name,
            crowd.EARLIER,
        )
        for shape in crowd.AUDIENCES
        for window in shape.windows
    ]
    known = [ratio for ratio in ratios if ratio is not None]
    return min(known) if len(known) == len(ratios) else None


CROWD_BOUNDS: Final = (
    *(
        CheckedBound(
            f"40 all-to-all, {window}{sense} / {other}{pinned}",
            "x",
            _over(f"{shape}/{count}{'/mean' if sense else ''}", name),
            bound,
        )
        for shape, pinned, count, window, rivals in (
            (
                "crowd",
                "",
                12,
                "window 12",
                (
                    (NGIRCD.name, "ngIRCd", Bound(1.2, 2)),
                    (INSPIRCD.name, "InspIRCd", Bound(1.2, 2)),
                ),
            ),
            (
                "crowd-unpinned",
                ", none pinned",
                12,
                "window 12",
                ((NGIRCD.name, "ngIRCd", Bound(1, 1.5)),),
            ),
            ("crowd", "", 1, "one in flight", ((crowd.EARLIER, crowd.REVISION, Bound(3, 4)),)),
        )
        for sense in ("", ", mean")
        for name, other, bound in rivals
    ),
    CheckedBound(
        f"50 rooms of 20 that all talk, window 4 / {crowd.REVISION}",
        "x",
        _over("rooms/4", crowd.EARLIER),
        Bound(1.2, 1.5),
    ),
    CheckedBound(
        f"one to many / {crowd.REVISION}: deliveries per CPU second, the lowest scenario",
        "x",
        _lowest_audience,
        Bound(0.98, 0.98),
    ),
    CheckedBound(
        "p99 of 40 that talk while 300 sign in / without",
        "x",
        loaded_over_baseline("sign-in", "p99_ms"),
        Bound(2, 2, at_most=True),
    ),
)

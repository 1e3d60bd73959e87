"""Bounds on several servers, and on the server without Redis compared with an older one."""

from __future__ import annotations

from collections.abc import Callable
from statistics import geometric_mean
from typing import Final

from benchmarks.figures import Figures
from benchmarks.goals import Bound, CheckedBound, at_most, worst
from benchmarks.parts import cluster, release_before
from benchmarks.servers import LOBBY


def _over_alone(scenario: str, measure: str, variant: str) -> Callable[[Figures], float | None]:
    """Return the ratio of a cluster to one server alone."""
    return lambda figures: figures.ratio(scenario, measure, variant, cluster.ALONE)


def _deliveries_on_four_cores(figures: Figures) -> float | None:
    """Return the ratio of deliveries per second if each process could have a core."""
    if not figures.median("cluster-two", LOBBY.name, "has_four_cores"):
        return None
    return figures.ratio(cluster.two_scenario(50), "per_second", cluster.TWO_NODES, cluster.ALONE)


def _mean_over_before(variant: str) -> Callable[[Figures], float | None]:
    def value(figures: Figures) -> float | None:
        ratios = [
            figures.pair_ratio(scenario, release_before.MEASURE, variant, release_before.BEFORE)
            for scenario in release_before.SCENARIOS
        ]
        known = [ratio for ratio in ratios if ratio]
        return geometric_mean(known) if len(known) == len(ratios) else None

    return value


CLUSTER_BOUNDS: Final = (
    CheckedBound(
        "node A to node B / one server alone: p50, 100 msg/s to 20",
        "x",
        _over_alone("cluster-paced", "p50_ms", cluster.OTHER_NODE),
        Bound(2, 1.5, at_most=True),
    ),
    CheckedBound(
        "node A to node B / one server alone: p99, 100 msg/s to 20",
        "x",
        _over_alone("cluster-paced", "p99_ms", cluster.OTHER_NODE),
        Bound(2.5, 1.5, at_most=True),
    ),
    CheckedBound(
        "node A to itself / one server alone: p50, 100 msg/s to 20",
        "x",
        _over_alone("cluster-paced", "p50_ms", cluster.SAME_NODE),
        Bound(2, 1.4, at_most=True),
    ),
    CheckedBound(
        "node A to node B / one server alone: messages per second, pipelined to 20",
        "x",
        _over_alone("cluster-flood", "per_second", cluster.OTHER_NODE),
        Bound(0.6, 0.8),
    ),
    CheckedBound(
        "two nodes / one server, twice the receivers: deliveries per second on 4 cores",
        "x",
        _deliveries_on_four_cores,
        Bound(1.5, 1.8),
    ),
    CheckedBound(
        "two nodes / one server, twice the receivers: CPU time per delivery, one in flight",
        "x",
        _over_alone(cluster.two_scenario(1), "cpu_us", cluster.TWO_NODES),
        at_most(1.15),
    ),
    CheckedBound(
        "two nodes / one server, twice the receivers: CPU time per delivery, window 50",
        "x",
        _over_alone(cluster.two_scenario(50), "cpu_us", cluster.TWO_NODES),
        at_most(1.15),
    ),
    CheckedBound(
        "Redis away for 5 s: until the last waiting message is delivered, worst",
        "s",
        worst("redis-away", "seconds"),
        at_most(1),
    ),
    CheckedBound(
        "the sessions of a killed node are gone, worst of 3",
        "s",
        worst("killed-node", "seconds"),
        at_most(20),
        1,
    ),
    CheckedBound(
        "50 logins of one user on two nodes: sessions that are left",
        "",
        worst("login-race", "sessions"),
        at_most(1),
        0,
    ),
    CheckedBound(
        "messages of its older sessions after one of a newer session",
        "",
        worst("login-race", "late"),
        at_most(0),
        0,
    ),
    CheckedBound(
        "without Redis / the release before: deliveries per CPU second, mean of all scenarios",
        "x",
        _mean_over_before(release_before.NOW),
        Bound(0.98, 0.98),
    ),
    CheckedBound(
        "the release before / itself, the same: the noise of that figure",
        "x",
        _mean_over_before(release_before.CONTROL),
    ),
)

"""The parts of the benchmark in the order of measurement."""

from __future__ import annotations

from typing import Final

from benchmarks.bench import Part
from benchmarks.parts import (
    client,
    cluster,
    cluster_costs,
    cluster_faults,
    connections,
    crowd,
    growth,
    history,
    history_faults,
    latency,
    login_attacks,
    logins,
    past,
    release_before,
    stalled,
    storms,
    strangers,
    throughput,
    tls,
)

PARTS: Final[tuple[Part, ...]] = (
    throughput.PART,
    crowd.PART,
    latency.PART,
    stalled.PART,
    logins.PART,
    strangers.PART,
    login_attacks.ATTACKED,
    login_attacks.RECONNECTS,
    connections.PART,
    growth.PART,
    storms.JOINS,
    storms.DISCONNECTS,
    release_before.PART,
    tls.PART,
    history.PART,
    history.STORM,
    past.PART,
    history_faults.SESSIONS_PART,
    history_faults.KILLS_PART,
    cluster.PAIR_PART,
    cluster.NODES_PART,
    cluster_costs.PART,
    cluster_faults.AWAY_PART,
    cluster_faults.KILLS_PART,
    cluster_faults.RACE_PART,
    client.PART,
)

"""The parts of the benchmark in the order of measurement."""

from __future__ import annotations

from typing import Final

from benchmarks.bench import Part
from benchmarks.parts import (
    client,
    connections,
    growth,
    history,
    history_faults,
    latency,
    login_attacks,
    logins,
    past,
    stalled,
    storms,
    strangers,
    throughput,
    tls,
)

PARTS: Final[tuple[Part, ...]] = (
    throughput.PART,
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
    tls.PART,
    history.PART,
    history.STORM,
    past.PART,
    history_faults.SESSIONS_PART,
    history_faults.KILLS_PART,
    client.PART,
)

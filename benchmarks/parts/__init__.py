"""The parts of the benchmark, in the order in which they are measured."""

from __future__ import annotations

from typing import Final

from benchmarks.bench import Part
from benchmarks.parts import (
    client,
    crowd,
    growth,
    latency,
    logins,
    stalled,
    storms,
    throughput,
    tls,
)

PARTS: Final[tuple[Part, ...]] = (
    throughput.PART,
    latency.PART,
    stalled.PART,
    logins.PART,
    crowd.PART,
    growth.PART,
    storms.JOINS,
    storms.DEPARTURES,
    tls.PART,
    client.PART,
)

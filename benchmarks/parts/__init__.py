"""The parts of the benchmark, in the order in which they are measured."""

from __future__ import annotations

from typing import Final

from benchmarks.bench import Part
from benchmarks.parts import latency, throughput

PARTS: Final[tuple[Part, ...]] = (
    throughput.PART,
    latency.PART,
)

"""The figures of a run: every sample, so that the page can be written again from the file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median


@dataclass
class Figures:
    """Samples by scenario, server and measure, with facts about the run."""

    samples: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    """Why a server, or a server in one scenario ("paced-idle/ngircd"), has no figures."""

    def add(self, scenario: str, server: str, measure: str, value: float) -> None:
        """Record one sample."""
        measures = self.samples.setdefault(scenario, {}).setdefault(server, {})
        measures.setdefault(measure, []).append(value)

    def samples_of(self, scenario: str, server: str, measure: str) -> list[float]:
        """Return every sample. The list is empty if nothing was measured."""
        return self.samples.get(scenario, {}).get(server, {}).get(measure, [])

    def median(self, scenario: str, server: str, measure: str) -> float | None:
        """Return the median over all repetitions, or None if nothing was measured."""
        values = self.samples_of(scenario, server, measure)
        return median(values) if values else None

    def ratio(self, scenario: str, measure: str, ours: str, theirs: str) -> float | None:
        """Return the ratio of two servers' medians in one scenario."""
        upper = self.median(scenario, ours, measure)
        lower = self.median(scenario, theirs, measure)
        return upper / lower if upper is not None and lower else None

    def pair_ratio(self, scenario: str, measure: str, ours: str, theirs: str) -> float | None:
        """Return the median ratio of two servers over pairs of runs that followed each other.

        Both runs of a pair meet the same state of the machine, which may change by a factor of two
        between repetitions.
        """
        upper = self.samples_of(scenario, ours, measure)
        lower = self.samples_of(scenario, theirs, measure)
        if not upper or not lower:
            return None
        return median(a / b for a, b in zip(upper, lower, strict=True))

    def absence_reason(self, scenario: str, server: str) -> str:
        """Return the reason why a server has no figure in a scenario."""
        return self.absent.get(f"{scenario}/{server}") or self.absent.get(server) or "-"

    def save(self, file: Path) -> None:
        """Write the figures as JSON, with one line for each scenario."""
        fields = asdict(self)
        scenarios = fields.pop("samples")
        lines = [f"  {json.dumps(name)}: {json.dumps(scenarios[name])}" for name in scenarios]
        rest = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items()]
        samples = '"samples": {\n' + ",\n".join(lines) + "\n}"
        file.write_text("{" + ",\n".join([*rest, samples]) + "}\n")

    @classmethod
    def load(cls, file: Path) -> Figures:
        """Read a file that `save` wrote."""
        return cls(**json.loads(file.read_text()))

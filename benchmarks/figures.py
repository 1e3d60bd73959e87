"""What was measured: every single figure, so that the page can be made again from the file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median


@dataclass
class Figures:
    """Samples by scenario, server and measure; and what is known about the run."""

    samples: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    """Servers, or a server in a scenario ("idle/ngircd"), without figures: the reason."""

    def add(self, scenario: str, server: str, measure: str, value: float) -> None:
        """Note one sample."""
        measures = self.samples.setdefault(scenario, {}).setdefault(server, {})
        measures.setdefault(measure, []).append(value)

    def all_of(self, scenario: str, server: str, measure: str) -> list[float]:
        """Give every sample; empty where there is none."""
        return self.samples.get(scenario, {}).get(server, {}).get(measure, [])

    def median(self, scenario: str, server: str, measure: str) -> float | None:
        """Give the median over all repetitions; None where nothing was measured."""
        values = self.all_of(scenario, server, measure)
        return median(values) if values else None

    def worst(self, scenario: str, server: str, measure: str) -> float | None:
        """Give the largest sample; None where nothing was measured."""
        return max(self.all_of(scenario, server, measure), default=None)

    def ratio(self, scenario: str, measure: str, ours: str, theirs: str) -> float | None:
        """Give the ratio of two servers' medians in one scenario."""
        upper = self.median(scenario, ours, measure)
        lower = self.median(scenario, theirs, measure)
        return upper / lower if upper is not None and lower else None

    def why_absent(self, scenario: str, server: str) -> str:
        """Give the reason why a server has no figure here."""
        return self.absent.get(f"{scenario}/{server}") or self.absent.get(server) or "-"

    def save(self, file: Path) -> None:
        """Write them as JSON, a line for each scenario."""
        fields = asdict(self)
        scenarios = fields.pop("samples")
        lines = [f"  {json.dumps(name)}: {json.dumps(scenarios[name])}" for name in scenarios]
        rest = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items()]
        samples = '"samples": {\n' + ",\n".join(lines) + "\n}"
        file.write_text("{" + ",\n".join([*rest, samples]) + "}\n")

    @classmethod
    def load(cls, file: Path) -> Figures:
        """Read what `save` wrote."""
        return cls(**json.loads(file.read_text()))

"""The systemd units in deploy/."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.support.project import PROJECT

DEPLOY: Final = PROJECT / "deploy"
UNIT: Final = DEPLOY / "lobby.service"


def settings_of(unit: Path) -> dict[str, list[str]]:
    """Return the settings of a unit by name, each with its values in order."""
    settings: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            settings.setdefault(name, []).append(value)
    return settings

"""The folder of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[2]
"""The folder that contains pyproject.toml."""

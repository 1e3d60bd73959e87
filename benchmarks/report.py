"""The page: tables of the figures, put into the prose of `performance.md`."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.figures import Figures
from benchmarks.tables import summary


def print_summary(figures: Figures) -> None:
    """Tell the ratios on standard output."""
    click.echo(summary(figures))


def write_page(figures: Figures, page: Path) -> None:
    """Write the page."""
    page.write_text(summary(figures))

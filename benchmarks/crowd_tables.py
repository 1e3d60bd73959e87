"""The table of crowds in Markdown: everyone talks at once."""

from __future__ import annotations

from benchmarks.figures import Figures
from benchmarks.parts import crowd
from benchmarks.parts.throughput import window_title
from benchmarks.servers import INSPIRCD, LOBBY, NGIRCD
from benchmarks.tables import table, with_range


def crowd_table(figures: Figures) -> str:
    """Return thousands of deliveries per second of a crowd, for both senses of a window."""
    rows = []
    for shape in (*crowd.CROWDS, *crowd.AUDIENCES):
        for window in shape.windows:
            for is_mean in shape.senses:
                title = f"{shape.title}, {window_title(window)}{', mean' if is_mean else ''}"
                name = crowd.scenario(shape, window, is_mean)
                cells = [
                    with_range(figures, name, each, "per_second", 1000)
                    for each in (LOBBY.name, crowd.EARLIER, NGIRCD.name, INSPIRCD.name)
                ]
                rows.append([title, *cells])
    return table(["", LOBBY.title, crowd.REVISION, NGIRCD.title, INSPIRCD.title], rows)

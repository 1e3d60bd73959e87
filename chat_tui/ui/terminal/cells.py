"""Text in a given number of terminal cells. A CJK character takes two, a combining mark none."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size


def cut(text: str, cells: int) -> str:
    """Return `text` in at most `cells` cells, with an ellipsis if it was cut."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip() + "…" if cells > 0 else ""


def padded(text: str, cells: int) -> str:
    """Return `text` in exactly `cells` cells: cut, or followed by spaces."""
    return set_cell_size(cut(text, cells), max(0, cells))

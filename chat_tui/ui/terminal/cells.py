"""Text in a given number of terminal cells. A CJK character takes two, a combining mark none."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size


def cut(text: str, cells: int) -> str:
    """Return `text` in at most `cells` cells, with an ellipsis if it was cut."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip() + "…" if cells > 0 else ""


def cut_at_word(text: str, cells: int) -> str:
    """Return `text` in at most `cells` cells, cut after a whole word if there is one."""
    if cell_len(text) <= cells:
        return text
    kept = set_cell_size(text, max(0, cells - 1))
    whole = kept if text[len(kept) :].startswith(" ") else kept.rpartition(" ")[0]
    return whole.rstrip(" ,;:.") + "…" if whole.strip() else cut(text, cells)


def padded(text: str, cells: int) -> str:
    """Return `text` in exactly `cells` cells: cut, or followed by spaces."""
    return set_cell_size(cut(text, cells), max(0, cells))

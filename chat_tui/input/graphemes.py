"""Boundaries of grapheme clusters: what a user sees as one character. Pure.

A flag, a family, a letter with its accents, a Hangul syllable and a Devanagari conjunct are several
code points. A cursor between them would split what the user sees.
"""

from __future__ import annotations


def cluster_floor(text: str, index: int) -> int:
    """Return the greatest boundary of a cluster that is not after `index`."""
    if index <= 0 or index >= len(text) or _is_simple(text, index):
        return max(0, min(index, len(text)))
    from wcwidth import grapheme_boundary_before  # not needed before the first such character

    return grapheme_boundary_before(text, index + 1)


def cluster_ceil(text: str, index: int) -> int:
    """Return the smallest boundary of a cluster that is not before `index`."""
    index = max(0, min(index, len(text)))
    while cluster_floor(text, index) != index:
        index += 1
    return index


def snap_to_cluster(text: str, index: int, before: int) -> int:
    """Return the boundary to which a cursor moves from `before` towards `index`."""
    return cluster_ceil(text, index) if index > before else cluster_floor(text, index)


def _is_simple(text: str, index: int) -> bool:
    """Return True if there is surely a boundary: between two ASCII characters in one line."""
    return text[index - 1 : index + 1].isascii() and text[index] != "\n"

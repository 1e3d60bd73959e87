"""Merging of the drafts of two windows of one user, from their last common state. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from chat_tui.input import merge_into_draft


class StoredDraft(NamedTuple):
    """The draft and the unconfirmed messages of one location."""

    draft: str = ""
    unconfirmed: tuple[tuple[datetime, str], ...] = ()
    """Local time and text of each message that may not have arrived."""


def merge(base: StoredDraft, mine: StoredDraft, theirs: StoredDraft) -> tuple[StoredDraft, str]:
    """Return the common state of two windows, and a text of theirs that did not fit into it.

    `base` is the state of this window when it last saw the file, `mine` its state now, and `theirs`
    the content of the file. A change of one window wins over no change of the other. If both have
    changed the draft, the result holds both texts, theirs first.
    """
    draft, left_over = _merge_drafts(base.draft, mine.draft, theirs.draft)
    removed = [item for item in base.unconfirmed if item not in mine.unconfirmed]
    added = [item for item in mine.unconfirmed if item not in base.unconfirmed]
    kept = [item for item in theirs.unconfirmed if item not in removed]
    kept += [item for item in added if item not in theirs.unconfirmed]
    return StoredDraft(draft, tuple(sorted(kept, key=lambda item: item[0]))), left_over


def _merge_drafts(base: str, mine: str, theirs: str) -> tuple[str, str]:
    if mine in (base, theirs):
        return theirs, ""
    if theirs == base or not theirs or mine.startswith(theirs):
        return mine, ""
    if (together := _replace_block(theirs, base, mine)) is not None:
        return together, ""
    if not mine or theirs.startswith(mine):
        return theirs, ""
    if (together := _replace_block(mine, base, theirs)) is not None:
        return together, ""
    together = merge_into_draft(theirs, mine)
    return together, theirs if together == mine else ""


def _replace_block(text: str, block: str, replacement: str) -> str | None:
    """Return `text` with the whole lines `block` replaced. None if it does not have them."""
    lines, old = text.split("\n"), block.split("\n")
    for start in range(len(lines) - len(old) + 1) if block else ():
        if lines[start : start + len(old)] == old:
            new = replacement.split("\n") if replacement else []
            return "\n".join(lines[:start] + new + lines[start + len(old) :])
    return None

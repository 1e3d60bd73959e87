"""The text of several comings and goings in one line. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from chat_tui.model import Entry, Presence

_MAX_NAMES: Final = 5
"""Most names after one verb. The others are counted."""

# Whether a person was there before and is there now -> what happened, in the order of the line.
_VERBS: Final = {
    (False, True): "joined",
    (True, False): "left",
    (True, True): "came back",
    (False, False): "came and went",
}


def fold_presence(entries: Iterable[Entry]) -> Entry:
    """Return one entry in place of several in a row, all of which have a `presence`.

    It has the id and the time of the first. Each person is named once, with what became of them:
    `dave, erin joined · frank left · gina came and went`.
    """
    first, *others = entries
    if not others:
        return first
    was_there: dict[str, bool] = {}
    is_there: dict[str, bool] = {}
    for entry in (first, *others):
        assert entry.presence is not None
        name, joined = entry.presence
        was_there.setdefault(name, not joined)
        is_there[name] = joined
    groups: dict[str, list[str]] = {verb: [] for verb in _VERBS.values()}
    for name, before in was_there.items():
        groups[_VERBS[before, is_there[name]]].append(name)
    text = " · ".join(f"{_listed(names)} {verb}" for verb, names in groups.items() if names)
    anyone_came = any(is_there.values())
    return replace(first, text=text, presence=Presence("", joined=anyone_came))


def _listed(names: list[str]) -> str:
    hidden = len(names) - _MAX_NAMES
    if hidden <= 1:  # "and 1 other" would be as long as a name
        return ", ".join(names)
    return f"{', '.join(names[:_MAX_NAMES])} and {hidden} others"

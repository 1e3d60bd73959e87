"""The choice of the keys that the footer shows: five at most, and only those that fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from rich.cells import cell_len
from textual.binding import ActiveBinding, Binding

_MAX_KEYS: Final = 5

_PADDING: Final = 3
"""Cells around a key and its description in Textual's footer."""

_WIDE: Final = ("app.help", "jump", "find", "quit", "side('rooms')")
_FOLDED: Final = ("side('rooms')", "side('people')", "jump", "app.help", "quit")
"""Actions by falling priority, after the urgent ones. A folded sidebar needs a key."""

_DISPLAY_ORDER: Final = (
    "app.help",
    "next_unread",
    "side('rooms')",
    "side('people')",
    "jump",
    "find",
    "quit",
)
"""The order in the footer. It does not depend on the focus, so that keys keep their positions."""


def select_footer_keys(
    bindings: dict[str, ActiveBinding],
    urgent: Sequence[str],
    pane: Collection[object],
    labels: Mapping[str, str],
    *,
    folded: bool,
    width: int,
    key_display: Callable[[Binding], str],
) -> dict[str, ActiveBinding]:
    """Return the same bindings with at most five of them shown, those first.

    The `urgent` actions have priority, then the shown bindings of the nodes in `pane`, the focused
    pane. `labels`: descriptions that depend on the state, by action. An action with an empty one is
    not shown. `folded`: a sidebar is folded. `key_display` returns a key as the footer writes it. A
    key that does not fit into `width` cells as a whole is left out.
    """
    bindings = {key: _labelled(active, labels) for key, active in bindings.items()}
    by_action: dict[str, Binding] = {}
    for active in bindings.values():
        if active.binding.description:
            by_action.setdefault(active.binding.action, active.binding)
    of_pane = [a.binding.action for a in bindings.values() if a.binding.show and a.node in pane]
    candidates = [*urgent, *of_pane, *(_FOLDED if folded else _WIDE)]
    shown: list[str] = []
    for action in dict.fromkeys(candidates):
        binding = by_action.get(action)
        if binding is None or len(shown) == _MAX_KEYS:
            continue
        cells = cell_len(key_display(binding)) + cell_len(binding.description) + _PADDING
        if cells <= width:
            shown.append(action)
            width -= cells
    shown.sort(key=lambda a: _DISPLAY_ORDER.index(a) if a in _DISPLAY_ORDER else -1)
    marked = {
        key: active._replace(binding=replace(active.binding, show=active.binding.action in shown))
        for key, active in bindings.items()
    }
    return dict(sorted(marked.items(), key=lambda item: _position(item[1].binding.action, shown)))


def _labelled(active: ActiveBinding, labels: Mapping[str, str]) -> ActiveBinding:
    label = labels.get(active.binding.action)
    if label is None:
        return active
    return active._replace(binding=replace(active.binding, description=label))


def _position(action: str, shown: Sequence[str]) -> int:
    return shown.index(action) if action in shown else len(shown)

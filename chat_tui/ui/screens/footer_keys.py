"""The choice of the keys that the footer shows: five at most."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from textual.binding import ActiveBinding

_MAX_KEYS: Final = 5

_WIDE: Final = ("app.help", "jump", "find", "quit", "side('rooms')")
_FOLDED: Final = ("side('rooms')", "side('people')", "jump", "app.help", "quit")
"""Actions by falling priority, after the urgent ones. A folded sidebar needs a key."""

_DISPLAY_ORDER: Final = (
    "app.help",
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
    *,
    folded: bool,
) -> dict[str, ActiveBinding]:
    """Return the same bindings with at most five of them shown, those first.

    The `urgent` actions have priority, then the shown bindings of the nodes in `pane`, the focused
    pane. `folded`: a sidebar is folded.
    """
    active_actions = {active.binding.action for active in bindings.values()}
    of_pane = [a.binding.action for a in bindings.values() if a.binding.show and a.node in pane]
    candidates = [*urgent, *of_pane, *(_FOLDED if folded else _WIDE)]
    shown = [action for action in dict.fromkeys(candidates) if action in active_actions]
    del shown[_MAX_KEYS:]
    shown.sort(key=lambda a: _DISPLAY_ORDER.index(a) if a in _DISPLAY_ORDER else -1)
    marked = {
        key: active._replace(binding=replace(active.binding, show=active.binding.action in shown))
        for key, active in bindings.items()
    }
    return dict(sorted(marked.items(), key=lambda item: _position(item[1].binding.action, shown)))


def _position(action: str, shown: Sequence[str]) -> int:
    return shown.index(action) if action in shown else len(shown)

"""Which keys the footer shows: the five that matter now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from textual.binding import ActiveBinding

_MAX_KEYS: Final = 5

_WIDE: Final = ("app.help", "jump", "find", "quit", "side('rooms')")
_FOLDED: Final = ("side('rooms')", "side('people')", "jump", "app.help", "quit")
"""Actions in the order in which they are wanted, where nothing else is; folded lists need a key."""

_IN_ROW: Final = ("app.help", "side('rooms')", "side('people')", "jump", "find", "quit")
"""The order in which they stand, whatever has the focus: a hand finds them without looking."""


def select_footer_keys(
    bindings: dict[str, ActiveBinding],
    urgent: Sequence[str],
    pane: Collection[object],
    *,
    folded: bool,
) -> dict[str, ActiveBinding]:
    """The same bindings, of which at most five are to be shown, and those first.

    Those of `urgent` actions are the first, then what the nodes of the focused `pane` show of
    their own. `folded`: a list is not in view.
    """
    possible = {active.binding.action for active in bindings.values()}
    own = [a.binding.action for a in bindings.values() if a.binding.show and a.node in pane]
    wanted = [*urgent, *own, *(_FOLDED if folded else _WIDE)]
    kept = [action for action in dict.fromkeys(wanted) if action in possible][:_MAX_KEYS]
    kept.sort(key=lambda action: _IN_ROW.index(action) if action in _IN_ROW else -1)
    shown = {
        key: active._replace(binding=replace(active.binding, show=active.binding.action in kept))
        for key, active in bindings.items()
    }
    first = sorted(shown.items(), key=lambda item: _place(item[1].binding.action, kept))
    return dict(first)


def _place(action: str, kept: Sequence[str]) -> int:
    return kept.index(action) if action in kept else len(kept)

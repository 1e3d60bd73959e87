"""Which keys the footer shows: the five that matter now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from textual.binding import ActiveBinding

_FIVE: Final = 5

_WIDE: Final = ("app.help", "jump", "find", "quit", "side('rooms')")
_FOLDED: Final = ("side('rooms')", "side('people')", "jump", "app.help", "quit")
"""Actions in the order in which they are wanted, where nothing else is; folded lists need a key."""


def five_keys(
    bindings: dict[str, ActiveBinding], urgent: Sequence[str], pane: object, *, folded: bool
) -> dict[str, ActiveBinding]:
    """The same bindings, of which at most five are to be shown.

    Those of `urgent` actions come first, then what the focused `pane` shows of its own. `folded`:
    a list is not in view.
    """
    possible = {active.binding.action for active in bindings.values()}
    own = [a.binding.action for a in bindings.values() if a.binding.show and a.node is pane]
    wanted = [*urgent, *own, *(_FOLDED if folded else _WIDE)]
    kept = [action for action in dict.fromkeys(wanted) if action in possible][:_FIVE]
    return {
        key: active._replace(binding=replace(active.binding, show=active.binding.action in kept))
        for key, active in bindings.items()
    }

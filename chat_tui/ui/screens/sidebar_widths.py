"""The widths of the sidebars: as wide as their content needs, while the text has room."""

from __future__ import annotations

from typing import Final

from textual.screen import Screen

from chat_tui.ui.view_options import ViewOptions
from chat_tui.ui.widgets import (
    MAX_CHOSEN_SIDEBAR,
    MAX_SIDEBAR,
    MIN_SIDEBAR,
    PeopleList,
    RoomList,
    Sidebar,
)

MEDIUM_COLUMNS: Final = 60
"""Columns from which the list of rooms is next to the log."""

WIDE_COLUMNS: Final = 90
"""Columns from which the list of people is next to the log, too."""

_MIN_LOG: Final = 68
"""Cells that the log keeps while a sidebar can be narrower, without the names of authors: 55 for
the text, 10 for the time and gaps, 3 at the right edge."""

_MIN_LOG_ALONE: Final = 58
"""The same if there is only one sidebar: 45 for the text. At 80 columns, the list of rooms then has
up to 16 cells, and shows most names together with their mentions."""

_MIN_CHOSEN_LOG: Final = 30
"""Cells that the log keeps whatever the user chooses."""


_UNBOUNDED: Final = 1_000
"""Columns for sidebars that take none from the log."""


def fit_widths(
    total: int, needed: list[int], chosen: list[int | None], names: int = 6
) -> list[int]:
    """Return the widths of the sidebars of a screen with `total` columns.

    `needed` are the widths of their content, `chosen` those that the user wants (None: as needed).
    `names` is the width of the authors' column.
    """
    widths = [
        max(MIN_SIDEBAR, min(need, MAX_SIDEBAR))
        if choice is None
        else max(MIN_SIDEBAR, min(choice, MAX_CHOSEN_SIDEBAR))
        for need, choice in zip(needed, chosen, strict=True)
    ]
    automatic = [index for index, choice in enumerate(chosen) if choice is None]
    min_log = _MIN_LOG if len(widths) > 1 else _MIN_LOG_ALONE
    _shrink(widths, automatic, total - min_log - names)
    _shrink(widths, range(len(widths)), total - _MIN_CHOSEN_LOG)
    return widths


def _shrink(widths: list[int], indexes: list[int] | range, room: int) -> None:
    """Make the widest of some sidebars narrower until all fit in `room`, or none can shrink."""
    while sum(widths) > room:
        widest = max(indexes, key=lambda index: widths[index], default=None)
        if widest is None or widths[widest] <= MIN_SIDEBAR:
            return
        widths[widest] -= 1


class SidebarWidths:
    """The widths of the two sidebars of a screen.

    While the screen keeps its width, a sidebar gets narrower only for longer names of authors: each
    change wraps the log again.
    """

    def __init__(self, screen: Screen[None], view: ViewOptions) -> None:
        self._screen = screen
        self._view = view
        self._columns = 0
        self._needed = {"rooms": 0, "people": 0}
        self._names = 6

    def fit_names(self, longest: int) -> None:
        """Leave room for names of authors of at most that many cells, as far as they are common."""
        names = max(6, min(longest, 8))
        if names != self._names:
            self._names = names
            self.fit()

    def fit(self) -> None:
        """Set the widths for what the sidebars hold now. Call it after they were drawn."""
        screen, view = self._screen, self._view
        columns = screen.app.size.width
        if columns != self._columns:
            self._columns = columns
            self._needed = dict.fromkeys(self._needed, 0)
        sidebars: dict[str, tuple[Sidebar, int | None]] = {
            "rooms": (screen.query_one(RoomList), view.rooms_width),
            "people": (screen.query_one(PeopleList), view.people_width),
        }
        for name, (sidebar, _) in sidebars.items():
            self._needed[name] = max(self._needed[name], sidebar.needed_width)
        # A folded sidebar lies over the log, if it is shown at all.
        least = {"rooms": MEDIUM_COLUMNS, "people": WIDE_COLUMNS}
        unfolded = [name for name in sidebars if columns >= least[name]]
        folded = [name for name in sidebars if name not in unfolded]
        for names, total in ((unfolded, columns), (folded, _UNBOUNDED)):
            widths = fit_widths(
                total,
                [self._needed[name] for name in names],
                [sidebars[name][1] for name in names],
                self._names,
            )
            for name, width in zip(names, widths, strict=True):
                sidebars[name][0].set_width(min(width, max(1, columns)))

    def choose(self, sidebar: Sidebar, width: int) -> None:
        """Give a sidebar the width that the user chose."""
        width = max(MIN_SIDEBAR, min(width, MAX_CHOSEN_SIDEBAR))
        if isinstance(sidebar, RoomList):
            self._view.rooms_width = width
        else:
            self._view.people_width = width
        self.fit()

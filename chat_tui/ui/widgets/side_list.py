"""SideList: the list in a sidebar. It keeps its scroll position while its rows change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class SideRow(NamedTuple):
    """One row. `key` identifies it; None: it cannot be chosen."""

    key: str | None
    content: Content


class SideList(OptionList):
    """An `OptionList` whose rows are replaced as a whole."""

    # A click chooses a row; what is typed next still goes to the composer.
    FOCUS_ON_CLICK = False

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", "Choose")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, compact=True, markup=False)
        self._rows: list[SideRow] = []

    def show(self, rows: Sequence[SideRow]) -> None:
        """Show these rows. The highlight and the scroll position stay if possible."""
        if list(rows) == self._rows:
            return
        same_keys = [row.key for row in rows] == [row.key for row in self._rows]
        if same_keys:
            for index, (row, old) in enumerate(zip(rows, self._rows, strict=True)):
                if row.content != old.content:
                    self.replace_option_prompt_at_index(index, row.content)
        else:
            highlighted = self.highlighted_option
            kept = None if highlighted is None else highlighted.id
            scrolled = self.scroll_y
            self.set_options(
                Option(row.content, id=row.key, disabled=row.key is None) for row in rows
            )
            if kept is not None and any(row.key == kept for row in rows):
                self.highlighted = self.get_option_index(kept)
            self.scroll_to(y=scrolled, animate=False)
        self._rows = list(rows)

    @property
    def row_width(self) -> int:
        """The width of a row in cells, at least 1."""
        return max(1, self.scrollable_content_region.width)

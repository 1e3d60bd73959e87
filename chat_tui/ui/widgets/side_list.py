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
        self._current: str | None = None

    def show(self, rows: Sequence[SideRow], current: str | None = None) -> None:
        """Show these rows. The highlight and the scroll position stay if possible.

        `current` is the key of the row that the user is at. It is scrolled into view when it is
        another one, and stays in view if it was.
        """
        follows = current != self._current or self._is_in_view(current)
        self._current = current
        self._replace(rows)
        if follows:
            self.call_after_refresh(self._scroll_to_current)

    def scrolls(self, rows: int) -> bool:
        """Return True if that many rows need a scrollbar, which takes one cell of each."""
        return 0 < self.size.height < rows

    def on_resize(self) -> None:
        """Keep the current row in view."""
        self._scroll_to_current()

    def _index_of(self, key: str | None) -> int | None:
        keys = [row.key for row in self._rows]
        return keys.index(key) if key is not None and key in keys else None

    def _is_in_view(self, key: str | None) -> bool:
        index, height = self._index_of(key), self.scrollable_content_region.height
        return index is not None and 0 <= index - self.scroll_offset.y < height

    def _scroll_to_current(self) -> None:
        index, height = self._index_of(self._current), self.scrollable_content_region.height
        if index is None or not height:
            return
        top = self.scroll_offset.y
        if not 0 <= index - top < height:
            top = index if index < top else index - height + 1
            self.scroll_to(y=top, animate=False)

    def _replace(self, rows: Sequence[SideRow]) -> None:
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

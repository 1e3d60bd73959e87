"""The selected text of a log: as spans of its rows, and as text for the clipboard.

Textual counts a selection in rows and in characters of what is drawn in a row.
"""

from __future__ import annotations

from rich.cells import cell_len, split_graphemes
from textual.geometry import Offset
from textual.selection import Selection
from textual.widget import Widget

from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.log_rows import TEXT_ROWS, Row, RowKind, head_of, shown_text

_RIGHT_OF_ALL = 1 << 16
"""The number of a character to the right of the last one of every row."""


def text_at(layout: LogLayout, row: Row) -> int:
    """Return the character of a row at which the text of the entry begins, as it is counted.

    `LogStrips` counts one character for each cell before the text, whatever is drawn there: the
    first visible row names its author, and the same row further down may not.
    """
    return layout.columns.text + row.indent


def character_at(layout: LogLayout, row: Row, cell: int) -> int | None:
    """Return the character of the entry's text that is drawn at a cell of a row, or None."""
    cell -= layout.columns.text + row.indent
    shown = shown_text(layout.shown(row.entry))[row.start : row.end]
    column = 0
    for start, _, cells in split_graphemes(shown)[0]:
        if column <= cell < column + cells:
            return row.start + start
        column += cells
    return None


def author_at(layout: LogLayout, row: Row, cell: int) -> str:
    """Return the author whose name is drawn at a cell of a row. Empty if none is, or the user."""
    entry = layout.shown(row.entry)
    if row.kind is not RowKind.HEAD or entry.own:
        return ""
    time, space, label, _ = head_of(row, entry, layout.columns)
    start = cell_len(time + space)
    return entry.author if start <= cell < start + cell_len(label) else ""


def selected_text(layout: LogLayout, selection: Selection) -> str:
    """Return the selected messages as they were before wrapping, one a line.

    If the selection begins before the text of a message, the time and the author are part of the
    result, even if the log does not repeat them. Both ends of the selection are set.
    """
    rows = layout.rows
    assert selection.start is not None
    assert selection.end is not None
    first, last = max(0, selection.start.y), min(selection.end.y, len(rows) - 1)
    text = ""
    before: Row | None = None
    for number in range(first, last + 1):
        row = rows[number]
        span = selection.get_span(number)
        if span is None or row.kind not in TEXT_ROWS:
            continue
        entry = layout.shown(row.entry)
        shown = shown_text(entry)
        start, end = span
        begins_at = text_at(layout, row)
        begin = min(row.end, row.start + max(0, start - begins_at))
        stop = row.end if end == -1 else min(row.end, row.start + max(0, end - begins_at))
        if before is not None:
            text += shown[before.end : row.start] if before.entry == row.entry else "\n"
        if row.kind is not RowKind.REST and start < begins_at - layout.columns.gap:
            text += f"{entry.timestamp:%H:%M} " + (f"{entry.author}: " if entry.author else "")
        text += shown[begin:stop]
        before = row
    return text


def selection_of(layout: LogLayout, entry_id: int) -> Selection | None:
    """Return the selection of the whole text of an entry, None if it has no text."""
    first, end = layout.first_row_of(entry_id), layout.first_row_of(entry_id + 1)
    numbers = [number for number in range(first, end) if layout.rows[number].kind in TEXT_ROWS]
    if not numbers:
        return None
    head, last = layout.rows[numbers[0]], layout.rows[numbers[-1]]
    stop = text_at(layout, last) + last.end - last.start
    return Selection(Offset(text_at(layout, head), numbers[0]), Offset(stop, numbers[-1]))


def bounded(selection: Selection, first_row: int, last_row: int) -> Selection:
    """Return the selection with both ends set.

    Textual leaves an end open if the drag left the log there; it becomes the edge of the view.
    """
    start, end = selection
    if start is None:
        start = Offset(0, first_row)
    if end is None:
        end = Offset(_RIGHT_OF_ALL, last_row)
    return Selection(start, end)


class LogSelection:
    """The selection in one log, with both ends set, kept in step with the one of the screen."""

    def __init__(self, widget: Widget, layout: LogLayout) -> None:
        self._widget = widget
        self._layout = layout
        self._selected: Selection | None = None

    @property
    def text(self) -> str:
        """The selected text, empty if there is none."""
        return "" if self._selected is None else selected_text(self._layout, self._selected)

    def span(self, number: int) -> tuple[int, int] | None:
        """Return the selected characters of a row, the last one -1 for its end; None: none."""
        return None if self._selected is None else self._selected.get_span(number)

    def update(self, selection: Selection | None, first_row: int, last_row: int) -> None:
        """Take over the selection of the screen; the rows are those at the edges of the view."""
        self._selected = None if selection is None else bounded(selection, first_row, last_row)
        self._widget.refresh()

    def select_entry(self, entry_id: int) -> None:
        """Select the whole text of an entry."""
        self._select(selection_of(self._layout, entry_id))

    def clear(self) -> None:
        """Select nothing: the rows have other numbers or other text now."""
        if self._selected is not None:
            self._select(None)

    def rows(self) -> tuple[Row, Row] | None:
        """Return the first and the last selected row, for `follow`. None: nothing is selected."""
        rows = self._layout.rows
        if self._selected is None or not rows:
            return None
        start, end = self._selected.start, self._selected.end
        assert start is not None
        assert end is not None
        last = len(rows) - 1
        return rows[min(start.y, last)], rows[min(end.y, last)]

    def follow(self, before: tuple[Row, Row] | None, shift: int = 0) -> None:
        """Keep the same text selected after rows were added or removed above or below it.

        `before`: the result of `rows` before the change. `shift`: what was added to entry ids.
        """
        rows = self._layout.rows
        if self._selected is None or before is None:
            return
        first, last = (row._replace(entry=row.entry + shift) for row in before)
        start, end = self._selected.start, self._selected.end
        assert start is not None
        assert end is not None
        if not rows or last.entry < rows[0].entry or first.entry > rows[-1].entry:
            self._select(None)
            return
        begin = Offset(start.x, self._layout.matching_row(first))
        if first.entry < rows[0].entry:
            begin = Offset(0, 0)
        stop = Offset(end.x, self._layout.matching_row(last))
        if last.entry > rows[-1].entry:
            stop = Offset(_RIGHT_OF_ALL, len(rows) - 1)
        if (begin, stop) != (start, end):
            self._select(Selection(begin, stop))

    def _select(self, selection: Selection | None) -> None:
        self._selected = selection
        screen = self._widget.screen
        selections = dict(screen.selections)
        selections.pop(self._widget, None)
        if selection is not None:
            selections[self._widget] = selection
        screen.selections = selections

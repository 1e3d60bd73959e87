"""What is selected in a log: drawn over its rows, and as text for the clipboard. No widget.

Textual tells a selection in rows and in characters of what is drawn in a row.
"""

from __future__ import annotations

from rich.cells import split_graphemes
from textual.geometry import Offset
from textual.selection import Selection

from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.log_rows import TEXT_ROWS, Row, RowKind, head_of, shown_text

_RIGHT_OF_ALL = 1 << 16
"""A character to the right of every row's last."""


def text_at(layout: LogLayout, row: Row) -> int:
    """The character of a drawn row at which the entry's own text begins."""
    return sum(map(len, head_of(row, layout.log[row.entry], layout.columns)))


def character_at(layout: LogLayout, row: Row, cell: int) -> int | None:
    """The character of the entry's text that is drawn at this cell of a row; None: none is."""
    cell -= layout.columns.text
    shown = shown_text(layout.log[row.entry])[row.start : row.end]
    column = 0
    for start, _, cells in split_graphemes(shown)[0]:
        if column <= cell < column + cells:
            return row.start + start
        column += cells
    return None


def selected_text(layout: LogLayout, selection: Selection) -> str:
    """The selected messages as they were before wrapping, one a line.

    Where the selection begins before a message's text, its time and author are part of it, also
    those that the log does not repeat. Both ends are bounded.
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
        entry = layout.log[row.entry]
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
    """The selection of the whole text of one entry, None where it has none."""
    first, end = layout.first_row_of(entry_id), layout.first_row_of(entry_id + 1)
    numbers = [number for number in range(first, end) if layout.rows[number].kind in TEXT_ROWS]
    if not numbers:
        return None
    head, last = layout.rows[numbers[0]], layout.rows[numbers[-1]]
    stop = text_at(layout, last) + last.end - last.start
    return Selection(Offset(text_at(layout, head), numbers[0]), Offset(stop, numbers[-1]))


def bounded(selection: Selection, first_row: int, last_row: int) -> Selection:
    """The selection where a drag that left the log took it: to the edge of what is in view."""
    start, end = selection
    if start is None:
        start = Offset(0, first_row)
    if end is None:
        end = Offset(_RIGHT_OF_ALL, last_row)
    return Selection(start, end)


def moved_up(selection: Selection, rows: int) -> Selection | None:
    """The selection after `rows` rows above it are gone; None where it went with them."""
    start, end = selection
    assert start is not None
    assert end is not None
    if end.y < rows:
        return None
    begin = Offset(start.x, start.y - rows) if start.y >= rows else Offset(0, 0)
    return Selection(begin, Offset(end.x, end.y - rows))

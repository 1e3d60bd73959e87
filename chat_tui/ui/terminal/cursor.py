"""The cell of the cursor in a text field. Input methods open their window at this cell."""

from __future__ import annotations

from rich.cells import cell_len
from textual.geometry import Offset
from textual.widget import Widget
from textual.widgets import Input


def cursor_cell(field: Widget | None) -> Offset | None:
    """Return the cell on the screen at which the next character appears; None: not a text field.

    Textual's own offsets are one cell too far at the end of an `Input`, count the hidden characters
    of a password, and are out of date until the first key.
    """
    if field is None:
        return None
    if isinstance(field, Input):
        before = field.value[: field.cursor_position]
        x, y = len(before) if field.password else cell_len(before), 0
    else:
        from textual.widgets import TextArea  # the login form, which is first, has none

        if not isinstance(field, TextArea):
            return None
        x, y = field.wrapped_document.location_to_offset(field.cursor_location)
        x += field.gutter_width
    region = field.content_region
    return region.offset + Offset(x, y) - field.scroll_offset

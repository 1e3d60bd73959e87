"""MessageLog: what was said in a room, on Textual's line API.

No stock widget wraps again when the width changes, keeps its place while others talk, and lets text
be selected; see the notes on each method for how that is done here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from chat_tui.model import Entry, RoomLog
from chat_tui.ui.theme import HUES
from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.log_painting import STYLE_NAMES, RowRenderer, highlighted
from chat_tui.ui.widgets.log_rows import MESSAGE_KINDS, Row, RowKind, wrap
from chat_tui.ui.widgets.log_selection import (
    bounded,
    moved_up,
    selected_text,
    selection_of,
)

_STRIPS_KEPT: Final = 512
"""Rows that are kept as they were drawn: a few screens' worth."""


class MessageLog(ScrollView, can_focus=True):
    """Draws a `RoomLog`: the newest at the bottom, followed until somebody scrolls up.

    Only the screen's thread calls it. It keeps nothing that is said but row numbers and offsets;
    entries stay in the `RoomLog`.
    """

    # A click selects text or presses a mark; what is typed next still goes to the composer.
    FOCUS_ON_CLICK = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"message-log--{name}" for name in STYLE_NAMES} | {
        f"message-log--author-{hue}" for hue in range(HUES)
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("end", "follow", "Newest", id="log.newest"),
    ]

    @dataclass
    class ResendRequested(Message):
        """Somebody clicked on the mark of an unconfirmed message."""

        entry_id: int

    def __init__(
        self, now: Callable[[], datetime] = datetime.now, *, id: str | None = None
    ) -> None:
        """`now` gives the local time without zone."""
        super().__init__(id=id)
        self._now = now
        self._log_layout = LogLayout()
        self._mention: re.Pattern[str] | None = None
        self._hint = ""
        self._following = True
        self._new_below = 0
        self._placing = False
        self._selected: Selection | None = None  # as Textual's, but with both ends
        self._cached_renderer: RowRenderer | None = None
        self._strips: LRUCache[int, Strip] = LRUCache(_STRIPS_KEPT)  # by the row's number
        self._drawn_as_of = 0  # the layout's `rewritten` when `_strips` was right

    def on_mount(self) -> None:
        """Hear of it when somebody turns to another window, and back."""
        self.watch(self.app, "app_focus", self._view_changed, init=False)

    # What the screen tells and asks

    def show(self, log: RoomLog, mention: re.Pattern[str] | None, hint: str) -> None:
        """Draw `log` from here on; if it is drawn already, what changed in it.

        `mention` finds what is addressed to who reads it. `hint` stands in an empty log.
        """
        if mention != self._mention or hint != self._hint:
            self._mention, self._hint, self._cached_renderer = mention, hint, None
            self._strips.clear()
            self.refresh()
        if log is self._log_layout.log:
            self._apply_changes()
            return
        self._log_layout.log.read_marker.unfocus(self._now())
        log.take_changed()
        self._log_layout.start(log)
        self._unselect()
        self._follow()

    def set_resend_key(self, key: str) -> None:
        """Say under each unconfirmed message that this key sends it again."""
        anchor = self._anchor()
        if self._log_layout.set_resend_key(key):
            self._unselect()
            self._restore_view(anchor)

    @property
    def following(self) -> bool:
        """Whether the newest entry is in view and will be when another comes."""
        return self._following

    @property
    def new_below(self) -> int:
        """How many messages came since somebody scrolled up."""
        return self._new_below

    @property
    def top_entry(self) -> int | None:
        """The id of the entry at the top of the view, None in an empty log."""
        top = self._top_row()
        return None if top is None else top.entry

    def action_follow(self) -> None:
        """Go to the newest entry and follow what comes."""
        self._follow()

    # Rows and the place among them

    def _apply_changes(self) -> None:
        """New entries, changed ones, forgotten ones; the view stays where it is."""
        layout = self._log_layout
        changed = [entry_id for entry_id in layout.log.take_changed() if entry_id < layout.end]
        fresh = layout.log.entries(layout.end)
        if not changed and not fresh:
            return
        anchor = self._anchor()
        self._mark_new(fresh)
        layout.update(changed, fresh)
        if dropped := layout.trim():
            self._move_selection_up(dropped)
        self._restore_view(anchor)

    def _mark_new(self, fresh: list[Entry]) -> None:
        """Have the rule "new" above the first entry that came while nobody looked there."""
        layout = self._log_layout
        if layout.new_from != layout.log.read_marker.new_from:
            layout.move_new_rule(layout.log.read_marker.new_from)
        if not self._following:
            self._new_below += sum(entry.kind in MESSAGE_KINDS and not entry.own for entry in fresh)

    def _view_changed(self) -> None:
        """Where somebody looks may have changed."""
        seen = self._log_layout.log.read_marker
        if self._following and self.app.app_focus:
            seen.focus()
        else:
            seen.unfocus(self._now())

    def _top_row(self) -> Row | None:
        rows = self._log_layout.rows
        return rows[min(self.scroll_offset.y, len(rows) - 1)] if rows else None

    def _anchor(self) -> Row | None:
        """The row that has to stay at the top, None where the end is followed."""
        return None if self._following else self._top_row()

    def _restore_view(self, anchor: Row | None) -> None:
        """Rows have changed: tell the scrollbar, and keep `anchor` at the top (None: the end)."""
        layout = self._log_layout
        if layout.rewritten != self._drawn_as_of:
            self._drawn_as_of = layout.rewritten
            self._strips.clear()
        self._placing = True
        try:
            self.virtual_size = Size(layout.columns.width, len(layout.rows))
            top = self.max_scroll_y if anchor is None else layout.matching_row(anchor)
            self.scroll_to(y=top, animate=False)
        finally:
            self._placing = False
        self.refresh()

    def _follow(self) -> None:
        self._following = True
        self._new_below = 0
        self._view_changed()
        self._restore_view(None)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Somebody scrolled, or rows were put in place: only the former changes what we follow."""
        super().watch_scroll_y(old_value, new_value)
        if self._placing:
            return
        self._following = round(new_value) >= self.max_scroll_y
        if self._following:
            self._new_below = 0
        self._view_changed()
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Wrap again for another width; the entry at the top stays there."""
        width = self.scrollable_content_region.width
        anchor = self._anchor()
        if width > 0 and width != self._log_layout.columns.width:
            self._log_layout.set_width(width)
            self._unselect()
        self._restore_view(anchor)

    # Drawing

    def notify_style_update(self) -> None:
        """The theme has changed: nothing drawn so far is right."""
        super().notify_style_update()
        self._cached_renderer = None
        self._strips.clear()

    def _renderer(self) -> RowRenderer:
        if self._cached_renderer is None:
            names = [f"message-log--{name}" for name in STYLE_NAMES]
            styles = dict(zip(STYLE_NAMES, map(self.get_component_rich_style, names), strict=True))
            hues = [self.get_component_rich_style(f"message-log--author-{n}") for n in range(HUES)]
            self._cached_renderer = RowRenderer(styles, hues, self.rich_style, self._mention)
        return self._cached_renderer

    def render_line(self, y: int) -> Strip:
        """Draw the row at `y` of the view. Called by Textual."""
        width, height = self.scrollable_content_region.size
        base = self._renderer().base
        if not self._log_layout.rows:
            return self._hint_line(y, width, height).adjust_cell_length(width, base)
        number = self.scroll_offset.y + y
        if number >= len(self._log_layout.rows):
            return Strip.blank(width, base)
        strip = self._row_strip(number).adjust_cell_length(width, base)
        if y == height - 1 and not self._following:
            label = self._below_label()
            left = strip.crop(0, max(0, width - cell_len(label)))
            return Strip.join([left, self._below_strip(label)])
        return strip

    def _row_strip(self, number: int) -> Strip:
        span = None if self._selected is None else self._selected.get_span(number)
        if span is None and (kept := self._strips.get(number)) is not None:
            return kept
        layout = self._log_layout
        row = layout.rows[number]
        painter = self._renderer()
        painter.new_since, painter.hint = layout.log.read_marker.since, layout.hint
        pieces = painter.pieces(row, layout.log[row.entry], layout.columns)
        if span is not None:
            style = self.screen.get_component_rich_style("screen--selection")
            # Its colour is none, which is not what one reads in: only the ground is taken over.
            pieces = highlighted(pieces, span, Style(bgcolor=style.bgcolor))
        strip = Strip([Segment(text, style) for text, style in pieces]).apply_offsets(0, number)
        if span is None:
            self._strips[number] = strip
        return strip

    def _below_label(self) -> str:
        return f" ↓ {self._new_below} new below · End " if self._new_below else " ↓ End "

    def _below_strip(self, label: str) -> Strip:
        style = self.get_component_rich_style(
            "message-log--below" if self._new_below else "message-log--below-nothing"
        )
        return Strip([Segment(label, style)], cell_len(label))

    def _hint_line(self, y: int, width: int, height: int) -> Strip:
        base = self._renderer().base
        rows = wrap(self._hint, max(1, min(44, width - 4))) if self._hint else []
        number = y - max(0, (height - len(rows)) // 2)
        if not 0 <= number < len(rows):
            return Strip.blank(width, base)
        start, end = rows[number]
        text = self._hint[start:end].strip()
        style = self.get_component_rich_style("message-log--empty")
        left = " " * max(0, (width - cell_len(text)) // 2)
        return Strip([Segment(left, base), Segment(text, style)])

    # The mouse and the selection

    def on_click(self, event: events.Click) -> None:
        """A click on a mark presses it; a double click selects the message under it."""
        if self._is_on_label(event):
            event.stop()
            self.action_follow()
            return
        number = self.scroll_offset.y + event.y
        if number >= len(self._log_layout.rows):
            return
        row = self._log_layout.rows[number]
        if row.kind is RowKind.HINT:
            event.stop()
            self.post_message(self.ResendRequested(row.entry))
        elif event.chain >= 2:
            event.stop()
            event.prevent_default()  # Textual would select the whole log, or screen
            self._select(selection_of(self._log_layout, row.entry))

    def _is_on_label(self, event: events.Click) -> bool:
        width, height = self.scrollable_content_region.size
        on_it = event.y == height - 1 and event.x >= width - cell_len(self._below_label())
        return on_it and not self._following

    @property
    def has_selected_text(self) -> bool:
        """Whether there is anything selected."""
        selected = self._selected
        return selected is not None and bool(selected_text(self._log_layout, selected))

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, for the clipboard. Called by Textual."""
        text = "" if self._selected is None else selected_text(self._log_layout, self._selected)
        return (text, "\n") if text else None

    def selection_updated(self, selection: Selection | None) -> None:
        """The selection has changed: keep what it means now, and draw it. Called by Textual."""
        top = self.scroll_offset.y
        bottom = top + self.scrollable_content_region.height - 1
        self._selected = None if selection is None else bounded(selection, top, bottom)
        self.refresh()

    def _unselect(self) -> None:
        if self._selected is not None:
            self._select(None)

    def _move_selection_up(self, rows: int) -> None:
        if self._selected is not None:
            self._select(moved_up(self._selected, rows))

    def _select(self, selection: Selection | None) -> None:
        self._selected = selection
        selections = dict(self.screen.selections)
        selections.pop(self, None)
        if selection is not None:
            selections[self] = selection
        self.screen.selections = selections

"""WireLines: the lines of the wire log, wrapped, the newest at the bottom."""

from __future__ import annotations

from itertools import takewhile
from typing import ClassVar, Final, NamedTuple

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from chat_tui.model import Direction, WireLine, WireLog
from chat_tui.ui.widgets.log_wrapping import wrap

_MIN_WIDTH_FOR_MILLISECONDS: Final = 60
"""Width in cells from which times are shown with milliseconds."""

_NAMES: Final = {Direction.SENT: "sent", Direction.RECEIVED: "received", Direction.NOTE: "note"}


class _Row(NamedTuple):
    number: int
    line: WireLine
    start: int
    end: int


_EMPTY: Final = "No lines yet. They appear once you sign in."


class WireLines(ScrollView, can_focus=True):
    """A view of a `WireLog`. The newest line is followed until the user scrolls up."""

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"wire-lines--{name}" for name in ("time", *_NAMES.values())
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("end", "follow", "Newest", show=False, id="wire.newest"),
    ]

    def __init__(self, record: WireLog, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._record = record
        self._rows: list[_Row] = []
        self._next = record.first  # the number of the first line that has no rows yet
        self._following = True
        self._is_placing = False  # `_place` sets the scroll position, not the user

    def update(self) -> None:
        """Draw new lines; remove the lines that the wire log no longer keeps."""
        if self._next == self._record.end:
            return
        self._next = max(self._next, self._record.first)
        gone = len(list(takewhile(lambda row: row.number < self._record.first, self._rows)))
        del self._rows[:gone]
        for number, line in enumerate(self._record.since(self._next), self._next):
            self._rows += self._rows_of(number, line)
        self._next = self._record.end
        self._place(max(0, self.scroll_offset.y - gone))

    def action_follow(self) -> None:
        """Go to the newest line and follow what comes."""
        self._following = True
        self._place(0)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow or stop following after the user scrolled. Textual calls it."""
        super().watch_scroll_y(old_value, new_value)
        if not self._is_placing:
            self._following = round(new_value) >= self.max_scroll_y

    def on_resize(self, event: events.Resize) -> None:
        """Wrap again for another width; the line at the top stays there."""
        top = self.scroll_offset.y
        number = self._rows[top].number if top < len(self._rows) else 0
        lines = [(row.number, row.line) for row in self._rows if row.start == 0]
        self._rows = [row for line in lines for row in self._rows_of(*line)]
        self._place(len(list(takewhile(lambda row: row.number < number, self._rows))))

    def render_line(self, y: int) -> Strip:
        """Return the row at `y` of the view. Textual calls it."""
        width = self.scrollable_content_region.width
        number = self.scroll_offset.y + y
        if y == 0 and not self._rows:
            look = self.get_component_rich_style("wire-lines--note")
            return Strip([Segment(_EMPTY, look)]).adjust_cell_length(width, self.rich_style)
        if number >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[number]
        time, sign = "", " "
        if row.start == 0:
            time = f"{row.line.timestamp:%H:%M:%S.%f}"[: self._time_width]
            sign = row.line.direction.value
        look = self.get_component_rich_style(f"wire-lines--{_NAMES[row.line.direction]}")
        segments = [
            Segment(
                time.ljust(self._time_width), self.get_component_rich_style("wire-lines--time")
            ),
            Segment(f" {sign} ", look),
            Segment(row.line.text[row.start : row.end], look),
        ]
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    @property
    def _time_width(self) -> int:
        has_milliseconds = self.size.width >= _MIN_WIDTH_FOR_MILLISECONDS
        return len("12:00:00.000" if has_milliseconds else "12:00:00")

    def _rows_of(self, number: int, line: WireLine) -> list[_Row]:
        width = max(1, self.scrollable_content_region.width - self._time_width - 4)
        return [_Row(number, line, *ends) for ends in wrap(line.text, width)]

    def _place(self, top: int) -> None:
        """Update the scrollbar after rows changed; show row `top` first unless following."""
        self._is_placing = True
        try:
            self.virtual_size = Size(self.scrollable_content_region.width, len(self._rows))
            self.scroll_to(y=self.max_scroll_y if self._following else top, animate=False)
        finally:
            self._is_placing = False
        self.refresh()

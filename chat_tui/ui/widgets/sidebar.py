"""Sidebar: a list next to the log, as wide as its content needs, with an edge that can be moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message

MIN_SIDEBAR: Final = 12
"""Fewest cells of a sidebar."""

MAX_SIDEBAR: Final = 24
"""Most cells that a sidebar takes by itself."""

MAX_CHOSEN_SIDEBAR: Final = 40
"""Most cells that the user can give to a sidebar."""


class Sidebar(Vertical):
    """A sidebar. The screen decides its width and sets it with `set_width`."""

    INNER_EDGE: ClassVar[Literal["left", "right"]]
    """The edge next to the log. The mouse can drag it."""

    FRAME: ClassVar[int]
    """The cells of the width that are not the content's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+left", "move_edge(-1)", "Edge left", show=False, id="side.edge_left"),
        Binding("shift+right", "move_edge(1)", "Edge right", show=False, id="side.edge_right"),
    ]

    @dataclass
    class WidthChosen(Message):
        """The user wants another width, in cells. It may be out of bounds."""

        sidebar: Sidebar
        width: int

        @property
        def control(self) -> Sidebar:
            """The sidebar."""
            return self.sidebar

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._width = MIN_SIDEBAR
        self._dragged = False

    @property
    def needed_width(self) -> int:
        """The cells in which the content is shown whole, without a bound."""
        raise NotImplementedError

    def set_width(self, width: int) -> None:
        """Take `width` cells and draw the content for it at once."""
        if width != self._width:
            self._width = width
            self.redraw()
        self.styles.width = width

    def redraw(self) -> None:
        """Draw the content for another width."""
        raise NotImplementedError

    @property
    def content_width(self) -> int:
        """The cells of the content, also before the sidebar is laid out."""
        return max(1, self._width - self.FRAME)

    def on_resize(self) -> None:
        """Draw again: the list may need a scrollbar now."""
        self.redraw()

    def action_move_edge(self, by: int) -> None:
        """Move the inner edge by a number of cells to the right."""
        wider = by if self.INNER_EDGE == "right" else -by
        self.post_message(self.WidthChosen(self, self._width + wider))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take the edge with the mouse."""
        region = self.region
        edge = region.right - 1 if self.INNER_EDGE == "right" else region.x
        if event.screen_x == edge:
            event.stop()
            self._dragged = True
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the edge with the mouse."""
        if not self._dragged:
            return
        event.stop()
        x, region = int(event.screen_x), self.region
        width = x + 1 - region.x if self.INNER_EDGE == "right" else region.right - x
        self.post_message(self.WidthChosen(self, width))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Leave the edge where it is."""
        if self._dragged:
            event.stop()
            self._dragged = False
            self.release_mouse()

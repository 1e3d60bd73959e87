"""LogLoading: when scrolling needs messages that the shown log does not hold."""

from __future__ import annotations

from collections.abc import Callable

from textual.scroll_view import ScrollView

from chat_tui.events import PageKind
from chat_tui.model import EdgeState
from chat_tui.ui.widgets.log_layout import LogLayout


class LogLoading:
    """The edges of the shown log, and the scrolling that reaches them.

    A page is requested when the view is less than its height away from an edge, so that it is there
    in time. A request that has failed is repeated only by a key or the wheel at the edge itself.
    """

    def __init__(
        self, widget: ScrollView, layout: LogLayout, request: Callable[[PageKind], None]
    ) -> None:
        """`request` asks for the page EARLIER or LATER."""
        self._widget = widget
        self._layout = layout
        self._request = request

    def scrolled(self, old: float, new: float) -> None:
        """The user scrolled from one row to another."""
        log, height = self._layout.log, self._widget.scrollable_content_region.height
        if new < min(old, height) and log.top.state is EdgeState.MORE:
            self._request(PageKind.EARLIER)
        is_near_end = self._widget.max_scroll_y - new < height
        if new > old and is_near_end and log.bottom.state is EdgeState.MORE:
            self._request(PageKind.LATER)

    def at_top(self) -> None:
        """The user is about to scroll up: ask for earlier messages if that is not possible."""
        if self._widget.scroll_offset.y == 0 and self._layout.log.top.can_load:
            self._request(PageKind.EARLIER)

    def at_bottom(self) -> None:
        """The user is about to scroll down: ask for later messages if that is not possible."""
        at_end = self._widget.scroll_offset.y >= self._widget.max_scroll_y
        if at_end and self._layout.log.bottom.can_load:
            self._request(PageKind.LATER)

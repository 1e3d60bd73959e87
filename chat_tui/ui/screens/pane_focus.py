"""PaneFocus: moves the focus between the panes and folds the sidebars."""

from __future__ import annotations

from textual.screen import Screen
from textual.widget import Widget

from chat_tui.ui.screens.help import PANES
from chat_tui.ui.screens.log_pane import LogPane
from chat_tui.ui.widgets import Composer, PeopleList, RoomList


class PaneFocus:
    """The focus of the chat screen, which owns it. The stylesheet knows `-open` and `-closed`."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen

    @property
    def focused_pane(self) -> str:
        """The id of the focused pane, empty if no pane of `PANES` has the focus."""
        focused = self._screen.focused
        chain = [] if focused is None else focused.ancestors_with_self
        return next((node.id for node in chain if node.id in PANES), None) or ""

    def focus_composer(self) -> None:
        """Fold the sidebars that lie over the log, end a search and focus the composer."""
        for sidebar in (self._screen.query_one(RoomList), self._screen.query_one(PeopleList)):
            sidebar.remove_class("-open")
        self._screen.query_one(LogPane).stop_searching()
        # Not `focus`, which is deferred: a key that is typed now would still go to the old pane.
        self._screen.set_focus(self._screen.query_one(Composer))

    def focus_room_field(self) -> None:
        """Unfold the list of rooms and focus the field that takes a room name."""
        rooms = self._screen.query_one(RoomList)
        _unfold(rooms)
        rooms.focus_field()

    def toggle_sidebar(self, name: str) -> None:
        """Unfold and focus the sidebar ("rooms" or "people"); fold it if it has the focus."""
        sidebar: RoomList | PeopleList = (
            self._screen.query_one(RoomList)
            if name == "rooms"
            else self._screen.query_one(PeopleList)
        )
        if sidebar.display and sidebar.has_pseudo_class("focus-within"):
            sidebar.remove_class("-open")
            sidebar.add_class("-closed")
            self._screen.query_one(Composer).focus()
            return
        _unfold(sidebar)
        sidebar.focus_list()


def _unfold(sidebar: Widget) -> None:
    sidebar.remove_class("-closed")
    sidebar.add_class("-open")

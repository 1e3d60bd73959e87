"""TypeAhead: typed and pasted text goes to the composer while a list or the log has the focus."""

from __future__ import annotations

import unicodedata
from typing import Final

from textual import events
from textual.screen import Screen
from textual.widgets import Input, TextArea

from chat_tui.ui.screens.pane_focus import PaneFocus
from chat_tui.ui.widgets import MessageLog

_SHORTCUT_MODIFIERS: Final = ("ctrl+", "alt+", "meta+", "super+", "hyper+")
"""Prefixes of keys that are shortcuts, even if the terminal reports a character with them."""


class TypeAhead:
    """Moves the focus to the composer just before typed text is delivered.

    The app calls it before it forwards a key or a paste to the focused widget. So no letter is
    lost, and those that are typed right after the first one cannot overtake it. The chat screen
    owns it.
    """

    def __init__(self, screen: Screen[None], focus: PaneFocus) -> None:
        self._screen = screen
        self._focus = focus

    def before_input(self, event: events.Key | events.Paste) -> None:
        """Focus the composer if `event` is text that the focused widget has no use for."""
        focused = self._screen.focused
        if isinstance(focused, Input | TextArea):
            return
        if isinstance(event, events.Key) and (not is_text(event) or self._is_bound(event.key)):
            return
        self._focus.focus_composer()

    def _is_bound(self, key: str) -> bool:
        """Return True if a single letter is a command now: a message of the log is selected."""
        log = self._screen.focused
        if isinstance(log, MessageLog) and log.cursor is None:
            return False
        return key in self._screen.active_bindings


def is_text(event: events.Key) -> bool:
    """Return True if the key types text: any character that is not a control character."""
    if event.key.startswith(_SHORTCUT_MODIFIERS) or not event.character:
        return False
    return unicodedata.category(event.character[0]) != "Cc"

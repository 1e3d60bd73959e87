"""CompletionController: completion of commands, rooms and names in a text area."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from chat_tui.model import Completion, CompletionList

_CHOICE_KEYS: Final = {"tab": 1, "shift+tab": -1, "down": 1, "up": -1}
"""Keys that step through the completions, and their direction."""

Completer = Callable[[str, bool, bool], CompletionList | None]
"""Returns the completions for the part of a line before the cursor. The other arguments: is this
the only line, and did the user ask for completions. See `chat_tui.model.complete`."""


class CompletionController:
    """The completion of the word at the cursor.

    Tab inserts a completion and steps through all of them; then so do the arrow keys. Enter keeps
    the inserted completion, and so does any other key that edits. Escape restores the typed text.
    For commands and `@names` the completions are listed while the user types, and only Tab, Down or
    a click inserts one.
    """

    def __init__(
        self,
        area: TextArea,
        complete: Completer,
        changed: Callable[[tuple[Completion, ...], int | None], None],
    ) -> None:
        """`changed` is called with the completions (empty: none) and the index of the inserted one.

        The index is None while the text holds what the user typed.
        """
        self._area = area
        self._complete = complete
        self._changed = changed
        self._completion_list: CompletionList | None = None
        self._chosen: int | None = None
        self._replaced = Selection()  # the inserted completion, or the typed part it will replace
        self._prefix = ""  # what was typed there
        self._is_typed = False  # the user typed the latest change; only then completions are listed
        self._dismissed = False  # the user pressed Escape: list nothing for this part

    @property
    def is_choosing(self) -> bool:
        """True if the user steps through the completions: Enter and Escape apply to these."""
        return self._chosen is not None

    def insert(self, index: int) -> None:
        """Insert the completion that the user clicked on."""
        if self._completion_list is not None and index < len(self._completion_list.completions):
            self._choose(index)
            self.accept()

    def accept(self) -> None:
        """Keep the text as it is now and list nothing more for it."""
        self._is_typed = False
        self._show(None)

    def handle_key(self, key: str, *, down_selects: bool) -> bool:
        """Apply a key to the completions. Return False if it is meant for the text.

        `down_selects`: Down inserts the first of the listed completions.
        """
        if key in ("tab", "shift+tab") or (key in ("down", "up") and self.is_choosing):
            return self._step(_CHOICE_KEYS[key])
        if key == "down" and self._completion_list is not None and down_selects:
            return self._step(1)
        if key == "enter" and self.is_choosing:
            self.accept()
            return True
        if key == "escape" and self._completion_list is not None:
            self._dismiss()
            return True
        return False

    def key_typed(self) -> None:
        """Prepare for an edit by a key that `handle_key` left to the text."""
        if self.is_choosing:
            self._show(None)
        self._is_typed = True

    def update(self) -> None:
        """List the completions for what is before the cursor, after a change of text or cursor."""
        if self.is_choosing:
            return
        if not self._is_typed or not self._area.selection.is_empty:
            self._show(None)
            return
        found = self._complete(*self._text_before_cursor(), False)
        if found is None:
            self._dismissed = False
        if found is not None and not self._dismissed:
            self._begin(found)
            self._show(found)
        else:
            self._show(None)

    def _step(self, direction: int) -> bool:
        """Insert the next completion. Return False if there is none."""
        if self._chosen is not None and self._completion_list is not None:
            self._choose((self._chosen + direction) % len(self._completion_list.completions))
            return True
        if direction < 0 or not self._area.selection.is_empty:
            return False
        found = self._complete(*self._text_before_cursor(), True)
        if found is None:
            return False
        self._begin(found)
        self._choose(0)
        if len(found.completions) == 1:
            self.accept()
        return True

    def _begin(self, found: CompletionList) -> None:
        row, column = self._area.cursor_location
        self._completion_list = found
        self._replaced = Selection((row, column - found.length), (row, column))
        self._prefix = self._area.get_text_range(*self._replaced)

    def _choose(self, index: int) -> None:
        assert self._completion_list is not None
        self._put_in(self._completion_list.completions[index].text)
        self._chosen = index
        self._changed(self._completion_list.completions, index)

    def _put_in(self, text: str) -> None:
        self._is_typed = False
        done = self._area.replace(text, *self._replaced, maintain_selection_offset=False)
        self._replaced = Selection(self._replaced.start, done.end_location)
        self._area.move_cursor(done.end_location)

    def _dismiss(self) -> None:
        if self.is_choosing:
            self._put_in(self._prefix)
        self._dismissed = True
        self._show(None)

    def _show(self, found: CompletionList | None) -> None:
        if found is None and self._completion_list is None:
            return
        self._completion_list, self._chosen = found, None
        self._changed(found.completions if found else (), None)

    def _text_before_cursor(self) -> tuple[str, bool]:
        """Return the line before the cursor, and True if it is the only line."""
        row, column = self._area.cursor_location
        return self._area.document.get_line(row)[:column], self._area.document.line_count == 1

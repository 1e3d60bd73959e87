"""CompletingArea: a text area that goes on by itself with what was begun."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from chat_tui.model import Completion, CompletionList
from chat_tui.ui.widgets.editing_keys import run_binding_now

_CHOICE_KEYS: Final = {"tab": 1, "shift+tab": -1, "down": 1, "up": -1}
"""Keys that go through the choices, and which way."""


Completer = Callable[[str, bool, bool], CompletionList | None]
"""What to offer for the part of a line before the cursor, whether that is the only line, whether
somebody asked: see `model.completion.offer`."""


class CompletionTextArea(TextArea):
    """Tab puts in what fits, and goes through all that fits; so do the arrows from then on.

    Enter keeps it, and so does whatever else is typed; Esc puts back what was there. For commands
    and `@names` what fits is offered while one types, and only Tab, Down or a click takes it.
    """

    @dataclass
    class CompletionsChanged(Message):
        """What fits has changed; nothing fits where there are no choices."""

        completions: tuple[Completion, ...]
        chosen: int | None
        """The choice that stands in the text now; None: what was typed stands there."""

    cursor_blink = reactive(False, init=False)  # nothing moves, and idle is idle

    def __init__(self, complete: Completer, *, id: str | None = None) -> None:
        super().__init__(
            id=id, soft_wrap=True, tab_behavior="focus", compact=True, highlight_cursor_line=False
        )
        self._complete = complete
        self._completion_list: CompletionList | None = None
        self._chosen: int | None = None
        self._inserted = Selection()  # where the choice stands, or what was typed that it replaces
        self._prefix = ""  # what stood there before
        self._explicit = False  # whether the newest change was typed: nothing else makes an offer
        self._dismissed = False  # Esc said that no offer is wanted for this

    @property
    def is_choosing(self) -> bool:
        """Whether somebody goes through the choices, so that Enter and Esc mean these."""
        return self._chosen is not None

    @property
    def down_selects(self) -> bool:
        """Whether Down goes into what is only offered so far, and has no other meaning here."""
        return True

    def take(self, index: int) -> None:
        """A choice was clicked on."""
        if self._completion_list is not None and index < len(self._completion_list.completions):
            self._choose(index)
            self.accept()

    def accept(self) -> None:
        """The text stays as it is now; nothing more is offered for it."""
        self._explicit = False
        self._show(None)

    async def on_key(self, event: events.Key) -> None:
        """Keys that mean the choices; the others are for the text."""
        if self._is_choice_key(event.key):
            event.stop()
            event.prevent_default()
            return
        if self.is_choosing:
            self._show(None)
        self._explicit = True
        await run_binding_now(self, event)

    def on_text_area_changed(self) -> None:
        """Offer what fits now."""
        self._update()

    def on_text_area_selection_changed(self) -> None:
        """The cursor moved: something else stands before it."""
        self._update()

    def on_blur(self) -> None:
        """Somebody went elsewhere."""
        self.accept()

    def _is_choice_key(self, key: str) -> bool:
        if key in ("tab", "shift+tab") or (key in ("down", "up") and self.is_choosing):
            return self._step(_CHOICE_KEYS[key])
        if key == "down" and self._completion_list is not None and self.down_selects:
            return self._step(1)
        if key == "enter" and self.is_choosing:
            self.accept()
            return True
        if key == "escape" and self._completion_list is not None:
            self._dismiss()
            return True
        return False

    def _step(self, direction: int) -> bool:
        """Go to the next choice; False where there is none."""
        if self._chosen is not None and self._completion_list is not None:
            self._choose((self._chosen + direction) % len(self._completion_list.completions))
            return True
        if direction < 0 or not self.selection.is_empty:
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
        row, column = self.cursor_location
        self._completion_list = found
        self._inserted = Selection((row, column - found.length), (row, column))
        self._prefix = self.get_text_range(*self._inserted)

    def _choose(self, index: int) -> None:
        assert self._completion_list is not None
        self._put_in(self._completion_list.completions[index].text)
        self._chosen = index
        self.post_message(self.CompletionsChanged(self._completion_list.completions, index))

    def _put_in(self, text: str) -> None:
        self._explicit = False
        done = self.replace(text, *self._inserted, maintain_selection_offset=False)
        self._inserted = Selection(self._inserted.start, done.end_location)
        self.move_cursor(done.end_location)

    def _dismiss(self) -> None:
        if self.is_choosing:
            self._put_in(self._prefix)
        self._dismissed = True
        self._show(None)

    def _update(self) -> None:
        if self.is_choosing:
            return
        if not self._explicit or not self.selection.is_empty:
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

    def _show(self, found: CompletionList | None) -> None:
        if found is None and self._completion_list is None:
            return
        self._completion_list, self._chosen = found, None
        self.post_message(self.CompletionsChanged(found.completions if found else (), None))

    def _text_before_cursor(self) -> tuple[str, bool]:
        """The line before the cursor, and whether it is the only one."""
        row, column = self.cursor_location
        return self.document.get_line(row)[:column], self.document.line_count == 1

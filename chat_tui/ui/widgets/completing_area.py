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

from chat_tui.model.completion import Choice, Offer
from chat_tui.ui.widgets.editing_keys import act_at_once

_CHOOSES: Final = {"tab": 1, "shift+tab": -1, "down": 1, "up": -1}
"""Keys that go through the choices, and which way."""


Offers = Callable[[str, bool, bool], Offer | None]
"""What to offer for the part of a line before the cursor, whether that is the only line, whether
somebody asked: see `model.completion.offer`."""


class CompletingArea(TextArea):
    """Tab puts in what fits, and goes through all that fits; so do the arrows from then on.

    Enter keeps it, and so does whatever else is typed; Esc puts back what was there. For commands
    and `@names` what fits is offered while one types, and only Tab, Down or a click takes it.
    """

    @dataclass
    class Offered(Message):
        """What fits has changed; nothing fits where there are no choices."""

        choices: tuple[Choice, ...]
        chosen: int | None
        """The choice that stands in the text now; None: what was typed stands there."""

    cursor_blink = reactive(False, init=False)  # nothing moves, and idle is idle

    def __init__(self, offers: Offers, *, id: str | None = None) -> None:
        super().__init__(
            id=id, soft_wrap=True, tab_behavior="focus", compact=True, highlight_cursor_line=False
        )
        self._offers = offers
        self._offer: Offer | None = None
        self._chosen: int | None = None
        self._put = Selection()  # where the choice stands, or what was typed that it replaces
        self._began = ""  # what stood there before
        self._by_hand = False  # whether the newest change was typed: nothing else makes an offer
        self._dismissed = False  # Esc said that no offer is wanted for this

    @property
    def is_choosing(self) -> bool:
        """Whether somebody goes through the choices, so that Enter and Esc mean these."""
        return self._chosen is not None

    @property
    def down_chooses(self) -> bool:
        """Whether Down goes into what is only offered so far, and has no other meaning here."""
        return True

    def take(self, index: int) -> None:
        """A choice was clicked on."""
        if self._offer is not None and index < len(self._offer.choices):
            self._choose(index)
            self.settle()

    def settle(self) -> None:
        """The text stays as it is now; nothing more is offered for it."""
        self._by_hand = False
        self._show(None)

    async def on_key(self, event: events.Key) -> None:
        """Keys that mean the choices; the others are for the text."""
        if self._means_choices(event.key):
            event.stop()
            event.prevent_default()
            return
        if self.is_choosing:
            self._show(None)
        self._by_hand = True
        await act_at_once(self, event)

    def on_text_area_changed(self) -> None:
        """Offer what fits now."""
        self._look()

    def on_text_area_selection_changed(self) -> None:
        """The cursor moved: something else stands before it."""
        self._look()

    def on_blur(self) -> None:
        """Somebody went elsewhere."""
        self.settle()

    def _means_choices(self, key: str) -> bool:
        if key in ("tab", "shift+tab") or (key in ("down", "up") and self.is_choosing):
            return self._step(_CHOOSES[key])
        if key == "down" and self._offer is not None and self.down_chooses:
            return self._step(1)
        if key == "enter" and self.is_choosing:
            self.settle()
            return True
        if key == "escape" and self._offer is not None:
            self._dismiss()
            return True
        return False

    def _step(self, way: int) -> bool:
        """Go to the next choice; False where there is none."""
        if self._chosen is not None and self._offer is not None:
            self._choose((self._chosen + way) % len(self._offer.choices))
            return True
        if way < 0 or not self.selection.is_empty:
            return False
        found = self._offers(*self._before(), True)
        if found is None:
            return False
        self._begin(found)
        self._choose(0)
        if len(found.choices) == 1:
            self.settle()
        return True

    def _begin(self, found: Offer) -> None:
        row, column = self.cursor_location
        self._offer = found
        self._put = Selection((row, column - found.length), (row, column))
        self._began = self.get_text_range(*self._put)

    def _choose(self, index: int) -> None:
        assert self._offer is not None
        self._put_in(self._offer.choices[index].text)
        self._chosen = index
        self.post_message(self.Offered(self._offer.choices, index))

    def _put_in(self, text: str) -> None:
        self._by_hand = False
        done = self.replace(text, *self._put, maintain_selection_offset=False)
        self._put = Selection(self._put.start, done.end_location)
        self.move_cursor(done.end_location)

    def _dismiss(self) -> None:
        if self.is_choosing:
            self._put_in(self._began)
        self._dismissed = True
        self._show(None)

    def _look(self) -> None:
        if self.is_choosing:
            return
        if not self._by_hand or not self.selection.is_empty:
            self._show(None)
            return
        found = self._offers(*self._before(), False)
        if found is None:
            self._dismissed = False
        if found is not None and not self._dismissed:
            self._begin(found)
            self._show(found)
        else:
            self._show(None)

    def _show(self, found: Offer | None) -> None:
        if found is None and self._offer is None:
            return
        self._offer, self._chosen = found, None
        self.post_message(self.Offered(found.choices if found else (), None))

    def _before(self) -> tuple[str, bool]:
        """The line before the cursor, and whether it is the only one."""
        row, column = self.cursor_location
        return self.document.get_line(row)[:column], self.document.line_count == 1

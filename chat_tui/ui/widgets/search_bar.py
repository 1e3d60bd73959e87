"""SearchBar: the field for the text to search for in the log, and the number of hits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message

from chat_tui.ui.widgets.caption import Caption
from chat_tui.ui.widgets.text_input import SafeInput

_MIN_FIELD: Final = 12
"""Cells that the field keeps for the text while the result has a shorter form."""

_OTHER_CELLS: Final = 18
"""Cells of the label, the buttons and the gaps."""


class _Button(Caption):
    """A sign to click on."""

    @dataclass
    class Pressed(Message):
        """The user clicked on the sign."""

        button_id: str

    def on_click(self) -> None:
        """Report the click."""
        self.post_message(self.Pressed(self.id or ""))


class SearchBar(Horizontal):
    """One row, shown only during a search."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,up", "step(-1)", "Older", id="search.older", priority=True),
        Binding("down,shift+enter", "step(1)", "Newer", id="search.newer", priority=True),
    ]

    class Changed(Message):
        """The text to search for (`text`) has changed."""

    @dataclass
    class Stepped(Message):
        """The user asked for an older (-1) or a newer (1) hit of `text`.

        The receiver searches for `text` first: this message may come before `Changed`.
        """

        by: int

    class Closed(Message):
        """The user closed the bar with the mouse."""

    def __init__(self) -> None:
        super().__init__()
        self._forms = [""]  # of the result, the longest first

    def compose(self) -> ComposeResult:
        """Yield the field, the number of hits, and buttons for the mouse."""
        yield Caption("Find", id="search-label")
        yield SafeInput(
            placeholder="text, or from:alice",
            id="search-field",
            compact=True,
            select_on_focus=True,
        )
        yield Caption(id="search-count")
        yield _Button("↑", id="search-older", classes="step")
        yield _Button("↓", id="search-newer", classes="step")
        yield _Button("✕", id="search-close", classes="step")

    def open(self) -> None:
        """Show the bar with the last text selected, so that typing replaces it."""
        self.add_class("-open")
        self.query_one(SafeInput).focus()
        self.post_message(self.Changed())

    def close(self) -> None:
        """Hide the bar."""
        self.remove_class("-open")

    def set_text(self, text: str) -> None:
        """Fill the field."""
        self.query_one(SafeInput).value = text

    @property
    def text(self) -> str:
        """The text to search for, as of the last key."""
        return self.query_one(SafeInput).value

    @property
    def is_open(self) -> bool:
        """True during a search."""
        return self.has_class("-open")

    def show(
        self, number: int, hits: int, *, leads_on: bool = False, needs_word: bool = False
    ) -> None:
        """Show the number of the current hit, counted from 1 at the oldest, and of all hits.

        `leads_on`: the next Enter goes on to search on the server. `needs_word`: it would if the
        text had a word besides the author.
        """
        result = f"{number}/{hits}" if hits else "nothing found" if self.text.strip() else ""
        forms = [result]
        if leads_on and hits:
            forms = [f"{result} · Enter: on the server", f"{result} · ⏎ server"]
        elif leads_on:
            forms = ["Enter: search on the server", "Enter: server", "⏎ server"]
        elif needs_word:
            forms = [
                f"{result} · add a word: on the server",
                f"{result} · add a word",
                "add a word",
            ]
        self._forms = forms
        self._draw_result()

    def on_resize(self) -> None:
        """Draw the result in the longest form that fits."""
        self._draw_result()

    def _draw_result(self) -> None:
        room = self.size.width - _MIN_FIELD - _OTHER_CELLS
        fitting = (form for form in self._forms if cell_len(form) <= room)
        self.query_one("#search-count", Caption).update(Content(next(fitting, self._forms[-1])))

    def action_step(self, by: int) -> None:
        """Ask for an older (-1) or a newer (1) hit."""
        self.post_message(self.Stepped(by))

    @on(SafeInput.Changed)
    def _typed(self, event: SafeInput.Changed) -> None:
        event.stop()
        if self.is_open:
            self.post_message(self.Changed())

    @on(_Button.Pressed)
    def _clicked(self, event: _Button.Pressed) -> None:
        event.stop()
        match event.button_id:
            case "search-older":
                self.action_step(-1)
            case "search-newer":
                self.action_step(1)
            case _:
                self.post_message(self.Closed())

"""SearchBar: what is looked for in the log, and how much of it there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message

from chat_tui.ui.widgets.caption import Caption
from chat_tui.ui.widgets.text_input import SafeInput


class _Step(Caption):
    """A sign to click on."""

    @dataclass
    class Pressed(Message):
        """It was clicked on."""

        what: str

    def on_click(self) -> None:
        """Called by Textual."""
        self.post_message(self.Pressed(self.id or ""))


class SearchBar(Horizontal):
    """One row, there only while somebody searches."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,up", "step(-1)", "Older", id="search.older", priority=True),
        Binding("down,shift+enter", "step(1)", "Newer", id="search.newer", priority=True),
    ]

    class Changed(Message):
        """Something else is looked for: `text`."""

    @dataclass
    class Stepped(Message):
        """To an older hit (-1) or a newer one (1) of `text`: a key may overtake `Changed`."""

        by: int

    class Closed(Message):
        """Somebody clicked it away."""

    def compose(self) -> ComposeResult:
        """What is looked for, how many there are, and the same keys for the mouse."""
        yield Caption("Find", id="search-label")
        yield SafeInput(
            placeholder="words, or from:alice",
            id="search-field",
            compact=True,
            select_on_focus=True,
        )
        yield Caption(id="search-count")
        yield _Step("↑", id="search-older", classes="step")
        yield _Step("↓", id="search-newer", classes="step")
        yield _Step("✕", id="search-close", classes="step")

    def open(self) -> None:
        """Show it, with what was looked for last, to be typed over."""
        self.add_class("-open")
        self.query_one(SafeInput).focus()
        self.post_message(self.Changed())

    def close(self) -> None:
        """Away with it."""
        self.remove_class("-open")

    @property
    def text(self) -> str:
        """What is looked for, as of the last key."""
        return self.query_one(SafeInput).value

    @property
    def is_open(self) -> bool:
        """Whether somebody searches."""
        return self.has_class("-open")

    def show(self, number: int, hits: int) -> None:
        """The hit that one is at, counted from 1 at the oldest, and how many there are."""
        looks = bool(self.text.strip())
        words = f"{number}/{hits}" if hits else "nothing found" if looks else ""
        self.query_one("#search-count", Caption).update(Content(words))

    def action_step(self, by: int) -> None:
        """A key was pressed."""
        self.post_message(self.Stepped(by))

    @on(SafeInput.Changed)
    def _typed(self, event: SafeInput.Changed) -> None:
        event.stop()
        if self.is_open:
            self.post_message(self.Changed())

    @on(_Step.Pressed)
    def _clicked(self, event: _Step.Pressed) -> None:
        event.stop()
        match event.what:
            case "search-older":
                self.action_step(-1)
            case "search-newer":
                self.action_step(1)
            case _:
                self.post_message(self.Closed())

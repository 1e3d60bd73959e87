"""CompletionPopup: the list of completions above the composer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from chat_tui.model import Completion
from chat_tui.ui.terminal import cut, padded

_MAX_ROWS: Final = 8

_CHOSEN: Final = "▸ "


class CompletionPopup(Widget):
    """A list over a part of the log. It never has the focus: the composer handles the keys."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "completion-popup--chosen",
        "completion-popup--hint",
    }

    @dataclass
    class Clicked(Message):
        """The user clicked on the completion with this index."""

        index: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.display = False
        self._completions: tuple[Completion, ...] = ()
        self._chosen: int | None = None
        self._first = 0  # the index of the completion in the first row

    def show(self, completions: tuple[Completion, ...], chosen: int | None, max_rows: int) -> None:
        """List the completions in at most `max_rows` rows; hide the list if there are none."""
        rows = min(len(completions), _MAX_ROWS, max_rows)
        self.display = rows > 0
        if rows <= 0:
            return
        self._completions, self._chosen = completions, chosen
        last = len(completions) - rows
        if chosen is None:
            self._first = 0
        else:
            self._first = min(max(self._first, chosen - rows + 1), chosen, last)
        self.styles.height = rows
        self.styles.offset = (0, -rows)
        self.refresh()

    def render(self) -> Content:
        """Return one row per completion: a mark, the completion, its hint."""
        chosen = self.get_visual_style("completion-popup--chosen")
        hint = self.get_visual_style("completion-popup--hint")
        wide = self.content_size.width
        shown = self._completions[self._first : self._first + self.content_size.height]
        column = min(max((cell_len(choice.shown) for choice in shown), default=0) + 2, wide // 2)
        last = self._first + len(shown) - 1
        rows = []
        for index, choice in enumerate(shown, self._first):
            is_chosen = index == self._chosen
            name = padded(cut(choice.shown, column), column)
            left = wide - len(_CHOSEN) - column
            row = Content.assemble(
                _CHOSEN if is_chosen else "  ",
                name,
                (self._hint(index, index == last, left), "" if is_chosen else hint),
            )
            rows.append(row.stylize(chosen) if is_chosen else row)
        return Content("\n").join(rows)

    def on_click(self, event: events.Click) -> None:
        """Report the completion of the row."""
        index = self._first + event.y
        if index < len(self._completions):
            self.post_message(self.Clicked(index))

    def _hint(self, index: int, is_last: bool, cells: int) -> str:
        """Return the hint of a completion; in the last row also the number if not all fit."""
        number = len(self._completions)
        rest = f" {index + 1} of {number}" if is_last and number > self.content_size.height else ""
        return padded(self._completions[index].hint, cells - len(rest)) + rest

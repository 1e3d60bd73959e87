"""NoticeBar: the row above the composer, with its state on the left and notices on the right."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from chat_tui.ui.notices import Notice, NoticeBoard
from chat_tui.ui.terminal import cut_at_word

_MIN_NOTICE: Final = 12
"""Fewest cells in which a notice is shown next to a state."""


class NoticeBar(Widget):
    """One row, which is a rule while there is nothing to say. It covers nothing.

    What does not fit ends after a whole word and names the key that shows the whole text. An error
    on the left stays while there is a notice. Any other state makes room for it.
    """

    ALLOW_SELECT = False

    DEFAULT_CSS = """
    NoticeBar {
        height: 1;
        width: 1fr;
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "notice-bar--rule",
        "notice-bar--state",
        "notice-bar--state-error",
        "notice-bar--notice",
        "notice-bar--warning",
        "notice-bar--error",
    }

    def __init__(self, board: NoticeBoard, *, rule: str = "─", id: str | None = None) -> None:
        """`rule` is the character between the texts."""
        super().__init__(id=id)
        self._board = board
        self._rule = rule
        self._more_key = ""
        self._states: tuple[str, ...] = ()
        self._is_error = False

    def on_mount(self) -> None:
        """Draw the notice of the board whenever it changes."""
        self._board.subscribe(self, self.refresh)

    def show_state(self, *forms: str, is_error: bool = False) -> None:
        """Show a text on the left: the first form that fits, else the last one, cut."""
        if (forms, is_error) != (self._states, self._is_error):
            self._states, self._is_error = forms, is_error
            self.refresh()

    def set_more_key(self, key: str) -> None:
        """Name the key that shows the whole notice; empty: there is none here."""
        self._more_key = key

    def render(self) -> Content:
        """Return the row. Textual calls it."""
        width = self.size.width
        notice = self._board.current
        state, text = self._fit(width, notice)
        left = f"{self._rule} {state} " if state else ""
        right = f" {text} {self._rule}" if text else ""
        rule = self.get_visual_style("notice-bar--rule")
        gap = self._rule * max(0, width - cell_len(left) - cell_len(right))
        state_style = "state-error" if self._is_error else "state"
        severity = "information" if notice is None else notice.severity
        notice_style = "notice" if severity == "information" else severity
        return Content.assemble(
            (left[:2], rule),
            (left[2:], self.get_visual_style(f"notice-bar--{state_style}")),
            (gap, rule),
            (right[:-1], self.get_visual_style(f"notice-bar--{notice_style}")),
            (right[-1:], rule),
        )

    def _fit(self, width: int, notice: Notice | None) -> tuple[str, str]:
        """Return the state and the notice in the cells that each gets."""
        text = "" if notice is None else notice.shown_text
        if notice is not None and (waiting := self._board.waiting):
            text = f"{text} (+{waiting})"
        inner = max(0, width - 3)
        for state in self._states:
            if cell_len(state) + (cell_len(text) + 3 if text else 0) <= inner:
                return state, text
        shortest = self._states[-1] if self._states else ""
        room = inner - cell_len(shortest) - 3
        if not text:
            return self._cut(shortest, inner), ""
        if not shortest or not (self._is_error or room >= cell_len(text)):
            return "", self._cut(text, inner)  # a notice is there for some seconds only
        if room < _MIN_NOTICE:
            return self._cut(shortest, inner), ""
        return shortest, self._cut(text, room)

    def _cut(self, text: str, cells: int) -> str:
        if cell_len(text) <= cells:
            return text
        more = f" {self._more_key}" if self._more_key else ""
        if cells - cell_len(more) < _MIN_NOTICE:
            more = ""
        return cut_at_word(text, cells - cell_len(more)) + more

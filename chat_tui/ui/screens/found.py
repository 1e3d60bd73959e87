"""FoundScreen: the messages that a search in the server's history has found."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from chat_tui.model import Entry, HistorySearch
from chat_tui.ui.screens.dialog import Dialog
from chat_tui.ui.terminal import cut, padded
from chat_tui.ui.widgets import Caption, SearchQuery

_MAX_AUTHOR: Final = 12
"""Cells of an author's name. A longer one is cut."""

_PAGE: Final = 20
"""Messages that the server sends at most."""

_MARGIN: Final = 2
"""Cells at the right of a row: the scrollbar, and a space before it."""

_FRAME_ROWS: Final = 8
"""Rows of the screen that are not for messages: borders, the line above them, and a margin."""

_HIT: Final = "bold $background on $warning"


class _FoundRows(OptionList):
    """The rows, one for each message."""


class FoundScreen(Dialog[Entry | None]):
    """The list of the messages found, the newest first. The result is the chosen message."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", show=False),
    ]

    def __init__(self, search: HistorySearch, query: SearchQuery, now: datetime) -> None:
        """`search` is shown now and at each `show_result`. `now` is the local time."""
        super().__init__()
        self._search = search
        self._query = query
        self._now = now
        self._shown: list[Entry] = []

    def compose(self) -> ComposeResult:
        """Yield a line about the result, and the rows."""
        with Vertical(id="found") as page:
            page.border_title = Content(f"Search in {self._search.room}")
            page.border_subtitle = "Enter Open · Esc Back"
            yield Caption(id="found-hint")
            yield _FoundRows(id="found-rows", compact=True, markup=False)

    def on_mount(self) -> None:
        """Show the result if it is there already."""
        self.query_one(_FoundRows).focus()
        self.call_after_refresh(self.show_result)

    def on_resize(self) -> None:
        """Draw again: rows are as wide as the list."""
        self._draw_rows()

    def show_result(self) -> None:
        """Show what the search has found, or that it goes on."""
        self._shown = [entry for entry in self._search.found if self._query.is_by_author(entry)]
        self.query_one(Caption).update(_summary(self._search, self._query, len(self._shown)))
        self._draw_rows()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._shown[event.option_index])

    def _draw_rows(self) -> None:
        rows = self.query_one(_FoundRows)
        width = max(1, self.query_one(Caption).size.width - _MARGIN)
        highlighted = rows.highlighted
        names = max((cell_len(_author(entry)) for entry in self._shown), default=0)
        rows.set_options(
            Option(found_row(entry, self._query, self._now, width, min(names, _MAX_AUTHOR)))
            for entry in self._shown
        )
        rows.highlighted = (highlighted or 0) if self._shown else None
        rows.display = bool(self._shown)
        rows.styles.height = min(len(self._shown), max(1, self.size.height - _FRAME_ROWS))


def found_row(
    entry: Entry, query: SearchQuery, now: datetime, width: int, author_width: int
) -> Content:
    """Return a message as one row of at most `width` cells, cut so that its first hit is shown."""
    clock = f"{entry.timestamp:%d %b %H:%M}  "
    if entry.timestamp.year != now.year:
        clock = f"{entry.timestamp:%d %b %Y}  "
    elif entry.timestamp.date() == now.date():
        clock = f"{entry.timestamp:%H:%M}{' ' * 7}  "
    author = padded(_author(entry), author_width) + "  "
    text, spans = _around_hit(entry.text, query, width - cell_len(clock) - cell_len(author))
    row = Content.assemble((clock, "$text-muted"), (author, "bold"), text)
    start = len(clock) + len(author)
    for first, last in spans:
        row = row.stylize(_HIT, start + first, start + last)
    return row


def _around_hit(text: str, query: SearchQuery, width: int) -> tuple[str, list[tuple[int, int]]]:
    """Return a part of `text` of at most `width` cells with the first hit, and the hits in it."""
    hits = query.word_spans(text)
    if hits and cell_len(text[: hits[0][1]]) > width - 1:
        # From a word boundary shortly before the hit.
        begin = text.rfind(" ", 0, max(0, hits[0][0] - max(4, width // 4))) + 1
        if cell_len(text[begin : hits[0][1]]) > width - 2:
            begin = hits[0][0]
        text = "…" + text[begin:]
    shown = cut(text, max(1, width))
    return shown, [span for span in query.word_spans(shown) if span[0] < len(shown)]


def _author(entry: Entry) -> str:
    return "you" if entry.own else entry.author


def _summary(search: HistorySearch, query: SearchQuery, shown: int) -> str:
    """Return what the user must know about the result, and what to do."""
    words = " ".join(query.words)
    if search.is_pending:
        return f"Searching the messages of {search.room} for: {words}…"
    if search.problem:
        return search.problem
    if not search.found:
        return f"No kept message of {search.room} has all of these words: {words}"
    if not shown:
        return f"None of the {len(search.found)} newest messages found is by that author."
    if len(search.found) >= _PAGE:
        return f"The {shown} newest messages with: {words}. More words narrow the search."
    return f"{shown} {'message' if shown == 1 else 'messages'} with: {words}"

"""PaletteScreen: a field, and the entries that match what is typed in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from chat_tui.ui.palette_entry import PaletteEntry
from chat_tui.ui.palette_index import PaletteIndex
from chat_tui.ui.screens.dialog import Dialog
from chat_tui.ui.terminal import cut_at_word
from chat_tui.ui.widgets import Caption, SafeInput

_KEYS: Final = "Enter Choose · Esc Close"

_MAX_NAME: Final = 32
"""Cells of an entry's name that are shown before anything of its description."""

_MARGIN: Final = 2
"""Cells at the right of a row: the scrollbar, and a space before it."""


class _PaletteRows(OptionList, can_focus=False):
    """The rows. The field keeps the focus."""


class PaletteScreen(Dialog[None]):
    """The palette. It lists entries in their order, and the best matches first.

    Everything happens within the key: Enter right after a letter takes the row of that letter.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", show=False),
        Binding("down,ctrl+n", "move(1)", "Down", show=False),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
    ]

    def __init__(
        self,
        entries: Sequence[PaletteEntry],
        placeholder: str,
        *,
        typed: str = "",
        other: Callable[[str], PaletteEntry | None] = lambda typed: None,
        end_preview: Callable[[], object] = lambda: None,
    ) -> None:
        """`typed` is in the field at the start.

        `other` returns an entry for a typed text that is not listed, such as a new room.
        `end_preview` restores what the previews have changed.
        """
        super().__init__()
        self._entries = entries
        self._placeholder = placeholder
        self._start = typed
        self._other = other
        self._end_preview = end_preview
        self._index = PaletteIndex([entry.text for entry in entries])
        self._shown: list[PaletteEntry] = []
        self._typed = ""  # what `_shown` was listed for
        self._previewed: PaletteEntry | None = None
        self.rows_built = 0
        """The number of rows that the latest letter has built."""

    def compose(self) -> ComposeResult:
        """Yield the field, a hint and the rows."""
        with Vertical(id="palette") as page:
            page.border_subtitle = _KEYS
            yield SafeInput(
                self._start, placeholder=self._placeholder, compact=True, id="palette-field"
            )
            yield Caption(id="palette-hint")
            yield _PaletteRows(id="palette-rows", compact=True, markup=False)

    def on_mount(self) -> None:
        """Focus the field and list all entries."""
        self.query_one(SafeInput).focus()
        self.call_after_refresh(self._list)

    def on_resize(self) -> None:
        """Draw again: rows are as wide as the palette."""
        highlighted = self.query_one(_PaletteRows).highlighted
        self._draw_rows()
        self.query_one(_PaletteRows).highlighted = highlighted

    # Keys and clicks

    @on(SafeInput.Changed)
    def _changed(self, event: SafeInput.Changed) -> None:
        event.stop()
        self._list()

    @on(SafeInput.Submitted)
    def _submitted(self, event: SafeInput.Submitted) -> None:
        event.stop()
        if event.value != self._typed:
            self._list(event.value)
        rows = self.query_one(_PaletteRows)
        if rows.highlighted is not None:
            self._choose(rows.highlighted)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._choose(event.option_index)

    def action_move(self, by: int) -> None:
        """Highlight the row `by` rows below, and show its effect."""
        rows, last = self.query_one(_PaletteRows), len(self._shown) - 1
        if last < 0:
            return
        here = rows.highlighted or 0
        wraps = abs(by) == 1
        target = (here + by) % (last + 1) if wraps else min(max(here + by, 0), last)
        rows.highlighted = target
        self._preview(self._shown[target])

    def action_dismiss(self, result: None = None) -> None:  # type: ignore[override]
        """Close without a choice."""
        self._preview(None)
        self.dismiss(result)

    # Implementation

    def _choose(self, row: int) -> None:
        entry = self._shown[row]
        if entry.preview is None:
            self._preview(None)
        self.dismiss()
        self.app.call_later(entry.run)

    def _preview(self, entry: PaletteEntry | None) -> None:
        """Show the effect of `entry`, or end the preview if it has none."""
        if entry is not None and entry.preview is not None:
            self._previewed = entry
            entry.preview()
        elif self._previewed is not None:
            self._previewed = None
            self._end_preview()

    def _list(self, typed: str | None = None) -> None:
        """List what matches. The first match is previewed if its group is typed."""
        self._typed = self.query_one(SafeInput).value if typed is None else typed
        query = self._typed.strip()
        hits, number = self._index.search(query)
        self._shown = [self._entries[index] for index in hits]
        if not query:
            self._shown = [entry for entry in self._shown if not entry.only_typed]
            number = sum(not entry.only_typed for entry in self._entries)
        if (other := self._other(query)) is not None:
            self._shown.append(other)
        self._draw_rows()
        self.query_one(Caption).update(_hint(query, len(self._shown), number))
        first = self._shown[0] if self._shown else None
        wants_group = first is not None and query.casefold().startswith(f"{first.group}:")
        self._preview(first if wants_group else None)

    def _draw_rows(self) -> None:
        rows = self.query_one(_PaletteRows)
        # Not the width of the rows, which are not laid out while there are none.
        width = max(1, self.query_one(SafeInput).size.width - _MARGIN)
        rows.set_options(Option(_row(entry, width)) for entry in self._shown)
        rows.highlighted = 0 if self._shown else None
        rows.display = bool(self._shown)
        rows.styles.height = min(len(self._shown), max(1, self.size.height * 3 // 5))
        self.rows_built = len(self._shown)


def _hint(typed: str, shown: int, number: int) -> str:
    if not shown:
        return f"Nothing matches “{typed}”. Type another word, or press Esc."
    if number > shown:
        return f"{shown} of {number}: type more letters to find the others."
    return ""


def _row(entry: PaletteEntry, width: int) -> Content:
    group = f"{entry.group}: "
    about = cut_at_word(
        entry.about, max(0, width - cell_len(group) - min(cell_len(entry.name), _MAX_NAME) - 2)
    )
    name = cut_at_word(entry.name, max(1, width - cell_len(group) - cell_len(about) - 2))
    gap = " " * max(1, width - cell_len(group) - cell_len(name) - cell_len(about))
    return Content.assemble((group, "$text-muted"), name, gap, (about, "$text-muted"))

"""LogLayout: the rows of a whole log at one width, kept in step with the log. Not a widget."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from chat_tui.model import Entry, RoomLog
from chat_tui.ui.widgets.log_rows import (
    Row,
    RowKind,
    columns_for,
    label_of,
    row_order,
    rows_of,
    unconfirmed_hint,
)


class LogLayout:
    """Rows of a `RoomLog`, as numbers and offsets. Entries and their text stay in the log."""

    def __init__(self) -> None:
        self.log = RoomLog()
        self.rows: list[Row] = []
        """From the oldest to the newest, in the order of `row_order`."""
        self.columns = columns_for(80, 0)
        self.hint = unconfirmed_hint()
        """The hint below an unconfirmed message."""
        self.new_from: int | None = None
        """The id of the entry that has the rule "new" above it."""
        self.end = 0
        """One more than the id of the newest entry that has rows."""
        self.rewritten = 0
        """Grows whenever an existing row gets another content or another number."""
        self._first = 0  # the oldest id that has rows
        self._longest_label = 0

    def start(self, log: RoomLog) -> None:
        """Lay out another log."""
        self.log = log
        self.new_from = log.read_marker.new_from
        self._longest_label = _longest_label(log.entries())
        self.set_width(self.columns.width)

    def set_width(self, width: int) -> None:
        """Lay out everything for this width, in cells."""
        self.columns = columns_for(width, self._longest_label)
        self.rewritten += 1
        self.rows.clear()
        self._first = self.log.first
        self._lay_out_from(self._first)

    def set_resend_key(self, key: str) -> bool:
        """Lay out everything again if another key resends. Return True if so."""
        hint = unconfirmed_hint(key)
        if hint == self.hint:
            return False
        self.hint = hint
        self.set_width(self.columns.width)
        return True

    def update(self, changed: Iterable[int], fresh: Sequence[Entry]) -> None:
        """Lay out the `changed` entries (by id) and the `fresh` ones, which came since `end`."""
        longest = _longest_label(fresh)
        if longest > self._longest_label:
            self._longest_label = longest
            if columns_for(self.columns.width, longest) != self.columns:
                self.set_width(self.columns.width)
                return
        start = min(changed, default=self.end)
        self.rewritten += start < self.end
        self._lay_out_from(start)

    def trim(self) -> int:
        """Remove the rows of evicted entries. Return by how many rows the layout is shorter."""
        first = self.log.first
        if first <= self._first:
            return 0
        # The oldest remaining entry has none above it: it names its day and its author again.
        before = len(self.rows)
        has_entries = first < self.log.end
        head = rows_of(self.log[first], None, self.columns, self.hint) if has_entries else []
        self.rows[: self.first_row_of(first + 1)] = head
        self._first = first
        self.rewritten += 1
        return before - len(self.rows)

    def move_new_rule(self, entry_id: int | None) -> None:
        """Remove the rule "new"; put it above the entry `entry_id` when that is laid out."""
        if self.new_from is not None:
            order = row_order(Row(self.new_from, RowKind.NEW, 0, 0))
            number = bisect_left(self.rows, order, key=row_order)
            if number < len(self.rows) and self.rows[number].kind is RowKind.NEW:
                del self.rows[number]
                self.rewritten += 1
        self.new_from = entry_id

    def first_row_of(self, entry_id: int) -> int:
        """Return the number of the first row of this entry, or of the next one with rows."""
        return bisect_left(self.rows, entry_id, key=lambda row: row.entry)

    def matching_row(self, row: Row) -> int:
        """Return the number of the row that shows the start of `row` of another width."""
        return max(0, bisect_right(self.rows, row_order(row), key=row_order) - 1)

    def _lay_out_from(self, start: int) -> None:
        """Replace the rows of the entry `start` and of all later ones."""
        log = self.log
        start = max(start, log.first)
        del self.rows[self.first_row_of(start) :]
        previous = log[start - 1] if start > log.first else None
        for entry in log.entries(start):
            rows = rows_of(entry, previous, self.columns, self.hint)
            if entry.id == self.new_from:
                index = 1 if rows[0].kind is RowKind.DAY else 0
                rows.insert(index, Row(entry.id, RowKind.NEW, 0, 0))
            self.rows += rows
            previous = entry
        self.end = log.end


def _longest_label(entries: Iterable[Entry]) -> int:
    return max((cell_len(label_of(entry)) for entry in entries), default=0)

"""LogLayout: the rows of a whole log at one width, kept in step with the log. Not a widget."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from chat_tui.model import Entry, MentionFinder, RoomLog
from chat_tui.ui.widgets.log_folds import fold_presence
from chat_tui.ui.widgets.log_rows import (
    Row,
    RowKind,
    columns_for,
    label_of,
    row_order,
    rows_of,
    unconfirmed_hint,
    with_author,
)


class LogLayout:
    """Rows of a `RoomLog`, as numbers and offsets. Entries and their text stay in the log.

    A block is an entry, or several comings and goings in a row: they are folded into the rows of
    the first of them, the head, and the others have no rows.
    """

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
        self.mention = MentionFinder((), ())
        """Finds what is addressed to the user: such an entry always names its author."""
        self.shows_presence = True
        """True if comings and goings have rows."""
        self._first = 0  # the oldest id that is laid out
        self.longest_label = 0
        """The cells of the longest name or sign in the author's column."""
        self._folds: dict[int, list[Entry]] = {}  # the entries of the blocks last asked for

    def start(self, log: RoomLog) -> None:
        """Lay out another log."""
        self.log = log
        self.new_from = log.read_marker.new_from
        self.longest_label = _longest_label(log.entries())
        self.set_width(self.columns.width)

    def continue_in(self, log: RoomLog, shift: int) -> None:
        """Lay out a log that continues this one: the ids of the same entries differ by `shift`.

        Call `sync` afterwards: the log may begin and end elsewhere.
        """
        self.log = log
        self.new_from = log.read_marker.new_from
        self._first += shift
        self.end += shift
        self._folds.clear()
        if shift:
            self.rows = [row._replace(entry=row.entry + shift) for row in self.rows]
            self.rewritten += 1

    def set_width(self, width: int) -> None:
        """Lay out everything for this width, in cells."""
        self.columns = columns_for(width, self.longest_label)
        self.rewritten += 1
        self.rows.clear()
        self._first = self.log.first
        self._lay_out_from(self._first)
        self._add_edge_rows()

    def set_resend_key(self, key: str) -> bool:
        """Lay out everything again if another key resends. Return True if so."""
        hint = unconfirmed_hint(key)
        if hint == self.hint:
            return False
        self.hint = hint
        self.set_width(self.columns.width)
        return True

    def set_mention(self, mention: MentionFinder) -> bool:
        """Set what is addressed to the user. Return True if everything was laid out again."""
        changed = mention != self.mention
        self.mention = mention
        if changed:
            self.set_width(self.columns.width)
        return changed

    def show_presence(self, shown: bool) -> bool:
        """Show or hide comings and goings. Return True if everything was laid out again."""
        if shown == self.shows_presence:
            return False
        self.shows_presence = shown
        self.set_width(self.columns.width)
        return True

    def update(self, changed: Iterable[int], fresh: Sequence[Entry]) -> None:
        """Lay out the `changed` entries (by id) and the `fresh` ones, which came since `end`."""
        if self._widen(fresh):
            return
        self._remove_edge_rows()
        self._lay_out_from(min(changed, default=self.end))
        self._add_edge_rows()

    def sync(self) -> bool:
        """Lay out what has changed in the log since the last call. Return False if nothing has."""
        log = self.log
        dropped = log.take_dropped()
        changed = [entry_id for entry_id in log.take_changed() if entry_id < self.end]
        is_moved = dropped is not None or log.first != self._first
        if not (changed or is_moved or log.end > self.end):
            return False
        if self.new_from != log.read_marker.new_from:
            self.move_new_rule(log.read_marker.new_from)
        self._update_edges(dropped)
        self.update(changed, log.entries(self.end))
        return True

    def _update_edges(self, dropped: tuple[int, int] | None) -> None:
        """Remove the rows of entries that were dropped, and lay out those that came above.

        `dropped`: the ids below which and from which on entries were dropped; None: none were.
        """
        log = self.log
        if dropped is None and log.first == self._first:
            return
        low, high = dropped or (log.first, log.end)
        low, high = max(low, log.first), min(high, log.end)
        if log.first < self._first and self._widen(log.entries(None, self._first)):
            return
        if low >= self.end or high <= self._first:  # nothing that has rows is left
            self.start(log)
            return
        if high < self.end:
            self._remove_edge_rows()
            del self.rows[self.first_row_of(high) :]
            self.end = high
            self._lay_out_from(high - 1)  # a folded line may have ended further below
            self._add_edge_rows()
        self.trim(low)
        if log.first < self._first:
            self._lay_out_above()

    def show_edges(self) -> None:
        """Draw the rows at the edges of the log again: what is beyond them has changed."""
        self._remove_edge_rows()
        self._add_edge_rows()
        self.rewritten += 1

    def trim(self, first: int | None = None) -> int:
        """Remove the rows of evicted entries. Return by how many rows the layout is shorter.

        `first` is the id of the oldest entry to keep, None: that of the log.
        """
        first = self.log.first if first is None else first
        if first <= self._first:
            return 0
        before = len(self.rows)
        self._remove_edge_rows()
        self._first = first
        # The oldest remaining entry has none above it: it names its day and its author again.
        oldest, head = self._oldest_block(first)
        self.rows[: self.first_row_of(oldest)] = head
        self._add_edge_rows()
        self.rewritten += 1
        return before - len(self.rows)

    def _lay_out_above(self) -> None:
        """Lay out the entries above the rows. The block below them may begin in another way."""
        self._remove_edge_rows()
        end, _ = self._oldest_block(self._first)
        self._first = self.log.first
        above = self._rows_of_entries(self._first, end)
        self.rows[: self.first_row_of(end)] = above
        self._add_edge_rows()
        self.rewritten += 1

    def _oldest_block(self, first: int) -> tuple[int, list[Row]]:
        """Return the end of the first block with rows from `first` on, and its rows at the top."""
        self._folds.clear()
        while first < self.log.end and self._is_hidden(self.log[first]):
            first += 1
        if first >= self.log.end:
            return first, []
        return self._block_end(first), self._rows_of_block(self.log[first], None)

    def _widen(self, entries: Sequence[Entry]) -> bool:
        """Make room for the labels of new entries. Return True if all was laid out again."""
        longest = _longest_label(entries)
        if longest <= self.longest_label:
            return False
        self.longest_label = longest
        if columns_for(self.columns.width, longest) == self.columns:
            return False
        self.set_width(self.columns.width)
        return True

    # Rows at the edges of the log

    def _add_edge_rows(self) -> None:
        """Add the rows that show what is beyond the edges of the log."""
        if not self.rows:
            return
        if self.log.has_history:
            self.rows.insert(0, Row(self.rows[0].entry, RowKind.TOP, 0, 0))
        last = self.rows[-1].entry
        if self.log.present is not None:
            self.rows.append(Row(last, RowKind.BOTTOM, 0, 0))
        elif self.log[last].past:
            self.rows.append(Row(last, RowKind.LAST_EARLIER, 0, 0))

    def _remove_edge_rows(self) -> None:
        rows = self.rows
        if rows and rows[0].kind is RowKind.TOP:
            del rows[0]
        if rows and rows[-1].kind in (RowKind.BOTTOM, RowKind.LAST_EARLIER):
            del rows[-1]
            self.rewritten += 1  # another row may get this number

    def move_new_rule(self, entry_id: int | None) -> None:
        """Remove the rule "new"; put it above the entry `entry_id` when that is laid out."""
        old, self.new_from = self.new_from, entry_id
        if old is None or not max(self._first, self.log.first) <= old < self.end:
            return
        self._remove_edge_rows()
        start, end = self.first_row_of(old), self.first_row_of(old + 1)
        if any(row.kind is RowKind.NEW for row in self.rows[start:end]):
            # Without the rule the entry may no longer name its author.
            self.rows[start:end] = self._rows_of_block(self.log[old], self._shown_before(old))
            self.rewritten += 1
        self._add_edge_rows()

    def first_row_of(self, entry_id: int) -> int:
        """Return the number of the first row of this entry, or of the next one with rows."""
        return bisect_left(self.rows, entry_id, key=lambda row: row.entry)

    def matching_row(self, row: Row) -> int:
        """Return the number of the row that shows the start of `row` of another width."""
        return max(0, bisect_right(self.rows, row_order(row), key=row_order) - 1)

    # Blocks

    def entries_of(self, entry_id: int) -> list[Entry]:
        """Return the entries of the block whose head is `entry_id`."""
        if self.log[entry_id].presence is None:
            return [self.log[entry_id]]
        if entry_id not in self._folds:
            self._folds[entry_id] = [
                self.log[number] for number in range(entry_id, self._block_end(entry_id))
            ]
        return self._folds[entry_id]

    def shown(self, entry_id: int) -> Entry:
        """Return the entry as it is shown: several comings and goings as one."""
        entries = self.entries_of(entry_id)
        return entries[0] if len(entries) == 1 else fold_presence(entries)

    def head_of_block(self, entry_id: int) -> int:
        """Return the id of the entry that has the rows of this entry."""
        oldest = max(self._first, self.log.first)
        while entry_id > oldest and self._continues_block(entry_id):
            entry_id -= 1
        return entry_id

    def is_shown(self, entry: Entry) -> bool:
        """Return True if the entry is in a block that has rows."""
        return not self._is_hidden(entry)

    def neighbour(self, entry_id: int, by: int) -> int | None:
        """Return the head of the block above (-1) or below (1); None if there is none."""
        number = self.first_row_of(entry_id) - 1 if by < 0 else self.first_row_of(entry_id + 1)
        return self.rows[number].entry if 0 <= number < len(self.rows) else None

    def _is_hidden(self, entry: Entry) -> bool:
        return entry.presence is not None and not self.shows_presence

    def _continues_block(self, entry_id: int) -> bool:
        """Return True if the entry belongs to the block of the entry before it."""
        entry, before = self.log[entry_id], self.log[entry_id - 1]
        return (
            entry.presence is not None
            and before.presence is not None
            and entry.timestamp.date() == before.timestamp.date()
        )

    def _block_end(self, head: int) -> int:
        end = head + 1
        while end < self.log.end and self._continues_block(end):
            end += 1
        return end

    def _shown_before(self, entry_id: int) -> Entry | None:
        """Return the last entry before this one that has rows, None if there is none."""
        for number in range(entry_id - 1, max(self._first, self.log.first) - 1, -1):
            if not self._is_hidden(self.log[number]):
                return self.log[number]
        return None

    def _rows_of_block(self, head: Entry, previous: Entry | None) -> list[Row]:
        """Return the rows of the block with this head, below the entry `previous`."""
        entry = head if head.presence is None else self.shown(head.id)
        rows = rows_of(entry, previous, self.columns, self.hint)
        is_new = head.id == self.new_from
        is_first_present = previous is not None and previous.past and not head.past and not is_new
        first = rows[0]
        repeats = first.kind is RowKind.SAME_AUTHOR or first.kind is RowKind.SAME_MINUTE
        is_below_rule = is_new or is_first_present
        if repeats and (is_below_rule or (not entry.own and self.mention.matches(entry.text))):
            rows[0] = with_author(first)
        if is_new:
            rows.insert(first.kind is RowKind.DAY, Row(head.id, RowKind.NEW, 0, 0))
        if is_first_present:
            rows.insert(0, Row(head.id, RowKind.EARLIER, 0, 0))
        return rows

    def _lay_out_from(self, start: int) -> None:
        """Replace the rows of the block with the entry `start`, and all later rows."""
        log = self.log
        self._folds.clear()
        number = max(start, self._first, log.first)
        if number < log.end:
            number = self.head_of_block(number)
        self.rewritten += number < self.end
        del self.rows[self.first_row_of(number) :]
        self.rows += self._rows_of_entries(number, log.end)
        self.end = log.end

    def _rows_of_entries(self, start: int, end: int) -> list[Row]:
        """Return the rows of the blocks from the head `start` to before `end`."""
        rows: list[Row] = []
        number = start
        previous = self._shown_before(start)
        for entry in self.log.entries(start, end):
            if entry.id < number or self._is_hidden(entry):
                continue
            rows += self._rows_of_block(entry, previous)
            number = entry.id + 1 if entry.presence is None else self._block_end(entry.id)
            previous = entry
        return rows


def _longest_label(entries: Iterable[Entry]) -> int:
    return max((cell_len(label_of(entry)) for entry in entries), default=0)

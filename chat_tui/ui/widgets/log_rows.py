"""The rows that show an entry of a log: columns, heads, rules. Pure.

A row is a part of one entry's text, given by character offsets. Widths are cells of a terminal.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import Final, NamedTuple

from rich.cells import cell_len

from chat_tui.model import Entry, EntryKind, EntryState
from chat_tui.ui.terminal import cut
from chat_tui.ui.widgets.log_wrapping import indent_of, wrap

MESSAGE_KINDS: Final = frozenset({EntryKind.MESSAGE, EntryKind.ACTION, EntryKind.PRIVATE})
"""The kinds that a person wrote, not the server or the client."""

DEFAULT_RESEND_KEY: Final = "Ctrl+G"
"""The default key to resend a message. Terminals, shells and editors do not use it."""

ANNOUNCEMENT_SIGN: Final = "»"
"""In the author's column of an announcement."""

_SAME_AUTHOR_SECONDS: Final = timedelta(minutes=2)
"""Within this time after an entry of the same author, the author is not named again."""

_MARGIN: Final = 2
"""Cells kept free at the right edge: a gap, and a sign if the mark of the state does not fit."""

_MIN_TEXT_WIDTH: Final = 4


class RowKind(Enum):
    """What a row shows."""

    HEAD = "head"
    """The first row of an entry, with its time and author."""
    SAME_AUTHOR = "same author"
    """The first row of an entry in a group of the same author: only with its time."""
    SAME_MINUTE = "same minute"
    """The same, if the minute is also the same: without time and author."""
    REST = "rest"
    """A further row of an entry."""
    HINT = "hint"
    """A row of the hint below an unconfirmed message."""
    DAY = "day"
    """The rule above the first entry of a day."""
    NEW = "new"
    """The rule above the first unseen entry."""
    GAP = "gap"
    """The rule of a gap: when the connection was lost, or the user was elsewhere."""
    EARLIER = "earlier"
    """The rule below the messages that were sent before this session, above the next entry."""
    LAST_EARLIER = "last earlier"
    """The same, if there is no entry below it yet."""
    TOP = "top"
    """What is above the oldest entry: the first row of a log on a server with history."""
    BOTTOM = "bottom"
    """What is below the newest entry of a log that ends before the present: its last row."""


TEXT_ROWS: Final = frozenset({RowKind.HEAD, RowKind.SAME_AUTHOR, RowKind.SAME_MINUTE, RowKind.REST})
"""The kinds of row that show an entry's text."""

_ORDER: Final = {
    RowKind.TOP: 0,
    RowKind.EARLIER: 1,
    RowKind.DAY: 2,
    RowKind.NEW: 3,
    # 4: the text
    RowKind.HINT: 5,
    RowKind.LAST_EARLIER: 6,
    RowKind.BOTTOM: 6,
}


class Row(NamedTuple):
    """One row: the characters from `start` to `end` of the shown text of the entry `entry`."""

    entry: int
    kind: RowKind
    start: int
    end: int
    indent: int = 0
    """Blank cells before the text: a further row of an indented text is indented as well."""


def row_order(row: Row) -> tuple[int, int, int]:
    """Return the sort key of a row. The rows of a log are in this order at any width."""
    return (row.entry, _ORDER.get(row.kind, 4), row.start)


class Columns(NamedTuple):
    """The columns of a log of `width` cells. `time` and `author` are widths; 0: no such column."""

    width: int
    time: int
    author: int
    gap: int

    @property
    def text(self) -> int:
        """The cell at which the text begins."""
        before = 1 + self.author + self.gap
        return before + self.time + self.gap if self.time else before

    @property
    def text_width(self) -> int:
        """The number of cells for the text of a row."""
        return max(_MIN_TEXT_WIDTH, self.width - self.text - _MARGIN)


def columns_for(width: int, longest_label: int) -> Columns:
    """Return the columns of a log of `width` cells with labels of at most `longest_label` cells.

    The author's column fits most names from the start, because a longer one moves all text. It
    gets wider than 6 cells only while the text keeps 55 cells.
    """
    if width >= 56:
        # 10: the sign, the time and two gaps
        spare = 12 if width < 72 else min(14, width - _MARGIN - 10 - 55)
        return Columns(width, 5, max(6, min(longest_label, spare)), 2)
    if width >= 32:
        return Columns(width, 5, max(5, min(longest_label, 8)), 1)
    return Columns(width, 0, max(3, min(longest_label, 6)), 1)


def label_of(entry: Entry) -> str:
    """Return the text for the author's column."""
    match entry.kind:
        case EntryKind.MESSAGE | EntryKind.PRIVATE:
            if entry.own:
                return "you"
            # A person may be called "you". A name cannot hold quotes, so the quoted name differs
            # from the label of the user.
            return f'"{entry.author}"' if entry.author.casefold() == "you" else entry.author
        case EntryKind.ACTION:
            return "*"
        case EntryKind.ERROR:
            return "!"
        case EntryKind.ANNOUNCEMENT:
            return ANNOUNCEMENT_SIGN
        case EntryKind.NOTICE if entry.presence is not None:
            return "+" if entry.presence.joined else "-"
        case _:
            return "·"


def shown_text(entry: Entry) -> str:
    """Return the text for the text column."""
    match entry.kind:
        case EntryKind.ACTION:
            return f"{entry.author} {entry.text}"
        case _:
            return entry.text


def head_of(row: Row, entry: Entry, columns: Columns) -> tuple[str, str, str, str]:
    """Return what precedes the text of a row: time, space, label, space. Each may be blank."""
    clock = label = ""
    if row.kind in (RowKind.HEAD, RowKind.SAME_AUTHOR):
        clock = f"{entry.timestamp:%H:%M}"
    if row.kind is RowKind.HEAD:
        label = cut(label_of(entry), columns.author)
    gap = " " * columns.gap
    time = f" {clock:{columns.time}}{gap}" if columns.time else " "
    return time, " " * (columns.author - cell_len(label)), label, gap


def with_author(row: Row) -> Row:
    """Return a row of text with its time and author in front of it."""
    return row._replace(kind=RowKind.HEAD) if row.kind in TEXT_ROWS else row


def unconfirmed_hint(resend_key: str = DEFAULT_RESEND_KEY) -> str:
    """Return the hint below an unconfirmed message."""
    return f"! not confirmed: it may have arrived. {resend_key} sends it again"


def day_of(entry: Entry) -> str:
    """Return the day of an entry, as its rule shows it."""
    return f"{entry.timestamp:%A} {entry.timestamp.day} {entry.timestamp:%B}"


def rows_of(
    entry: Entry, previous: Entry | None, columns: Columns, hint: str = unconfirmed_hint()
) -> list[Row]:
    """Return the rows of an entry below the entry `previous` (None: it is the first).

    `hint` is shown below it if it is unconfirmed.
    """
    rows: list[Row] = []
    same_day = previous is not None and previous.timestamp.date() == entry.timestamp.date()
    if not same_day:
        rows.append(Row(entry.id, RowKind.DAY, 0, 0))
    text = shown_text(entry)
    if entry.kind is EntryKind.GAP and cell_len(text) + 6 <= columns.width:
        rows.append(Row(entry.id, RowKind.GAP, 0, len(text)))
        return rows
    kind = RowKind.HEAD
    if same_day and previous is not None and _same_author_group(previous, entry):
        same_minute = (previous.timestamp.hour, previous.timestamp.minute) == (
            entry.timestamp.hour,
            entry.timestamp.minute,
        )
        kind = RowKind.SAME_MINUTE if same_minute else RowKind.SAME_AUTHOR
    width = columns.text_width
    indent = indent_of(text, width)
    (start, end), *further = wrap(text, width, indent)
    rows.append(Row(entry.id, kind, start, end))
    for start, end in further:
        rows.append(Row(entry.id, RowKind.REST, start, end, indent))
    if entry.state is EntryState.UNCONFIRMED:
        for start, end in wrap(hint, columns.text_width):
            rows.append(Row(entry.id, RowKind.HINT, start, end))
    return rows


def _same_author_group(previous: Entry, entry: Entry) -> bool:
    return (
        previous.kind is entry.kind
        and entry.kind in (EntryKind.MESSAGE, EntryKind.PRIVATE)
        and previous.author == entry.author
        and previous.own == entry.own
        and previous.state is not EntryState.UNCONFIRMED
        and abs(entry.timestamp - previous.timestamp) <= _SAME_AUTHOR_SECONDS
    )

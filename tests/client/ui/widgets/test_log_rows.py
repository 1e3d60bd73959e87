"""The rows of entries: columns, wrapping, rules. Without a screen."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from chat_tui.model.entries import Entry, EntryKind, EntryState
from chat_tui.model.room_log import RoomLog
from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.log_rows import (
    Row,
    RowKind,
    columns_for,
    head_of,
    label_of,
    row_order,
    rows_of,
)
from chat_tui.ui.widgets.log_wrapping import wrap

NINE = datetime(2026, 11, 22, 21, 3, 5)
WIDE = columns_for(80, 6)


def entry(
    number: int,
    text: str = "hello",
    *,
    kind: EntryKind = EntryKind.MESSAGE,
    at: datetime = NINE,
    author: str = "bob",
    own: bool = False,
    state: EntryState = EntryState.SENT,
) -> Entry:
    return Entry(number, kind, at, author, text, own, state)


def kinds(first: Entry, second: Entry) -> list[RowKind]:
    return [row.kind for row in rows_of(second, first, WIDE)]


class TestWrapping:
    def test_wrap_keeps_fitting_text_in_one_row(self) -> None:
        assert wrap("did anyone see it?", 20) == [(0, 18)]

    def test_wrap_gives_empty_text_one_row(self) -> None:
        assert wrap("", 20) == [(0, 0)]

    def test_wrap_breaks_at_spaces_and_drops_them(self) -> None:
        text = "the quick brown fox"
        assert [text[a:b] for a, b in wrap(text, 10)] == ["the quick", "brown fox"]

    def test_wrap_splits_long_word(self) -> None:
        assert wrap("x" * 25, 10) == [(0, 10), (10, 20), (20, 25)]

    def test_wrap_keeps_leading_space(self) -> None:
        text = "    " + "x" * 12
        assert [text[a:b] for a, b in wrap(text, 10)] == ["    xxxxxx", "xxxxxx"]

    def test_wrap_counts_wide_characters_as_two_cells(self) -> None:
        text = "今日は晴れです"
        assert [text[a:b] for a, b in wrap(text, 6)] == ["今日は", "晴れで", "す"]

    def test_wrap_keeps_combining_mark_with_its_letter(self) -> None:
        text = "e\u0301" * 12
        assert [text[a:b] for a, b in wrap(text, 5)] == [
            "e\u0301" * 5,
            "e\u0301" * 5,
            "e\u0301" * 2,
        ]

    def test_wrap_keeps_emoji_sequence_together(self) -> None:
        family = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"
        text = family * 3
        assert [text[a:b] for a, b in wrap(text, 4)] == [family * 2, family]

    @given(st.text("ab  é漢字e\u0301\N{WOMAN}", max_size=60), st.integers(4, 14))
    def test_wrap_loses_only_spaces_and_never_exceeds_width(self, text: str, width: int) -> None:
        position = 0
        for start, end in wrap(text, width):
            assert not text[position:start].strip(" ")
            assert cell_len(text[start:end]) <= width
            position = end
        assert not text[position:].strip(" ")


class TestRows:
    def test_first_entry_has_day_and_author_rows(self) -> None:
        assert [row.kind for row in rows_of(entry(0), None, WIDE)] == [RowKind.DAY, RowKind.HEAD]

    def test_author_is_not_repeated_within_two_minutes(self) -> None:
        later = entry(1, at=NINE + timedelta(seconds=30))
        assert kinds(entry(0), later) == [RowKind.SAME_MINUTE]
        assert kinds(entry(0), entry(1, at=NINE + timedelta(seconds=70))) == [RowKind.SAME_AUTHOR]

    def test_author_is_repeated_after_two_minutes(self) -> None:
        assert kinds(entry(0), entry(1, at=NINE + timedelta(seconds=121))) == [RowKind.HEAD]

    @pytest.mark.parametrize(
        "second",
        [entry(1, author="carol"), entry(1, own=True), entry(1, kind=EntryKind.ACTION)],
        ids=["author", "own", "kind"],
    )
    def test_new_author_or_kind_starts_new_group(self, second: Entry) -> None:
        assert kinds(entry(0), second) == [RowKind.HEAD]

    def test_new_day_has_day_row(self) -> None:
        assert kinds(entry(0), entry(1, at=NINE + timedelta(hours=3))) == [
            RowKind.DAY,
            RowKind.HEAD,
        ]

    def test_unconfirmed_message_has_hint_row(self) -> None:
        lost = entry(1, own=True, state=EntryState.UNCONFIRMED)
        assert kinds(entry(0), lost) == [RowKind.HEAD, RowKind.HINT]

    def test_gap_is_drawn_as_rule_only_if_wide_enough(self) -> None:
        gap = entry(1, "no connection from 21:00 to 21:02", kind=EntryKind.GAP, author="")
        assert kinds(entry(0), gap) == [RowKind.GAP]
        narrow = columns_for(34, 6)
        assert RowKind.GAP not in [row.kind for row in rows_of(gap, entry(0), narrow)]

    def test_row_head_has_declared_column_width(self) -> None:
        for width in (20, 40, 80, 120):
            for author in ("bob", "a-name-of-many-letters", "今日は晴れです今日は晴れです"):
                message = entry(0, author=author)
                columns = columns_for(width, cell_len(author))
                for kind in (RowKind.HEAD, RowKind.SAME_AUTHOR, RowKind.REST):
                    head = "".join(head_of(Row(0, kind, 0, 5), message, columns))
                    assert cell_len(head) == columns.text

    def test_user_named_you_is_quoted_in_label(self) -> None:
        assert label_of(entry(0, author="alice", own=True)) == "you"
        assert label_of(entry(0, author="you")) == '"you"'


class TestLayout:
    def test_layout_rows_are_ordered_at_any_width(self) -> None:
        log = RoomLog()
        for number in range(40):
            state = EntryState.UNCONFIRMED if number % 7 == 0 else EntryState.SENT
            log.append(
                EntryKind.MESSAGE,
                NINE + timedelta(hours=number),
                "many words that need room " * (number % 5),
                author="bob",
                state=state,
            )
        layout = LogLayout()
        layout.start(log)
        for width in (20, 33, 60, 120):
            layout.set_width(width)
            assert layout.rows == sorted(layout.rows, key=row_order)

    def test_incremental_layout_equals_full_layout(self) -> None:
        log = RoomLog(max_entries=50)
        layout = LogLayout()
        layout.start(log)
        for number in range(300):
            entries = [
                log.append(EntryKind.MESSAGE, NINE, f"{number} {part}", author="bcd"[number % 3])
                for part in range(number % 4)
            ]
            layout.update([], entries)
            layout.trim()
        again = LogLayout()
        again.start(log)
        assert layout.rows == again.rows
        assert {row.entry for row in layout.rows} == set(range(log.first, log.end))

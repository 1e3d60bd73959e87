"""How entries become rows: columns, wrapping, rules. No screen."""

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
    place_of,
    rows_of,
    wrap,
)

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
    def test_what_fits_is_one_row(self) -> None:
        assert wrap("did anyone see it?", 20) == [(0, 18)]

    def test_nothing_is_a_row_too(self) -> None:
        assert wrap("", 20) == [(0, 0)]

    def test_rows_break_at_spaces_which_are_not_shown(self) -> None:
        text = "the quick brown fox"
        assert [text[a:b] for a, b in wrap(text, 10)] == ["the quick", "brown fox"]

    def test_a_word_that_is_too_long_is_cut(self) -> None:
        assert wrap("x" * 25, 10) == [(0, 10), (10, 20), (20, 25)]

    def test_space_at_the_start_stays(self) -> None:
        text = "    " + "x" * 12
        assert [text[a:b] for a, b in wrap(text, 10)] == ["    xxxxxx", "xxxxxx"]

    def test_a_wide_character_takes_two_cells_and_may_begin_a_row(self) -> None:
        text = "今日は晴れです"
        assert [text[a:b] for a, b in wrap(text, 6)] == ["今日は", "晴れで", "す"]

    def test_a_combining_mark_stays_with_its_letter(self) -> None:
        text = "e\u0301" * 12
        assert [text[a:b] for a, b in wrap(text, 5)] == [
            "e\u0301" * 5,
            "e\u0301" * 5,
            "e\u0301" * 2,
        ]

    def test_a_family_is_not_torn_apart(self) -> None:
        family = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"
        text = family * 3
        assert [text[a:b] for a, b in wrap(text, 4)] == [family * 2, family]

    @given(st.text("ab  é漢字e\u0301\N{WOMAN}", max_size=60), st.integers(4, 14))
    def test_nothing_is_lost_but_spaces_and_no_row_is_too_wide(self, text: str, width: int) -> None:
        position = 0
        for start, end in wrap(text, width):
            assert not text[position:start].strip(" ")
            assert cell_len(text[start:end]) <= width
            position = end
        assert not text[position:].strip(" ")


class TestRows:
    def test_the_first_entry_names_its_day_and_its_author(self) -> None:
        assert [row.kind for row in rows_of(entry(0), None, WIDE)] == [RowKind.DAY, RowKind.HEAD]

    def test_an_author_who_goes_on_is_not_named_again(self) -> None:
        later = entry(1, at=NINE + timedelta(seconds=30))
        assert kinds(entry(0), later) == [RowKind.SAME_MINUTE]
        assert kinds(entry(0), entry(1, at=NINE + timedelta(seconds=70))) == [RowKind.SAME_AUTHOR]

    def test_after_two_minutes_the_author_is_named_again(self) -> None:
        assert kinds(entry(0), entry(1, at=NINE + timedelta(seconds=121))) == [RowKind.HEAD]

    @pytest.mark.parametrize(
        "second",
        [entry(1, author="carol"), entry(1, own=True), entry(1, kind=EntryKind.ACTION)],
        ids=["author", "own", "kind"],
    )
    def test_somebody_else_is_named(self, second: Entry) -> None:
        assert kinds(entry(0), second) == [RowKind.HEAD]

    def test_another_day_has_a_rule(self) -> None:
        assert kinds(entry(0), entry(1, at=NINE + timedelta(hours=3))) == [
            RowKind.DAY,
            RowKind.HEAD,
        ]

    def test_an_unconfirmed_message_says_what_can_be_done(self) -> None:
        lost = entry(1, own=True, state=EntryState.UNCONFIRMED)
        assert kinds(entry(0), lost) == [RowKind.HEAD, RowKind.HINT]

    def test_a_gap_is_a_rule_where_there_is_room(self) -> None:
        gap = entry(1, "no connection from 21:00 to 21:02", kind=EntryKind.GAP, author="")
        assert kinds(entry(0), gap) == [RowKind.GAP]
        narrow = columns_for(34, 6)
        assert RowKind.GAP not in [row.kind for row in rows_of(gap, entry(0), narrow)]

    def test_the_columns_of_what_stands_before_a_text_are_as_wide_as_they_say(self) -> None:
        for width in (20, 40, 80, 120):
            for author in ("bob", "a-name-of-many-letters", "今日は晴れです今日は晴れです"):
                said = entry(0, author=author)
                columns = columns_for(width, cell_len(author))
                for kind in (RowKind.HEAD, RowKind.SAME_AUTHOR, RowKind.REST):
                    head = "".join(head_of(Row(0, kind, 0, 5), said, columns))
                    assert cell_len(head) == columns.text

    def test_nobody_looks_like_oneself(self) -> None:
        assert label_of(entry(0, author="alice", own=True)) == "you"
        assert label_of(entry(0, author="you")) == '"you"'


class TestLayout:
    def test_rows_are_in_one_order_at_any_width(self) -> None:
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
            assert layout.rows == sorted(layout.rows, key=place_of)

    def test_what_came_is_laid_out_as_if_it_had_always_been_there(self) -> None:
        log = RoomLog(newest_kept=50)
        layout = LogLayout()
        layout.start(log)
        for number in range(300):
            entries = [
                log.append(EntryKind.MESSAGE, NINE, f"{number} {part}", author="bcd"[number % 3])
                for part in range(number % 4)
            ]
            layout.take_in([], entries)
            layout.trim()
        again = LogLayout()
        again.start(log)
        assert layout.rows == again.rows
        assert {row.entry for row in layout.rows} == set(range(log.first, log.end))

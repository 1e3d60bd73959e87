"""The words of `/history`, and how a page becomes lines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_server.commands.history import HistoryQuery, InvalidQuery, parse_query
from chat_server.commands.pages import MAX_PAGE_BYTES, render_page, render_search
from chat_server.core import RejectReason
from chat_server.history import Hole, Page, PastMessage
from chat_server.wire import format_stamp, parse_stamp
from chat_server.wire.history_replies import (
    parse_continuation,
    parse_end_of_history,
    parse_not_kept,
    parse_not_kept_before,
)
from chat_server.wire.protocol import Action, Message, PrivateMessage, Reply, parse_server_line

NOW = 1_795_348_800_000_000
STAMP = format_stamp(NOW - 5)


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ("", HistoryQuery(20)),
        ("1", HistoryQuery(1)),
        ("200", HistoryQuery(200)),
        ("new", HistoryQuery(200, "new")),
        (f"new {STAMP}", HistoryQuery(200, "new", NOW - 5)),
        ("new 1h", HistoryQuery(200, "new", NOW - 3_600_000_000 - 1)),
        (f"before {STAMP}", HistoryQuery(20, "before", NOW - 5)),
        ("before 1h 7", HistoryQuery(7, "before", NOW - 3_600_000_000)),
        (f"after {STAMP} 200", HistoryQuery(200, "after", NOW - 5)),
        ("after 1h", HistoryQuery(20, "after", NOW - 3_600_000_000 - 1)),
    ],
)
def test_words_of_history_are_understood(words: str, query: HistoryQuery) -> None:
    assert parse_query(tuple(words.split()), NOW) == query


@pytest.mark.parametrize(
    ("words", "reason", "subject"),
    [
        ("0", RejectReason.INVALID_COUNT, ""),
        ("201", RejectReason.INVALID_COUNT, ""),
        ("0200", RejectReason.INVALID_COUNT, ""),
        ("-1", RejectReason.INVALID_COUNT, ""),
        ("two", RejectReason.INVALID_COUNT, ""),
        ("²", RejectReason.INVALID_COUNT, ""),
        ("before 1h 0", RejectReason.INVALID_COUNT, ""),
        ("after 1h many", RejectReason.INVALID_COUNT, ""),
        ("new yesterday", RejectReason.NO_SUCH_TIME, "yesterday"),
        ("before noon 3", RejectReason.NO_SUCH_TIME, "noon"),
    ],
)
def test_wrong_words_of_history_are_rejected(
    words: str, reason: RejectReason, subject: str
) -> None:
    assert parse_query(tuple(words.split()), NOW) == InvalidQuery(reason, subject)


@pytest.mark.parametrize("words", ["before", "after", "new 1h 3", "20 20", "after 1h 3 4"])
def test_wrong_number_of_words_gets_usage(words: str) -> None:
    result = parse_query(tuple(words.split()), NOW)
    assert isinstance(result, InvalidQuery)
    assert result.reason is RejectReason.USAGE


def _lines(data: bytes) -> list[str]:
    *lines, rest = data.decode().split("\n")
    assert rest == ""
    return lines


def test_page_shows_each_kind_of_entry_at_its_place() -> None:
    page = Page(
        (
            PastMessage(NOW, "alice", "hi"),
            Hole(NOW + 1, 120),
            PastMessage(NOW + 2, "alice", "waves", is_action=True),
            PastMessage(NOW + 3, "alice", "psst", recipient="bob"),
        ),
        pruned_before=NOW - 9,
    )
    head, pruned, *entries, foot = map(
        parse_server_line, _lines(render_page("History of 'dev'", page, newest=True))
    )
    assert head == Reply("History of 'dev'")
    assert isinstance(pruned, Reply)
    assert parse_not_kept_before(pruned.text) == format_stamp(NOW - 9)
    assert entries == [
        Message(format_stamp(NOW), "alice", "hi", past=True),
        Reply("Not kept: 120 messages"),
        Action(format_stamp(NOW + 2), "alice", "waves", past=True),
        PrivateMessage(format_stamp(NOW + 3), "alice", "bob", "psst", past=True),
    ]
    assert foot == Reply("End of history")


texts = st.lists(st.text(min_size=1, max_size=3900).map(lambda text: "x" + repr(text)), max_size=60)


@settings(max_examples=40)
@given(texts, st.booleans(), st.sampled_from([None, "bob" * 10]))
def test_page_over_byte_limit_is_cut_and_says_how_to_go_on(
    given_texts: list[str], newest: bool, other: str | None
) -> None:
    entries = tuple(
        PastMessage(NOW + number, "é" * 32, text) for number, text in enumerate(given_texts)
    )
    later = "new" if other is None else "after"
    data = render_page("h" * 80, Page(entries), newest, other=other, later=later)
    assert len(data) <= MAX_PAGE_BYTES
    _, *shown, last = map(parse_server_line, _lines(data))
    assert isinstance(last, Reply)
    foot = parse_end_of_history(last.text)
    assert foot is not None
    command = foot.earlier if newest else foot.later
    stamps = [parse_stamp(line.time) for line in shown if isinstance(line, Message)]
    expected = [entry.stamp for entry in entries]
    if command is None:
        assert stamps == expected
    elif newest:
        assert stamps == expected[-len(stamps) :]
        assert parse_continuation(command) == format_stamp(expected[-len(stamps)])
    else:
        assert stamps == expected[: len(stamps)]
        assert parse_continuation(command) == format_stamp(expected[len(stamps) - 1])
    assert command is None or (f"with {other}" in command) == (other is not None)


def test_cut_page_does_not_claim_to_reach_the_horizon() -> None:
    entries = tuple(PastMessage(NOW + number, "alice", "x" * 4000) for number in range(20))
    page = Page(entries, pruned_before=NOW - 9)
    newest, oldest = (render_page("head", page, newest=each).decode() for each in (True, False))
    assert "Not kept" not in newest
    assert "Not kept" in oldest


def test_search_result_over_byte_limit_keeps_newest_hits() -> None:
    entries = tuple(PastMessage(NOW + number, "alice", "x" * 4000) for number in range(20))
    data = render_search("Found in 'dev'", Page(entries))
    assert len(data) <= MAX_PAGE_BYTES
    _, *shown, foot = map(parse_server_line, _lines(data))
    assert 10 < len(shown) < 20
    assert isinstance(shown[-1], Message)
    assert shown[-1].time == format_stamp(NOW + 19)
    assert foot == Reply("End of history")


def test_remark_about_missing_messages_is_read_by_its_parser() -> None:
    data = render_page("head", Page((Hole(NOW, 1),)), newest=True)
    remark = parse_server_line(_lines(data)[1])
    assert isinstance(remark, Reply)
    assert parse_not_kept(remark.text) == 1

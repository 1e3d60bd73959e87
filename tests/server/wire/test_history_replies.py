"""The texts of the history: each parser recognizes what its maker produces, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire import (
    format_stamp,
    history_replies,
    parse_stamp,
    quoted_in_reply,
    replies,
)
from chat_server.wire.history_replies import PageFoot, UnreadPlace
from chat_server.wire.protocol import LIST_LINE_LIMIT, REPLY_MARK

names = st.from_regex(r"[a-zé0-9_.-]{1,32}", fullmatch=True).filter(lambda name: name != "none")
stamps = st.integers(0, 4_000_000_000_000_000).map(format_stamp)
counts = st.integers(1, 1000)

PARSERS: tuple[Callable[[str], Any], ...] = (
    history_replies.parse_history_of,
    history_replies.parse_history_with,
    history_replies.parse_found_in,
    history_replies.parse_end_of_history,
    history_replies.parse_not_kept_before,
    history_replies.parse_not_kept,
    history_replies.parse_unread,
    history_replies.parse_unread_notices,
    history_replies.parse_stamps,
    history_replies.parse_kept_for,
    history_replies.parse_too_many_waiting,
    history_replies.parse_erased,
    history_replies.parse_nothing_to_erase,
    history_replies.parse_no_such_time,
    replies.parse_joined,
    replies.parse_subscribed,
    replies.parse_sent_to,
    replies.parse_available_commands,
    replies.parse_no_such_user,
    replies.parse_not_delivered,
)


def _recognized_by(text: str) -> list[Callable[[str], Any]]:
    return [parser for parser in PARSERS if parser(text) is not None]


@given(names)
def test_heads_of_pages_round_trip(name: str) -> None:
    for make, parse in (
        (history_replies.history_of, history_replies.parse_history_of),
        (history_replies.history_with, history_replies.parse_history_with),
        (history_replies.found_in, history_replies.parse_found_in),
    ):
        text = make(name)
        assert parse(text) == name
        assert _recognized_by(text) == [parse]


@given(stamps, names, st.sampled_from(["before", "after", "new"]))
def test_foot_of_page_round_trips_with_its_continuation(
    stamp: str, user: str, direction: str
) -> None:
    for command in (
        history_replies.continuation(direction, stamp),
        history_replies.continuation(direction, stamp, user),
    ):
        assert history_replies.parse_continuation(command) == stamp
        earlier = history_replies.end_of_history(earlier=command)
        later = history_replies.end_of_history(later=command)
        assert history_replies.parse_end_of_history(earlier) == PageFoot(earlier=command)
        assert history_replies.parse_end_of_history(later) == PageFoot(later=command)
        assert _recognized_by(earlier) == [history_replies.parse_end_of_history]


def test_foot_of_page_says_how_to_go_on_as_line_to_send() -> None:
    stamp = "2026-11-22T14:03:07.000045+01:00"
    assert history_replies.end_of_history() == "End of history"
    assert history_replies.parse_end_of_history("End of history") == PageFoot()
    assert (
        history_replies.end_of_history(
            later=history_replies.continuation("new", stamp, "bob"),
        )
        == f"End of history; later: /history with bob new {stamp}"
    )


@given(stamps, st.integers(1, 10**9))
def test_remarks_about_missing_messages_round_trip(stamp: str, count: int) -> None:
    before, hole = history_replies.not_kept_before(stamp), history_replies.not_kept(count)
    assert history_replies.parse_not_kept_before(before) == stamp
    assert parse_stamp(stamp) is not None
    assert history_replies.parse_not_kept(hole) == count
    assert _recognized_by(before) == [history_replies.parse_not_kept_before]
    assert _recognized_by(hole) == [history_replies.parse_not_kept]


places = st.lists(
    st.builds(UnreadPlace, names, counts, st.integers(0, 1000), st.booleans()), max_size=150
)


@given(places)
def test_unread_numbers_round_trip_within_line_limit(given_places: list[UnreadPlace]) -> None:
    lines = history_replies.unread(given_places)
    read: list[UnreadPlace] = []
    for number, line in enumerate(lines):
        assert len((REPLY_MARK + line).encode()) <= LIST_LINE_LIMIT
        parsed = history_replies.parse_unread(line)
        assert parsed is not None
        part, more = parsed
        assert more == (number < len(lines) - 1)
        read += part
    assert read == given_places


def test_unread_numbers_have_form_of_contract() -> None:
    lines = history_replies.unread(
        [
            UnreadPlace("lobby", 12),
            UnreadPlace("dev", 3, 1),
            UnreadPlace("ops", 1000, 2),
            UnreadPlace("bob", 2, is_private=True),
        ]
    )
    assert lines == ["Unread: lobby (12), dev (3 @1), ops (1000+ @2), @bob (2)"]
    assert history_replies.unread([]) == ["Unread: none"]
    assert history_replies.parse_unread("Unread: none") == ([], False)


def test_number_that_fell_to_zero_is_listed() -> None:
    assert history_replies.unread([UnreadPlace("dev", 0)]) == ["Unread: dev (0)"]
    assert history_replies.parse_unread("Unread: dev (0)") == ([UnreadPlace("dev", 0)], False)


@pytest.mark.parametrize("on", [True, False])
def test_switch_replies_round_trip(on: bool) -> None:
    assert history_replies.parse_unread_notices(history_replies.unread_notices(on)) is on
    assert history_replies.parse_stamps(history_replies.stamps(on)) is on
    assert _recognized_by(history_replies.unread_notices(on)) == [
        history_replies.parse_unread_notices
    ]


@given(names, counts)
def test_replies_about_kept_and_erased_messages_round_trip(name: str, count: int) -> None:
    for text, parse, expected in (
        (history_replies.kept_for(name), history_replies.parse_kept_for, name),
        (
            history_replies.too_many_waiting(name),
            history_replies.parse_too_many_waiting,
            name,
        ),
        (history_replies.erased(count, name), history_replies.parse_erased, (count, name)),
    ):
        assert parse(text) == expected
        assert _recognized_by(text) == [parse]


@given(st.text(max_size=80))
def test_errors_quote_words_that_user_typed(word: str) -> None:
    quoted = quoted_in_reply(word)
    for make, parse in (
        (history_replies.nothing_to_erase, history_replies.parse_nothing_to_erase),
        (history_replies.no_such_time, history_replies.parse_no_such_time),
    ):
        assert parse(make(word)) == quoted


def test_one_erased_message_is_singular() -> None:
    assert history_replies.erased(1, "alice") == "Erased 1 message by alice"
    assert history_replies.erased(831, "alice") == "Erased 831 messages by alice"

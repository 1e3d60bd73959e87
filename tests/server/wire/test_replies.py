"""The server's words: what one side makes the other recognises."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire import replies
from chat_server.wire.protocol import LIST_LINE_LIMIT, REPLY_MARK

names = st.lists(st.from_regex(r"[a-zé]{1,32}", fullmatch=True), max_size=150)


@given(names)
def test_a_list_comes_back_whole_and_no_line_is_too_long(items: list[str]) -> None:
    items = [item for item in items if item != "none"]
    lines = replies.members("dev", items)
    read: list[str] = []
    for number, line in enumerate(lines):
        assert len((REPLY_MARK + line).encode()) <= LIST_LINE_LIMIT
        parsed = replies.parse_members(line)
        assert parsed is not None
        room, part = parsed
        assert room == "dev"
        assert part.more == (number < len(lines) - 1)
        read += part.items
    assert read == items


def test_a_list_fills_its_lines() -> None:
    first, *_ = replies.subscriptions(["x" * 30] * 40)
    assert len((REPLY_MARK + first).encode()) > LIST_LINE_LIMIT - 32


def test_a_list_of_exactly_the_limit_stays_on_one_line() -> None:
    head = len("[SERVER] Subscriptions: ")
    items = ["x" * 32] * 28
    rest = LIST_LINE_LIMIT - head - len(", ".join(items)) - 2
    assert len(replies.subscriptions([*items, "y" * rest])) == 1
    assert len(replies.subscriptions([*items, "y" * (rest + 1)])) == 2


def test_empty_lists_say_none() -> None:
    assert replies.subscriptions([]) == ["Subscriptions: none"]
    part = replies.parse_subscriptions("Subscriptions: none")
    assert part is not None
    assert part.items == ()


def test_rooms_with_and_without_numbers() -> None:
    assert replies.parse_active_rooms("Active rooms: lobby (12), dev (3)") == (
        [("lobby", 12), ("dev", 3)],
        False,
    )
    assert replies.parse_active_rooms("Active rooms: dev, lobby") == (
        [("dev", None), ("lobby", None)],
        False,
    )
    assert replies.parse_active_rooms("Joined room 'x'") is None


def test_answers_are_recognised() -> None:
    assert replies.parse_joined(replies.joined("dev")) == "dev"
    assert replies.parse_joined(replies.already_in("dev")) == "dev"
    assert replies.parse_subscribed(replies.subscribed("*")) == "*"
    assert replies.parse_unsubscribed(replies.unsubscribed("al")) == "al"
    assert replies.parse_person_joined(replies.person_joined("al", "dev")) == ("al", "dev")
    assert replies.parse_person_left(replies.person_left("al", "dev")) == ("al", "dev")
    assert replies.parse_room_opened(replies.room_opened("dev")) == "dev"
    assert replies.parse_room_closed(replies.room_closed("dev")) == "dev"
    assert replies.parse_retry_after(replies.too_many_failures(0.2)) == 1
    assert replies.parse_retry_after(replies.too_many_failures(599.1)) == 600
    assert replies.parse_retry_after(replies.banned(replies.BANNED_ACCOUNT, 59.2)) == 60
    assert replies.parse_retry_after(replies.banned(replies.BANNED_ADDRESS, None)) is None
    assert replies.parse_announcement(replies.announcement("al", "a: b")) == ("al", "a: b")


def test_every_last_line_that_ends_a_session_for_good_is_recognised_as_one() -> None:
    for text in (
        replies.LOGGED_OUT_BY_NEW_LOGIN,
        replies.LOGGED_OUT_ACCOUNT_REMOVED,
        replies.LOGGED_OUT_ACCOUNT_DISABLED,
        replies.kicked(""),
        replies.kicked("too loud"),
    ):
        assert replies.is_logged_out(text)
    assert not replies.is_logged_out(replies.SHUTTING_DOWN)


def test_a_kick_and_a_ban_are_recognised() -> None:
    assert replies.parse_kicked(replies.kicked("")) == ""
    assert replies.parse_kicked(replies.kicked("too: loud")) == "too: loud"
    assert replies.parse_kicked(replies.LOGGED_OUT_BY_NEW_LOGIN) is None
    for minutes in (None, 5):
        assert replies.is_ban(f"banned {replies.how_long(minutes)}")
        assert replies.is_ban(f"your address is banned {replies.how_long(minutes)}")
    assert not replies.is_ban("too loud")
    for what in (replies.BANNED_ACCOUNT, replies.BANNED_ADDRESS):
        assert replies.parse_banned(replies.banned(what, None)) == what
        assert replies.parse_banned(replies.banned(what, 60)) == what
    assert replies.parse_banned(replies.too_many_failures(60)) is None


def test_a_notice_is_no_answer() -> None:
    assert replies.parse_joined(replies.person_joined("al", "dev")) is None
    assert replies.parse_person_joined(replies.joined("dev")) is None

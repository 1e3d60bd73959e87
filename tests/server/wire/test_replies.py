"""The texts of the server: each parser recognizes what its maker produces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire import cluster_replies, operator_replies, replies
from chat_server.wire.protocol import LIST_LINE_LIMIT, REPLY_MARK

names = st.lists(st.from_regex(r"[a-zé]{1,32}", fullmatch=True), max_size=150)


@given(names)
def test_list_reply_round_trips_within_line_limit(items: list[str]) -> None:
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


def test_list_reply_fills_lines_up_to_limit() -> None:
    first, *_ = replies.subscriptions(["x" * 30] * 40)
    assert len((REPLY_MARK + first).encode()) > LIST_LINE_LIMIT - 32


def test_list_reply_of_exactly_the_limit_is_one_line() -> None:
    head = len("[SERVER] Subscriptions: ")
    items = ["x" * 32] * 28
    rest = LIST_LINE_LIMIT - head - len(", ".join(items)) - 2
    assert len(replies.subscriptions([*items, "y" * rest])) == 1
    assert len(replies.subscriptions([*items, "y" * (rest + 1)])) == 2


def test_empty_list_reply_says_none() -> None:
    assert replies.subscriptions([]) == ["Subscriptions: none"]
    part = replies.parse_subscriptions("Subscriptions: none")
    assert part is not None
    assert part.items == ()


def test_parse_active_rooms_with_and_without_counts() -> None:
    assert replies.parse_active_rooms("Active rooms: lobby (12), dev (3)") == (
        [("lobby", 12), ("dev", 3)],
        False,
    )
    assert replies.parse_active_rooms("Active rooms: dev, lobby") == (
        [("dev", None), ("lobby", None)],
        False,
    )
    assert replies.parse_active_rooms("Joined room 'x'") is None


def test_replies_round_trip_through_their_parsers() -> None:
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
    assert replies.parse_retry_after(replies.too_many_logins(29.5)) == 30
    assert replies.is_too_many_logins(replies.too_many_logins(29.5))
    assert not replies.is_too_many_logins(replies.too_many_failures(29.5))
    assert (
        replies.parse_retry_after(operator_replies.banned(operator_replies.BANNED_ACCOUNT, 59.2))
        == 60
    )
    assert (
        replies.parse_retry_after(operator_replies.banned(operator_replies.BANNED_ADDRESS, None))
        is None
    )
    assert operator_replies.parse_announcement(operator_replies.announcement("al", "a: b")) == (
        "al",
        "a: b",
    )


def test_is_logged_out_recognizes_every_final_line() -> None:
    for text in (
        replies.LOGGED_OUT_BY_NEW_LOGIN,
        replies.LOGGED_OUT_ACCOUNT_REMOVED,
        replies.LOGGED_OUT_ACCOUNT_DISABLED,
        operator_replies.kicked(""),
        operator_replies.kicked("too loud"),
    ):
        assert replies.is_logged_out(text)
    assert not replies.is_logged_out(replies.SHUTTING_DOWN)


def test_kick_and_ban_lines_are_parsed() -> None:
    assert operator_replies.parse_kicked(operator_replies.kicked("")) == ""
    assert operator_replies.parse_kicked(operator_replies.kicked("too: loud")) == "too: loud"
    assert operator_replies.parse_kicked(replies.LOGGED_OUT_BY_NEW_LOGIN) is None
    for minutes in (None, 5):
        assert operator_replies.is_ban(f"banned {operator_replies.ban_duration(minutes)}")
        assert operator_replies.is_ban(
            f"your address is banned {operator_replies.ban_duration(minutes)}"
        )
    assert not operator_replies.is_ban("too loud")
    for what in (operator_replies.BANNED_ACCOUNT, operator_replies.BANNED_ADDRESS):
        assert operator_replies.parse_banned(operator_replies.banned(what, None)) == what
        assert operator_replies.parse_banned(operator_replies.banned(what, 60)) == what
    assert operator_replies.parse_banned(replies.too_many_failures(60)) is None


def test_presence_notice_does_not_parse_as_reply() -> None:
    assert replies.parse_joined(replies.person_joined("al", "dev")) is None
    assert replies.parse_person_joined(replies.joined("dev")) is None


def test_notices_about_the_other_servers_are_parsed() -> None:
    assert replies.parse_servers_notice(replies.SERVERS_DISCONNECTED) is False
    assert replies.parse_servers_notice(replies.SERVERS_CONNECTED) is True
    for count in (1, 2, 1000):
        text = cluster_replies.messages_unsent(count)
        assert cluster_replies.parse_messages_unsent(text) == count
    assert cluster_replies.parse_messages_unsent(replies.SERVERS_CONNECTED) is None
    assert replies.parse_servers_notice(replies.SHUTTING_DOWN) is None
    assert replies.is_servers_unreachable(replies.SERVERS_UNREACHABLE)
    assert not replies.is_servers_unreachable(replies.AUTHENTICATION_FAILED)

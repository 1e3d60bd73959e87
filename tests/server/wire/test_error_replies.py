"""The parsers of error replies accept exactly the texts that the server makes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chat_server.wire import replies

NAMES = ["bob", "", "two words", "x" * 64, "Zo\u00eb", "it's"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("make", "read"),
    [
        (replies.invalid_room, replies.parse_invalid_room),
        (replies.no_such_room, replies.parse_no_such_room),
        (replies.no_such_user, replies.parse_no_such_user),
    ],
)
def test_error_reply_parsers_return_the_name(
    make: Callable[[str], str], read: Callable[[str], str | None], name: str
) -> None:
    assert read(make(name)) == name


@pytest.mark.parametrize("name", NAMES)
def test_similar_room_parser_returns_the_new_name(name: str) -> None:
    assert replies.parse_similar_room(replies.similar_room(name, "dev")) == name


@pytest.mark.parametrize("form", ["/join <room>", "/who [room]", "/presence on|off", "/leave"])
def test_parse_usage_returns_command(form: str) -> None:
    assert replies.parse_usage(replies.usage(form)) == form.split()[0]


@pytest.mark.parametrize("word", ["/dance", "/", "/\u00e9"])
def test_parse_unknown_command_returns_command(word: str) -> None:
    assert replies.parse_unknown_command(replies.unknown_command(word)) == word


@pytest.mark.parametrize(
    "text", ["", "Usage", "Line is not valid UTF-8", "No such thing: x", "Unknown command: x"]
)
def test_error_reply_parsers_reject_other_texts(text: str) -> None:
    assert replies.parse_invalid_room(text) is None
    assert replies.parse_similar_room(text) is None
    assert replies.parse_no_such_room(text) is None
    assert replies.parse_no_such_user(text) is None
    assert replies.parse_usage(text) is None
    assert replies.parse_unknown_command(text) is None

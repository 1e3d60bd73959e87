"""The place of a text in the input history: private text stays in its conversation."""

from __future__ import annotations

import pytest

from chat_tui.input.history_place import history_place, holds_no_text


@pytest.mark.parametrize(
    "text", ["hello", "//msg bob x", "two\n/msg bob lines", "/join ops", "/me x"]
)
@pytest.mark.parametrize("location", ["dev", "@carol"])
def test_text_is_kept_where_it_was_sent(text: str, location: str) -> None:
    assert history_place(text, location) == (location, text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/msg bob a secret", "a secret"),
        ("/msg bob  /join dev", "//join dev"),
        ("/msg   bob a  b ", "a  b"),
    ],
)
@pytest.mark.parametrize("location", ["dev", "@carol", "@bob"])
def test_private_command_is_kept_in_its_conversation(text: str, kept: str, location: str) -> None:
    assert history_place(text, location) == ("@bob", kept)


@pytest.mark.parametrize("text", ["/msg b*b secret", "/tell bob secret", "/MSGX bob secret"])
def test_command_that_may_hold_private_text_is_not_kept(text: str) -> None:
    assert history_place(text, "dev") is None


def test_only_known_commands_without_text_are_harmless() -> None:
    harmless = [text for text in ("/join dev", "/who", "/subscribe bob") if holds_no_text(text)]
    assert harmless == ["/join dev", "/who", "/subscribe bob"]
    for text in ("hello", "/msg bob x", "/me x", "/announce x", "/kick bob why", "/tell x", "a\nb"):
        assert not holds_no_text(text)

"""Confusable names."""

import pytest

from chat_server.accounts.confusables import find_confusable


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Alice", "alice"),
        ("STRASSE", "straße"),
        ("ａｌｉｃｅ", "alice"),
        ("ﬁnn", "finn"),
        ("user①", "user1"),
        ("аlice", "alice"),  # Cyrillic а
        ("АLICE", "alice"),
        ("ΑLICE", "alice"),  # Greek Α
        ("соре", "cope"),  # all letters Cyrillic
        ("bοb", "bob"),  # Greek ο
        ("alıce", "alice"),
        ("alice\ufe0f", "alice"),
        ("al\u034fice", "alice"),
        ("\u3164alice", "alice"),
        ("biII", "bill"),
        ("bi1l", "bill"),
        ("B0B", "BOB"),
        ("user1", "userl"),
        ("alice", "alice"),
    ],
)
def test_confusable_names_match_in_both_directions(name: str, other: str) -> None:
    assert find_confusable(name, ["dave", other]) == other
    assert find_confusable(other, [name]) == name


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("alice", "alicia"),
        ("Ian", "Lan"),
        ("mai", "mal"),
        ("user1", "user2"),
        ("josé", "jose"),
        ("Нина", "Hanna"),
        ("а.б", "a.b"),
        ("日本", "日木"),
    ],
)
def test_distinct_names_are_not_confusable(name: str, other: str) -> None:
    assert find_confusable(name, [other]) is None
    assert find_confusable(other, [name]) is None

"""Confusable names."""

import string

import pytest

from chat_server import confusables
from chat_server.confusables import find_confusable, has_visible_character
from tests.support.loaded_modules import modules_after


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
        ("\u0301alice", "alice"),  # the accent is drawn on what precedes the name
        ("\u20dd\u0323аlice", "alice"),
        ("biII", "bill"),
        ("bi1l", "bill"),
        ("B0B", "BOB"),
        ("user1", "userl"),
        ("alice", "alice"),
        ("modern", "modem"),
        ("\u13aalice", "Alice"),  # Cherokee
        ("\U0001d5ba\U0001d5c5\U0001d5c2\U0001d5bc\U0001d5be", "alice"),  # mathematical
        ("\u217eave", "dave"),  # a Roman numeral
        ("b\u0585b", "bob"),  # Armenian
        ("\ua4d0OB", "BOB"),  # Lisu
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


def test_ascii_look_alikes_agree_with_the_table() -> None:
    """Names in ASCII are compared without the table."""
    table = confusables._prototypes()
    for character in string.ascii_letters + string.digits + "-_.":
        expected = table.get(character, character).translate(confusables._ASCII_SKELETON)
        assert character.translate(confusables._ASCII_SKELETON) == expected


def test_only_names_beyond_ascii_load_the_table() -> None:
    load = "from chat_server.confusables import look_of; look_of({!r})"
    assert "confusable_homoglyphs" not in modules_after(load.format("lobby"))
    assert "confusable_homoglyphs" in modules_after(load.format("caf\u00e9"))


@pytest.mark.parametrize("name", ["\u3164", "\u115f\u1160", "\ufe0f", "\u0301", "\u17b4"])
def test_name_of_fillers_and_marks_has_no_visible_character(name: str) -> None:
    assert not has_visible_character(name)


@pytest.mark.parametrize("name", ["a", "-", "\u3164a", "\u65e5", "e\u0301", "\u0645", "1"])
def test_name_with_letter_or_sign_is_visible(name: str) -> None:
    assert has_visible_character(name)

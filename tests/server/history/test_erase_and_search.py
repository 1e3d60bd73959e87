"""Search, erasing and retention, from every store."""

import pytest

from chat_server.core.values import UserForgotten
from chat_server.history import DroppedMessages, PageRequest, Retention, Store
from tests.support.history_records import (
    DAY,
    entered,
    left,
    reads,
    room_stamps,
    said,
    search,
    sent,
    shown,
    texts,
)


def found(store: Store, *words: str, reader: str = "bob", room: str = "lobby") -> list[int | str]:
    return shown(search(store, reads(reader, "*", room=room), words))


def test_search_finds_messages_with_all_words_in_rising_order(store: Store) -> None:
    store.apply([said("alice", 1, "the build is green", "the build is red", "green grass")])
    assert found(store, "build") == [1, 2]
    assert found(store, "GREEN", "build") == [1]
    assert found(store, "blue") == found(store, "gree") == found(store) == []


def test_search_finds_only_what_the_reader_may_read(store: Store) -> None:
    store.apply([said("alice", 1, "word"), said("carol", 2, "word"), said("bob", 3, "word")])
    store.apply([said("alice", 4, "word", room="dev"), sent("alice", "bob", 5, "word")])
    assert shown(search(store, reads("bob", "alice"), ["word"])) == [1, 3]
    assert shown(search(store, reads("bob"), ["word"])) == [3]
    assert shown(search(store, reads("eve"), ["word"])) == []
    assert shown(search(store, reads("bob", "*", room="dev"), ["word"])) == [4]
    assert shown(search(store, reads("bob", "*", room="nowhere"), ["word"])) == []


def test_search_returns_newest_twenty(store: Store) -> None:
    store.apply([said("alice", 1, *["word"] * 30)])
    page = search(store, reads("bob", "*"), ["word"])
    assert shown(page) == list(range(11, 31))


def test_search_ignores_case_diacritics_and_punctuation(store: Store) -> None:
    store.apply([said("alice", 1, "Fläche: c++, foo-bar!", "Grüße", "C")])
    assert found(store, "flache") == found(store, "FLÄCHE") == [1]
    assert found(store, "c++") == [1, 3]
    assert found(store, "foo-bar") == found(store, "foo", "->", "bar") == [1]
    assert found(store, "bar-foo") == found(store, "!?", "...") == []


@pytest.mark.parametrize("word", ["-word", "^word", '"word"', "word*", "'word", "word)", "+word"])
def test_signs_around_searched_word_have_no_meaning(store: Store, word: str) -> None:
    store.apply([said("alice", 1, "word", "wording", "other")])
    assert found(store, word) == [1]


@pytest.mark.parametrize(
    "word",
    ["word OR x", "text:word", "NEAR(word x)", "word AND", "wo*", "r1", "{text}:word", "a\0b"],
)
def test_searched_word_is_no_query_language(store: Store, word: str) -> None:
    store.apply([said("alice", 1, "word x")])
    assert found(store, word) == []


def test_author_erases_own_message_and_no_other(store: Store) -> None:
    store.apply([said("alice", 1, "secret", "second"), said("bob", 3, "secret")])
    assert store.erase_message(1, "bob", is_operator=False) is None
    assert store.erase_message(7, "bob", is_operator=False) is None
    assert store.erase_message(1, "nobody", is_operator=False) is None
    assert store.erase_message(1, "alice", is_operator=False) == "alice"
    assert store.erase_message(1, "alice", is_operator=False) is None
    assert room_stamps(store, reads("bob", "*")) == [2, 3]
    assert found(store, "secret") == [3]


def test_operator_erases_any_message(store: Store) -> None:
    store.apply([said("alice", 1), said("alice", 2, room="dev"), sent("alice", "bob", 3)])
    assert store.erase_message(2, "eve", is_operator=True) == "alice"
    assert store.erase_message(3, "eve", is_operator=True) == "alice"
    assert room_stamps(store, reads("bob", "*", room="dev")) == []
    assert room_stamps(store, reads("bob", "*")) == [1]
    assert store.reader.private_page("alice", "bob", PageRequest()).entries == ()


def test_author_erases_own_private_message(store: Store) -> None:
    store.apply([sent("alice", "bob", 1, is_kept=True), sent("alice", "bob", 2, is_kept=True)])
    assert store.erase_message(1, "bob", is_operator=False) is None
    assert store.erase_message(1, "alice", is_operator=False) == "alice"
    assert store.reader.unread_private(reads("bob", "*")) == {"alice": 1}


def test_all_messages_of_an_author_are_erased_in_all_rooms(store: Store) -> None:
    store.apply([said("alice", 1, *["secret"] * 2500), said("bob", 5000, "secret")])
    store.apply([said("alice", 6000, room="dev"), sent("alice", "bob", 7000)])
    assert store.erase_messages_by("alice") == 2501
    assert store.erase_messages_by("alice") == store.erase_messages_by("nobody") == 0
    assert room_stamps(store, reads("eve", "*")) == found(store, "secret") == [5000]
    assert room_stamps(store, reads("eve", "*", room="dev")) == []
    assert shown(store.reader.private_page("alice", "bob", PageRequest())) == [7000]


def test_messages_after_an_erasure_stay(store: Store) -> None:
    store.apply([said("alice", 1, *["old"] * 2500)])
    assert store.erase_messages_by("alice") == 2500
    store.apply([said("alice", 9000, "new")])
    store.prune(Retention(0, 0, 0), 9000)
    store.apply([said("alice", 9001, "newer")])
    assert prune(store, Retention(0, 0, 0), 9000) == 0
    assert room_stamps(store, reads("alice")) == [9000, 9001]
    assert found(store, "new") == [9000]
    assert store.erase_messages_by("alice") == 2


# Retention


def prune(store: Store, retention: Retention, now: int) -> int:
    """Do all steps. Return how many messages were deleted."""
    deleted = 0
    for _ in range(100):
        step = store.prune(retention, now)
        deleted += step.messages
        if not step.has_more:
            return deleted
    raise AssertionError("the retention never ends")


def test_retention_deletes_messages_older_than_its_days(store: Store) -> None:
    store.apply([said("alice", DAY, *["word"] * 2500), said("alice", 40 * DAY, "word")])
    store.apply([sent("alice", "bob", DAY + 5000), sent("alice", "bob", 40 * DAY + 1)])
    assert prune(store, Retention(days=0), 60 * DAY) == 0
    assert prune(store, Retention(days=30), 30 * DAY) == 0
    assert prune(store, Retention(days=30), 60 * DAY) == 2501
    assert room_stamps(store, reads("bob", "*")) == found(store, "word") == [40 * DAY]
    assert shown(store.reader.private_page("alice", "bob", PageRequest())) == [40 * DAY + 1]


def test_retention_deletes_oldest_messages_of_full_rooms(store: Store) -> None:
    store.apply([said("alice", 1, "one", "two", "three"), said("alice", 10, "x", "y", room="dev")])
    assert prune(store, Retention(messages=3), 20) == 0
    assert prune(store, Retention(messages=2), 20) == 1
    page = store.reader.room_page(reads("bob", "*"), PageRequest())
    assert (texts(page), page.pruned_before) == (["two", "three"], 2)
    page = store.reader.room_page(reads("bob", "*", room="dev"), PageRequest())
    assert (texts(page), page.pruned_before) == (["x", "y"], None)
    store.erase_message(3, "alice", is_operator=False)
    store.apply([said("alice", 20)])
    assert prune(store, Retention(messages=2), 30) == 0


def test_retention_deletes_holes_of_deleted_messages(store: Store) -> None:
    dropped = [DroppedMessages(stamp, 5, "lobby") for stamp in (DAY, 40 * DAY)]
    store.apply([said("alice", DAY + 1), said("alice", 40 * DAY + 1)], dropped)
    prune(store, Retention(days=30), 60 * DAY)
    assert room_stamps(store, reads("bob", "*")) == ["5 missing", 40 * DAY + 1]


def test_visits_to_used_rooms_outlive_retention(store: Store) -> None:
    store.apply([entered("bob", DAY), left("bob", 2 * DAY), said("alice", 40 * DAY)])
    prune(store, Retention(days=30), 60 * DAY)
    assert store.reader.read_marker("bob", "lobby") == 2 * DAY


def test_horizon_and_later_messages_outlive_retired_author(store: Store) -> None:
    store.apply([said("alice", DAY), said("alice", 40 * DAY), UserForgotten("alice")])
    prune(store, Retention(days=30), 60 * DAY)
    page = store.reader.room_page(reads("bob", "*"), PageRequest())
    assert (shown(page), page.pruned_before) == ([40 * DAY], DAY + 1)

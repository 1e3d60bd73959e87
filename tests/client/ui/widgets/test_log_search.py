"""The hits of a search while the log grows and evicts entries."""

from datetime import datetime

from chat_tui.model.entries import EntryKind
from chat_tui.model.room_log import RoomLog
from chat_tui.ui.widgets.log_search import LogSearch, SearchQuery

NINE = datetime(2026, 11, 22, 21, 3, 5)


def add_messages(
    log: RoomLog, author: str, *texts: str, kind: EntryKind = EntryKind.MESSAGE
) -> None:
    for text in texts:
        log.append(kind, NINE, text, author=author)


def hits_of(log: RoomLog, text: str) -> list[str]:
    query = SearchQuery(text)
    return [f"{entry.author} {entry.text}" for entry in log if query.matches(entry)]


def test_log_search_matches_words_and_authors_case_insensitively() -> None:
    log = RoomLog()
    add_messages(log, "Alice", "The Build is red", "lunch?")
    add_messages(log, "bob", "which build", "red b[a.*b")
    assert hits_of(log, "build") == ["Alice The Build is red", "bob which build"]
    assert hits_of(log, "from:alice") == ["Alice The Build is red", "Alice lunch?"]
    assert hits_of(log, "red  from:ALICE") == ["Alice The Build is red"]
    assert hits_of(log, "from:alice from:bob red") == [
        "Alice The Build is red",
        "bob red b[a.*b",
    ]
    assert hits_of(log, "build is") == ["Alice The Build is red"]
    assert hits_of(log, "a.*b") == ["bob red b[a.*b"]  # literally
    assert (
        hits_of(log, "")
        == hits_of(log, "  ")
        == hits_of(log, "from:")
        == hits_of(log, "from:x")
        == []
    )
    add_messages(log, "carol", "waves", kind=EntryKind.ACTION)
    assert hits_of(log, "carol wav") == ["carol waves"]
    assert list(SearchQuery("ed from:bob").spans("red, need")) == [(1, 3), (7, 9)]


def test_log_search_wraps_and_keeps_position_while_log_grows() -> None:
    log = RoomLog()
    add_messages(
        log, "bob", *(f"{number} {'hit' if number % 3 == 0 else ''}" for number in range(10))
    )
    search = LogSearch(log, SearchQuery("hit"))
    search.select_nearest(8)
    assert (search.current, search.number, len(search)) == (6, 3, 4)
    add_messages(log, "bob", "hit", "miss")
    search.update()
    assert (search.current, search.number, len(search)) == (6, 3, 5)
    visited = []
    for _ in range(6):
        search.step(1)
        visited.append(search.current)
    assert visited == [9, 10, 0, 3, 6, 9]
    search.step(-1)
    assert search.current == 6
    search.select_nearest(-1)
    assert search.current == 0


def test_log_search_drops_hits_evicted_from_log() -> None:
    log = RoomLog(max_entries=100)
    add_messages(log, "bob", *(["hit"] * 100))
    search = LogSearch(log, SearchQuery("hit"))
    search.select_nearest(0)
    for _ in range(1500):
        add_messages(log, "bob", "hit", "miss")
        search.update()
        assert search.current is not None
        assert search.current >= log.first
    assert (search.number, len(search)) == (1, 50)
    add_messages(log, "bob", *(["miss"] * 1200))
    search.update()
    search.step(1)
    assert (search.current, search.number, len(search)) == (None, 0, 0)

"""Read markers, unread numbers and visited rooms, from every store."""

import pytest

from chat_server.core import Record, now_microseconds
from chat_server.core.records import PrivateMessagesRead
from chat_server.history import MAX_UNREAD, PageRequest, Store, Unread
from chat_server.history.mentions import mentions
from chat_server.history.store import DISORDERLY_SPAN, MAX_VISITS, Retention
from tests.support.history_records import entered, followed, left, reads, said, sent, shown

MINUTE = 60_000_000


def test_first_visit_has_read_everything_before_it(store: Store) -> None:
    store.apply([said("alice", 10), entered("bob", 10), said("alice", 20)])
    assert store.reader.read_marker("bob", "lobby") == 10
    assert store.reader.unread_in(reads("bob", "*", room="dev"), "lobby").count == 1


def test_marker_of_room_that_was_never_visited_is_newest_stamp(store: Store) -> None:
    assert store.reader.read_marker("bob", "lobby") == 0
    store.apply([said("alice", 10), said("alice", 20, room="dev")])
    assert store.reader.read_marker("bob", "lobby") == 20


def test_orderly_end_marks_everything_read(store: Store) -> None:
    store.apply([entered("bob", 10), said("alice", 20), left("bob", 20)])
    assert store.reader.read_marker("bob", "lobby") == 20


def test_current_visit_does_not_change_marker(store: Store) -> None:
    store.apply([entered("bob", 10), left("bob", 20), said("alice", 30), entered("bob", 30)])
    assert store.reader.read_marker("bob", "lobby") == 20


def test_disorderly_end_sets_marker_back_two_minutes(store: Store) -> None:
    start = 10 * MINUTE
    store.apply([entered("bob", start), left("bob", start + 5 * MINUTE, is_orderly=False)])
    assert store.reader.read_marker("bob", "lobby") == start + 3 * MINUTE


def test_disorderly_end_never_sets_marker_before_that_at_entry(store: Store) -> None:
    start = 10 * MINUTE
    store.apply([entered("bob", start), left("bob", start + MINUTE, is_orderly=False)])
    assert store.reader.read_marker("bob", "lobby") == start


@pytest.mark.parametrize(("minutes", "set_back_to"), [(1, 0), (3, 1), (6, 4), (7, 4)])
def test_disorderly_end_sets_marker_of_room_left_before_back(
    store: Store, minutes: int, set_back_to: int
) -> None:
    """The user left it after 4 minutes at most, which is not set forward."""
    start = 10 * MINUTE
    gone = start + min(minutes, 4) * MINUTE
    end = start + minutes * MINUTE
    store.apply([entered("bob", start, "dev"), left("bob", gone, "dev"), entered("bob", gone)])
    store.apply([left("bob", end, is_orderly=False), left("bob", end, "dev", is_orderly=False)])
    assert store.reader.read_marker("bob", "dev") == start + set_back_to * MINUTE


def test_marker_of_room_left_before_goes_back_to_first_entry_after_return(store: Store) -> None:
    visits: list[Record] = [
        *(entered("bob", 10, "dev"), left("bob", 20, "dev"), entered("bob", 20)),
        *(left("bob", 30), entered("bob", 30, "dev", is_return=True), left("bob", 40, "dev")),
    ]
    store.apply([*visits, entered("bob", 40, is_return=True)])
    store.apply([left("bob", 50, is_orderly=False), left("bob", 50, "dev", is_orderly=False)])
    assert store.reader.read_marker("bob", "dev") == 10


def test_disorderly_end_after_return_sets_marker_back_to_first_entry(store: Store) -> None:
    store.apply([entered("bob", 10), left("bob", 20), entered("bob", 20, "dev")])
    store.apply([left("bob", 30, "dev"), entered("bob", 30, is_return=True)])
    assert store.reader.read_marker("bob", "lobby") == 20
    store.apply([left("bob", 40, is_orderly=False)])
    assert store.reader.read_marker("bob", "lobby") == 10


def test_marker_goes_not_back_to_entry_of_earlier_session(store: Store) -> None:
    store.apply([entered("bob", 10, "dev"), left("bob", 20, "dev"), entered("bob", 30, "dev")])
    store.apply([left("bob", 40, "dev"), left("bob", 50, "dev", is_orderly=False)])
    assert store.reader.read_marker("bob", "dev") == 20


def test_visits_that_are_stored_twice_set_marker_back_to_same_stamp(store: Store) -> None:
    """A batch is stored again if an error came after its commit."""
    store.apply([entered("bob", 5, "dev"), left("bob", 10, "dev")])
    visits: list[Record] = [entered("bob", 20, "dev"), left("bob", 30, "dev"), entered("bob", 30)]
    store.apply(visits)
    store.apply(visits)
    store.apply([left("bob", 40, is_orderly=False), left("bob", 40, "dev", is_orderly=False)])
    assert store.reader.read_marker("bob", "dev") == 10


def test_start_after_crash_sets_markers_of_rooms_left_before_back(store: Store) -> None:
    start = 10 * MINUTE
    store.apply([entered("bob", start, "dev"), left("bob", start + 5, "dev")])
    store.apply([entered("bob", start + 5), entered("alice", start, "dev")])
    store.apply([left("alice", start + 5, "dev"), said("eve", start + 9)])
    store.start({"alice": None, "bob": None, "eve": None})
    assert store.reader.read_marker("bob", "dev") == start
    assert store.reader.read_marker("alice", "dev") == start + 5


def test_each_room_has_its_own_marker(store: Store) -> None:
    store.apply([entered("bob", 10), left("bob", 20), entered("bob", 20, "dev")])
    store.apply([entered("eve", 25), left("bob", 30, "dev")])
    assert store.reader.read_marker("bob", "lobby") == 20
    assert store.reader.read_marker("bob", "dev") == 30
    assert store.reader.read_marker("eve", "lobby") == 25
    assert store.reader.visited_rooms("bob") == ["dev", "lobby"]
    assert store.reader.visited_rooms("carol") == []


def test_newest_thousand_visited_rooms_are_remembered(store: Store) -> None:
    store.apply([entered("bob", 1, "open"), entered("eve", 1), left("eve", 2)])
    for number in range(2, MAX_VISITS + 11):
        store.apply([entered("bob", number, f"r{number}"), left("bob", number, f"r{number}")])
    remembered = {"open", *(f"r{number}" for number in range(12, MAX_VISITS + 11))}
    assert set(store.reader.visited_rooms("bob")) == remembered
    assert store.reader.visited_rooms("eve") == ["lobby"]


def test_start_after_crash_ends_open_visits_as_disorderly(store: Store) -> None:
    start = 10 * MINUTE
    store.apply(
        [
            *(entered("bob", start), entered("alice", start)),
            left("alice", start + 4 * MINUTE),
            sent("alice", "bob", start + 4 * MINUTE + 1),
            said("alice", start + 5 * MINUTE),
        ]
    )
    store.start({"alice": None, "bob": None})
    assert store.reader.read_marker("bob", "lobby") == start + 3 * MINUTE
    assert store.reader.read_marker("alice", "lobby") == start + 4 * MINUTE
    assert store.reader.unread_private(reads("bob", "*")) == {"alice": 1}
    store.apply([said("alice", start + 9 * MINUTE)])
    store.start({"alice": None, "bob": None})
    assert store.reader.read_marker("bob", "lobby") == start + 3 * MINUTE


def test_unread_counts_newer_messages_of_followed_authors(store: Store) -> None:
    store.apply([entered("bob", 1), left("bob", 5)])
    store.apply([said("alice", 6, "a", "b"), said("carol", 8), said("bob", 9)])
    unread = store.reader.unread_in
    assert unread(reads("bob", "alice", room="dev"), "lobby") == Unread(2, 0, 9)
    assert unread(reads("bob", "*", room="dev"), "lobby") == Unread(3, 0, 9)
    assert unread(reads("bob", "bob", room="dev"), "lobby") == Unread(0, 0, 9)
    assert unread(reads("bob", room="dev"), "lobby") == Unread(0, 0, 9)
    assert unread(reads("bob", "*"), "nowhere", 4) == Unread(0, 0, 4)


def test_unread_continues_from_stamp_of_last_count(store: Store) -> None:
    store.apply([entered("bob", 1), left("bob", 1), said("alice", 2, "hi bob"), said("eve", 3)])
    reader = reads("bob", "alice", room="dev")
    first = store.reader.unread_in(reader, "lobby")
    assert first == Unread(1, 1, 3)
    assert store.reader.unread_in(reader, "lobby", first.counted_to) == Unread(0, 0, 3)
    store.apply([said("alice", 4)])
    assert store.reader.unread_in(reader, "lobby", first.counted_to) == Unread(1, 0, 4)


def test_unread_stops_at_maximum(store: Store) -> None:
    store.apply([entered("bob", 0), said("alice", 1, *["bob"] * (MAX_UNREAD + 50))])
    reader = reads("bob", "*", room="dev")
    assert store.reader.unread_in(reader, "lobby", 0) == Unread(MAX_UNREAD, MAX_UNREAD, MAX_UNREAD)
    rest = store.reader.unread_in(reader, "lobby", MAX_UNREAD)
    assert rest == Unread(50, 50, MAX_UNREAD + 50)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("bob: look", "bob"),
        ("thanks, Bob.", "bob"),
        ("@BOB", "bob"),
        ("(bob)", "bob"),
        ("bob/alice", "bob"),
        ("well...bob", "bob"),
        ("ÉMILE!", "émile"),
        ("e\u0301mile?", "émile"),
        ("ask ann-marie", "ann-marie"),
        ("see mary.ann, please", "mary.ann"),
        ("bobby and bob", "bob"),
        ("日本 太郎 です", "太郎"),
    ],
)
def test_name_as_whole_word_is_mention(text: str, name: str) -> None:
    assert mentions(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("bobby", "bob"),
        ("kabob", "bob"),
        ("bob_2", "bob"),
        ("ask ann-marie", "ann"),
        ("ask ann-marie", "marie"),
        ("see mary.ann", "mary"),
        ("see mary.ann", "ann"),
        ("mary ann", "mary.ann"),
        ("maryxann", "mary.ann"),
        ("", "bob"),
    ],
)
def test_part_of_longer_word_is_no_mention(text: str, name: str) -> None:
    assert not mentions(text, name)


# Private messages


def test_unread_private_messages_are_counted_by_followed_author(store: Store) -> None:
    commit = store.apply(
        [
            sent("alice", "bob", 1, is_kept=True),
            sent("alice", "bob", 2, is_kept=True),
            sent("alice", "bob", 3),
            sent("carol", "bob", 4, is_kept=True),
            sent("bob", "alice", 5, is_kept=True),
        ]
    )
    assert commit.recipients == {"alice", "bob"}
    unread = store.reader.unread_private
    assert unread(reads("bob", "alice")) == {"alice": 2}
    assert unread(reads("bob", "*")) == {"alice": 2, "carol": 1}
    assert unread(reads("bob")) == unread(reads("eve", "*")) == {}
    assert store.saved_state().waiting == {
        ("bob", "alice"): 2,
        ("bob", "carol"): 1,
        ("alice", "bob"): 1,
    }


def test_asking_for_private_messages_marks_those_by_that_author_read(store: Store) -> None:
    store.apply([sent(author, "bob", stamp, is_kept=True) for stamp, author in enumerate("ab")])
    store.apply([PrivateMessagesRead("bob", "a"), PrivateMessagesRead("nobody", "b")])
    assert store.reader.unread_private(reads("bob", "*")) == {"b": 1}
    assert store.saved_state().waiting == {("bob", "b"): 1}


def test_private_marker_is_before_first_unread_message(store: Store) -> None:
    marker = store.reader.private_read_marker
    assert marker("bob", "alice") == 0
    store.apply([sent("alice", "bob", 10), sent("bob", "alice", 20)])
    assert marker("bob", "alice") == 20
    store.apply([sent("alice", "bob", 30, is_kept=True), sent("alice", "bob", 40)])
    assert marker("bob", "alice") == 29
    assert marker("alice", "bob") == 40
    store.apply([PrivateMessagesRead("bob", "alice")])
    assert marker("bob", "alice") == 40


def test_disorderly_end_makes_recent_live_private_messages_unread(store: Store) -> None:
    end = 100 * MINUTE
    store.apply(
        [
            sent("alice", "bob", end - DISORDERLY_SPAN - 1, "old"),
            sent("alice", "bob", end - DISORDERLY_SPAN + 1, "live"),
            sent("alice", "bob", end - 3, "kept", is_kept=True),
            PrivateMessagesRead("bob", "alice"),
            sent("bob", "alice", end - 2, "own"),
            entered("bob", end),
        ]
    )
    commit = store.apply([left("bob", end, is_orderly=False)])
    assert commit.recipients == {"bob"}
    assert store.reader.unread_private(reads("bob", "*")) == {"alice": 1}
    store.apply([followed("bob", "alice")])
    page = store.reader.private_page(
        "bob", "alice", PageRequest(after=store.reader.private_read_marker("bob", "alice"))
    )
    assert shown(page) == [end - DISORDERLY_SPAN + 1, end - 3, end - 2]


def test_orderly_end_keeps_private_messages_read(store: Store) -> None:
    store.apply([entered("bob", 1), sent("alice", "bob", 2), left("bob", 3)])
    assert store.reader.unread_private(reads("bob", "*")) == {}


def test_visit_of_room_without_messages_survives_retention(store: Store) -> None:
    """The stamp of a visit may be old, or 0 on a new server."""
    store.start({"bob": None})
    store.apply([entered("bob", 0), left("bob", 0)])
    while store.prune(Retention(days=30), now_microseconds()).has_more:
        pass
    assert store.reader.visited_rooms("bob") == ["lobby"]

"""Pages of rooms and of private messages, from every store."""

import pytest

from chat_server.core import Record
from chat_server.core.records import PrivateMessagesRead
from chat_server.core.values import PublishedMessages, Unsubscribed
from chat_server.history import (
    DroppedMessages,
    Hole,
    PageRequest,
    PastMessage,
    Retention,
    Store,
)
from chat_server.history.store import MAX_PAGE_BYTES, MAX_SCANNED
from tests.support.history_records import (
    DAY,
    followed,
    reads,
    room_stamps,
    said,
    sent,
    shown,
    texts,
)


def test_page_of_unknown_room_is_empty(store: Store) -> None:
    page = store.reader.room_page(reads("bob", "*"), PageRequest())
    assert (page.entries, page.earlier, page.later, page.pruned_before) == ((), None, None, None)


def test_page_has_messages_with_author_text_and_kind(store: Store) -> None:
    commit = store.apply(
        [said("alice", 10, "one", "two"), PublishedMessages("lobby", "alice", ("waves",), 20, True)]
    )
    assert commit.rooms == {"lobby"}
    page = store.reader.room_page(reads("bob", "alice"), PageRequest())
    assert page.entries == (
        PastMessage(10, "alice", "one"),
        PastMessage(11, "alice", "two"),
        PastMessage(20, "alice", "waves", is_action=True),
    )


def test_page_has_only_messages_of_own_room(store: Store) -> None:
    store.apply([said("alice", 1), said("alice", 2, room="dev"), said("alice", 3)])
    assert room_stamps(store, reads("bob", "*")) == [1, 3]
    assert room_stamps(store, reads("bob", "*", room="dev")) == [2]


def test_page_has_only_followed_authors_and_own_messages(store: Store) -> None:
    store.apply([said("alice", 1), said("bob", 2), said("carol", 3)])
    assert room_stamps(store, reads("bob")) == [2]
    assert room_stamps(store, reads("bob", "alice")) == [1, 2]
    assert room_stamps(store, reads("bob", "bob")) == [2]
    assert room_stamps(store, reads("bob", "*")) == [1, 2, 3]
    assert room_stamps(store, reads("dave")) == []
    assert room_stamps(store, reads("dave", "nobody", "carol")) == [3]


def test_newest_page_names_earlier_stamp_only_if_more_can_be_read(store: Store) -> None:
    store.apply([said("alice", stamp) for stamp in range(1, 6)] + [said("carol", 6)])
    reader = reads("bob", "alice")
    page = store.reader.room_page(reader, PageRequest(3))
    assert (shown(page), page.earlier, page.later) == ([3, 4, 5], 3, None)
    page = store.reader.room_page(reader, PageRequest(3, before=3))
    assert (shown(page), page.earlier, page.later) == ([1, 2], None, None)
    assert store.reader.room_page(reader, PageRequest(5)).earlier is None


def test_oldest_page_names_later_stamp_only_if_more_can_be_read(store: Store) -> None:
    store.apply([said("carol", 1)] + [said("alice", stamp) for stamp in range(2, 6)])
    reader = reads("bob", "alice")
    page = store.reader.room_page(reader, PageRequest(3, newest=False))
    assert (shown(page), page.later, page.earlier) == ([2, 3, 4], 4, None)
    page = store.reader.room_page(reader, PageRequest(3, after=4, newest=False))
    assert (shown(page), page.later, page.earlier) == ([5], None, None)


def test_bounds_of_page_exclude_their_own_stamps(store: Store) -> None:
    store.apply([said("alice", stamp) for stamp in range(1, 6)])
    for newest in (True, False):
        request = PageRequest(20, after=2, before=5, newest=newest)
        assert shown(store.reader.room_page(reads("bob", "*"), request)) == [3, 4]


@pytest.mark.parametrize("newest", [True, False])
def test_page_ends_at_its_size_and_continues_there(store: Store, newest: bool) -> None:
    text = "é" * 8_000
    store.apply([said("alice", stamp, text) for stamp in range(1, 11)])
    reader = reads("bob", "*")
    page = store.reader.room_page(reader, PageRequest(200, newest=newest))
    assert len("".join(texts(page)).encode()) <= MAX_PAGE_BYTES
    assert len(page.entries) == 3
    if newest:
        assert (shown(page), page.earlier) == ([8, 9, 10], 8)
    else:
        assert (shown(page), page.later) == ([1, 2, 3], 3)


def test_message_above_page_size_is_a_page_of_its_own(store: Store) -> None:
    store.apply([said("alice", 1, "small"), said("alice", 2, "x" * (MAX_PAGE_BYTES + 1))])
    page = store.reader.room_page(reads("bob", "*"), PageRequest())
    assert (shown(page), page.earlier) == ([2], 2)


@pytest.mark.parametrize("newest", [True, False])
def test_page_looks_at_limited_number_of_messages(store: Store, newest: bool) -> None:
    total = MAX_SCANNED + 500
    others = said("alice", 2, *["text"] * total)
    wanted = said("carol", 1 if newest else total + 2)
    store.apply([wanted, others] if newest else [others, wanted])
    reader = reads("bob", "carol")
    page = store.reader.room_page(reader, PageRequest(20, newest=newest))
    assert page.entries == ()
    if newest:
        assert page.earlier == total + 2 - MAX_SCANNED
        request = PageRequest(20, before=page.earlier)
    else:
        assert page.later == MAX_SCANNED + 1
        request = PageRequest(20, after=page.later, newest=False)
    page = store.reader.room_page(reader, request)
    assert shown(page) == [wanted.stamp]
    assert page.earlier is page.later is None


def test_hole_is_placed_by_stamp_and_only_in_covered_range(store: Store) -> None:
    store.apply(
        [said("alice", 10), said("alice", 20), said("alice", 30)],
        [DroppedMessages(15, 120, "lobby"), DroppedMessages(25, 3, "dev")],
    )
    reader = reads("bob", "*")
    assert shown(store.reader.room_page(reader, PageRequest())) == [10, "120 missing", 20, 30]
    assert shown(store.reader.room_page(reader, PageRequest(2))) == [20, 30]
    assert shown(store.reader.room_page(reader, PageRequest(2, before=20))) == [10, "120 missing"]
    request = PageRequest(1, newest=False)
    assert shown(store.reader.room_page(reader, request)) == [10]
    assert shown(store.reader.room_page(reader, PageRequest(after=25))) == [30]


def test_holes_without_message_between_are_shown_as_one(store: Store) -> None:
    dropped = [DroppedMessages(stamp, 2, "lobby") for stamp in (5, 6, 15)]
    store.apply([said("alice", 10)], dropped)
    page = store.reader.room_page(reads("bob", "*"), PageRequest())
    assert page.entries == (Hole(6, 4), PastMessage(10, "alice", "text"), Hole(15, 2))


def test_page_says_what_was_pruned_only_if_it_reaches_behind(store: Store) -> None:
    now = 40 * DAY
    store.apply([said("alice", DAY), said("alice", 2 * DAY), said("alice", 39 * DAY)])
    while store.prune(Retention(days=30), now).has_more:
        pass
    reader = reads("bob", "*")
    assert room_stamps(store, reader) == [39 * DAY]
    pruned_before = [
        store.reader.room_page(reader, request).pruned_before
        for request in (
            PageRequest(),
            PageRequest(after=DAY),
            PageRequest(after=2 * DAY),
            PageRequest(before=2 * DAY, newest=False),
        )
    ]
    assert pruned_before == [2 * DAY + 1, 2 * DAY + 1, None, 2 * DAY + 1]
    store.apply([said("alice", 39 * DAY + 1)])
    assert store.reader.room_page(reader, PageRequest(1)).pruned_before is None


def test_batch_that_is_stored_again_changes_nothing(store: Store) -> None:
    """An error may come after a commit. The writer then stores the batch again."""
    batch: list[Record] = [said("alice", 1, "one", "two"), sent("alice", "bob", 5)]
    dropped = [DroppedMessages(3, 7, "lobby")]
    store.apply(batch, dropped)
    store.apply([*batch, said("alice", 9)], dropped)
    assert room_stamps(store, reads("bob", "*")) == [1, 2, "7 missing", 9]
    assert shown(store.reader.private_page("alice", "bob", PageRequest())) == [5]
    # The number of messages is right, too: three are not too many.
    assert store.prune(Retention(days=0, messages=3), 10).messages == 0
    assert store.prune(Retention(days=0, messages=2), 10).messages == 1


# Private messages


def test_private_page_is_the_same_for_both_users(store: Store) -> None:
    store.apply([sent("alice", "bob", 1, "hi"), sent("bob", "alice", 2, "ho")])
    store.apply([sent("alice", "carol", 3), sent("carol", "bob", 4), said("alice", 5)])
    for user, other in (("alice", "bob"), ("bob", "alice")):
        assert store.reader.private_page(user, other, PageRequest()).entries == (
            PastMessage(1, "alice", "hi", recipient="bob"),
            PastMessage(2, "bob", "ho", recipient="alice"),
        )
    assert store.reader.private_page("alice", "dave", PageRequest()).entries == ()


def test_private_page_continues_in_both_directions(store: Store) -> None:
    store.apply([sent("alice", "bob", stamp) for stamp in range(1, 6)])
    page = store.reader.private_page("bob", "alice", PageRequest(2))
    assert (shown(page), page.earlier) == ([4, 5], 4)
    page = store.reader.private_page("bob", "alice", PageRequest(2, newest=False))
    assert (shown(page), page.later) == ([1, 2], 2)


def test_kept_private_message_is_shown_only_to_subscriber(store: Store) -> None:
    store.apply([sent("alice", "bob", 1, is_kept=True), sent("alice", "bob", 2)])

    def pages() -> tuple[list[int | str], list[int | str]]:
        return (
            shown(store.reader.private_page("bob", "alice", PageRequest())),
            shown(store.reader.private_page("alice", "bob", PageRequest())),
        )

    assert pages() == ([2], [1, 2])
    store.apply([followed("bob", "alice")])
    assert pages() == ([1, 2], [1, 2])
    store.apply([Unsubscribed("bob", "alice"), followed("bob", "*")])
    assert pages() == ([1, 2], [1, 2])
    store.apply([PrivateMessagesRead("bob", "alice"), Unsubscribed("bob", "*")])
    assert pages() == ([1, 2], [1, 2])


def test_private_page_has_holes_and_horizon_of_its_conversation(store: Store) -> None:
    store.apply(
        [
            sent("alice", "bob", DAY),
            sent("alice", "bob", 50 * DAY),
            sent("alice", "carol", 50 * DAY + 1),
        ],
        [DroppedMessages(50 * DAY + 5, 4, author="bob", recipient="alice")],
    )
    while store.prune(Retention(days=30), 60 * DAY).has_more:
        pass
    page = store.reader.private_page("alice", "bob", PageRequest())
    assert (shown(page), page.pruned_before) == ([50 * DAY, "4 missing"], DAY + 1)
    page = store.reader.private_page("alice", "carol", PageRequest())
    assert (shown(page), page.pruned_before) == ([50 * DAY + 1], None)


def test_empty_conversation_says_for_a_time_that_its_messages_are_gone(store: Store) -> None:
    store.apply([sent("alice", "bob", 10 * DAY)])
    for day, horizon in ((41, 10 * DAY + 1), (69, 10 * DAY + 1), (71, None)):
        while store.prune(Retention(days=30), day * DAY).has_more:
            pass
        page = store.reader.private_page("bob", "alice", PageRequest())
        assert (page.entries, page.pruned_before) == ((), horizon)

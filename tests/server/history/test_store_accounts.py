"""Subscriptions and the life of accounts: removal, creation, rename; from every store."""

import pytest

from chat_server.core.records import AccountRenamed, AccountsChanged
from chat_server.core.values import Subscribed, Unsubscribed, UserForgotten
from chat_server.history import DroppedMessages, PageRequest, Store
from tests.support.history_records import (
    entered,
    followed,
    left,
    reads,
    room_stamps,
    said,
    sent,
    shown,
)

OLD, NEW = "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z"


def fill(store: Store) -> None:
    """Let alice have everything that an account can have."""
    store.apply(
        [
            *(said("alice", 10), entered("alice", 10), left("alice", 20)),
            *(followed("alice", "bob"), followed("bob", "alice")),
            *(sent("alice", "bob", 21, is_kept=True), sent("bob", "alice", 22, is_kept=True)),
        ]
    )


def assert_inherits_nothing(store: Store) -> None:
    """A new account named alice has only the messages in rooms, as those of another."""
    reader = store.reader
    assert "alice" not in store.saved_state().subscriptions
    assert store.saved_state().subscriptions == {"bob": {"alice"}}
    assert store.saved_state().waiting == {}
    assert reader.visited_rooms("alice") == []
    assert reader.unread_private(reads("alice", "*")) == {}
    assert reader.unread_private(reads("bob", "*")) == {}
    for user, other in (("alice", "bob"), ("bob", "alice")):
        assert reader.private_page(user, other, PageRequest()).entries == ()
    store.apply([said("alice", 100)])
    assert room_stamps(store, reads("alice")) == [100]
    assert room_stamps(store, reads("alice", "alice")) == [10, 100]  # by name, like all others
    assert room_stamps(store, reads("alice", "*")) == [10, 100]
    assert room_stamps(store, reads("bob", "alice")) == [10, 100]
    assert store.erase_message(10, "alice", is_operator=False) is None


def test_saved_state_is_empty_at_first(store: Store) -> None:
    state = store.saved_state()
    assert (state.last_stamp, state.subscriptions, state.waiting) == (0, {}, {})


def test_saved_stamp_is_above_every_record(store: Store) -> None:
    for stamp, record in (
        (10, said("alice", 9, "a", "b")),
        (20, sent("alice", "bob", 20)),
        (30, entered("bob", 30)),
        (40, left("bob", 40)),
    ):
        store.apply([record])
        assert store.saved_state().last_stamp == stamp + 1_000_000
    store.apply([], [DroppedMessages(50, 2, "lobby")])
    assert store.saved_state().last_stamp == 50 + 1_000_000
    store.erase_messages_by("alice")
    assert store.saved_state().last_stamp == 50 + 1_000_000


def test_hole_of_removed_account_does_not_bring_it_back(store: Store) -> None:
    """What was dropped is older than all records of its batch."""
    store.apply([UserForgotten("alice")], [DroppedMessages(10, 2, "", "alice", "bob")])
    assert store.reader.private_page("alice", "bob", PageRequest()).entries == ()
    assert store.match_accounts({"bob": None}) == []


def test_accounts_that_changed_are_matched_in_the_order_of_the_batch(store: Store) -> None:
    store.match_accounts({"alice": OLD, "bob": OLD})
    fill(store)
    store.apply([said("alice", 30), AccountsChanged({"alice": NEW, "bob": OLD})])
    assert room_stamps(store, reads("bob", "alice")) == [10, 30]
    assert store.saved_state().subscriptions == {"bob": {"alice"}}
    assert store.reader.visited_rooms("alice") == []


def test_subscriptions_are_saved_in_order(store: Store) -> None:
    store.apply([Subscribed("bob", "alice"), Subscribed("bob", "*"), Subscribed("bob", "*")])
    store.apply([Unsubscribed("bob", "alice"), Unsubscribed("bob", "x"), Unsubscribed("y", "x")])
    store.apply([Subscribed("eve", "bob")])
    assert store.saved_state().subscriptions == {"bob": {"*"}, "eve": {"bob"}}


def test_forgotten_account_leaves_only_messages_in_rooms(store: Store) -> None:
    fill(store)
    assert store.apply([UserForgotten("alice"), UserForgotten("nobody")]).is_recount
    assert_inherits_nothing(store)


def test_account_that_is_missing_at_start_is_forgotten(store: Store) -> None:
    store.start({"alice": OLD, "bob": None})
    fill(store)
    assert store.start({"bob": None}) == ["alice"]
    assert store.start({"alice": OLD, "bob": None}) == []
    assert_inherits_nothing(store)


def test_account_that_was_created_again_is_forgotten(store: Store) -> None:
    store.start({"alice": OLD, "bob": None})
    fill(store)
    assert store.match_accounts({"alice": NEW, "bob": None}) == ["alice"]
    assert store.match_accounts({"alice": NEW, "bob": None}) == []
    assert_inherits_nothing(store)


def test_account_that_got_a_creation_time_or_lost_it_is_another(store: Store) -> None:
    store.start({"alice": None, "bob": OLD})
    fill(store)
    assert store.match_accounts({"alice": OLD, "bob": OLD}) == ["alice"]
    assert store.match_accounts({"alice": OLD, "bob": None}) == ["bob"]


def test_account_without_creation_time_stays_the_same(store: Store) -> None:
    store.start({"alice": None, "bob": None})
    fill(store)
    assert store.start({"alice": None, "bob": None}) == []
    assert store.reader.visited_rooms("alice") == ["lobby"]


def test_account_that_wrote_before_it_was_compared_keeps_everything(store: Store) -> None:
    fill(store)
    assert store.match_accounts({"alice": OLD, "bob": None}) == []
    assert store.reader.visited_rooms("alice") == ["lobby"]
    assert store.match_accounts({"alice": NEW, "bob": None}) == ["alice"]


def assert_renamed(store: Store) -> None:
    """Everything of alice belongs to anna."""
    reader = store.reader
    assert store.saved_state().subscriptions == {"anna": {"bob"}, "bob": {"anna"}}
    assert store.saved_state().waiting == {("bob", "anna"): 1, ("anna", "bob"): 1}
    assert reader.visited_rooms("anna") == ["lobby"]
    assert reader.read_marker("anna", "lobby") == 20
    assert reader.unread_private(reads("bob", "anna")) == {"anna": 1}
    assert shown(reader.private_page("anna", "bob", PageRequest())) == [21, 22]
    assert room_stamps(store, reads("bob", "anna")) == [10]
    assert room_stamps(store, reads("bob", "alice")) == []
    assert room_stamps(store, reads("anna"))[:1] == [10]
    assert reader.visited_rooms("alice") == []


def test_renamed_account_keeps_everything(store: Store) -> None:
    fill(store)
    assert store.apply([AccountRenamed("alice", "anna")]).is_recount
    assert_renamed(store)
    store.apply([AccountRenamed("alice", "anna")])
    assert_renamed(store)
    assert store.erase_message(10, "anna", is_operator=False) == "anna"


def test_records_under_old_name_after_rename_are_merged(store: Store) -> None:
    """The command renames at once, a running server a second later."""
    store.start({"alice": OLD, "bob": None})
    fill(store)
    store.apply([AccountRenamed("alice", "anna")])
    store.apply(
        [
            said("alice", 30),
            sent("bob", "alice", 31),
            entered("alice", 32),
            entered("alice", 32, "x"),
        ]
    )
    store.apply([AccountRenamed("alice", "anna")])
    reader = store.reader
    assert reader.visited_rooms("anna") == ["lobby", "x"]
    assert reader.read_marker("anna", "lobby") == 20
    assert shown(reader.private_page("anna", "bob", PageRequest())) == [21, 22, 31]
    assert room_stamps(store, reads("anna")) == [10, 30]
    assert room_stamps(store, reads("bob", "anna")) == [10, 30]
    assert reader.unread_in(reads("anna", "*", room="x"), "lobby", 0).count == 0
    assert store.match_accounts({"anna": OLD, "bob": None}) == []
    store.apply([AccountRenamed("anna", "ann")])
    assert room_stamps(store, reads("ann")) == [10, 30]
    assert store.erase_message(30, "ann", is_operator=False) == "ann"


@pytest.mark.parametrize("created", [(OLD, NEW), (OLD, OLD), (None, None)])
def test_rename_to_name_of_removed_account_inherits_nothing_of_it(
    store: Store, created: tuple[str | None, str | None]
) -> None:
    store.start({"alice": created[0], "bob": None, "carol": created[1]})
    fill(store)
    store.apply([entered("carol", 5, "dev"), AccountRenamed("carol", "alice")])
    assert store.reader.visited_rooms("alice") == ["dev"]
    assert store.reader.private_page("alice", "bob", PageRequest()).entries == ()
    assert room_stamps(store, reads("alice")) == []


def test_rename_of_publisher_joins_two_subscriptions(store: Store) -> None:
    store.apply([followed("bob", "alice"), followed("bob", "anna"), followed("eve", "alice")])
    store.apply([AccountRenamed("alice", "anna")])
    assert store.saved_state().subscriptions == {"bob": {"anna"}, "eve": {"anna"}}


def test_accounts_that_wrote_to_each_other_are_merged_again(store: Store) -> None:
    store.apply([sent("alice", "bob", 1), AccountRenamed("alice", "bob"), said("alice", 2)])
    store.apply([AccountRenamed("bob", "alice")])
    assert shown(store.reader.private_page("alice", "alice", PageRequest())) == [1]

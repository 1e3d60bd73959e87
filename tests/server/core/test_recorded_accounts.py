"""What the hub records of the accounts in the log, so that no account inherits from another."""

from __future__ import annotations

import pytest

from chat_server.core.records import AccountCreated, AccountsChanged, LogEntry, Record
from chat_server.core.requests import AccountRecord, ChangeAccount
from chat_server.core.values import AccountRenamed, UserForgotten
from tests.server.core.shared_log import Log, Node


def recorded(node: Node) -> list[Record]:
    """Return the records of all entries so far."""
    found: list[Record] = []
    for record in node.records:
        assert isinstance(record, LogEntry)
        found += record.records
    return found


@pytest.mark.parametrize(
    ("change", "records"),
    [
        (ChangeAccount("eve", AccountRecord("hash", created="2027")), [("eve", "2027")]),
        (ChangeAccount("eve", AccountRecord("hash")), [("eve", None)]),
        (ChangeAccount("alice", AccountRecord("other hash", created="2026")), []),
        (ChangeAccount("alice", AccountRecord("hash", True, "2026")), []),
        (
            ChangeAccount("alice", AccountRecord("hash", created="2027")),
            [UserForgotten("alice"), ("alice", "2027")],
        ),
        (ChangeAccount("alice", None), [UserForgotten("alice")]),
        (
            ChangeAccount("eve", AccountRecord("hash", created="2026"), "alice"),
            [AccountRenamed("alice", "eve"), ("eve", "2026")],
        ),
    ],
)
def test_account_with_a_new_creation_time_is_recorded_at_its_place(
    change: ChangeAccount, records: list[Record | tuple[str, str | None]]
) -> None:
    log = Log()
    node = Node(log, "a:1", ("alice",))
    log.append(change)
    node.catch_up()
    expected = [AccountCreated(*each) if isinstance(each, tuple) else each for each in records]
    assert recorded(node) == expected


def test_all_accounts_are_recorded_as_of_the_last_entry() -> None:
    node = Node(Log(), "a:1", ("alice", "bob"))
    node.hub.replica.record_accounts()
    assert node.records == [AccountsChanged({"alice": "2026", "bob": "2026"})]

"""The oracles accept what is right, and find each kind of fault that a cluster could have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.cluster_oracles import (
    Message,
    ReadLog,
    SentLog,
    find_faults,
    log_faults,
    state_differences,
)

SENT = [SentLog("alice", 1, 3), SentLog("bob", 2, 2, is_complete=False), SentLog("bob", 3, 1)]
READ = [
    Message("10", "alice", 1, 0),
    Message("11", "bob", 2, 0),
    Message("12", "alice", 1, 1),
    Message("13", "bob", 3, 0),
    Message("14", "alice", 1, 2),
]


def faults_after(change: Callable[[list[Message]], object], **settings: bool) -> list[str]:
    """Return the faults if one of two readers reads something else."""
    changed = list(READ)
    change(changed)
    return find_faults(SENT, [ReadLog("here", list(READ)), ReadLog("there", changed)], **settings)


def test_oracle_accepts_equal_and_complete_logs() -> None:
    assert not faults_after(lambda read: None)
    assert not faults_after(lambda read: None, is_one_order=False)


def swap(read: list[Message], one: int, other: int) -> None:
    """Swap two messages."""
    read[one], read[other] = read[other], read[one]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda read: read.pop(2), id="one in the middle is lost"),
        pytest.param(lambda read: read.pop(), id="the last one is lost"),
        pytest.param(lambda read: read.insert(3, read[2]), id="one is doubled at once"),
        pytest.param(lambda read: read.append(read[0]), id="one is doubled later"),
        pytest.param(lambda read: swap(read, 0, 2), id="two of one author are swapped"),
        pytest.param(
            lambda read: read.append(Message("15", "bob", 2, 1)),
            id="one of an older login after a newer one",
        ),
        pytest.param(
            lambda read: read.append(Message("15", "bob", 3, 1)), id="one that was not sent"
        ),
        pytest.param(
            lambda read: read.append(Message("15", "carol", 9, 0)), id="one of an unknown author"
        ),
    ],
)
@pytest.mark.parametrize("is_one_order", [True, False])
def test_oracle_finds_fault_of_one_reader(
    change: Callable[[list[Message]], object], is_one_order: bool
) -> None:
    assert faults_after(change, is_one_order=is_one_order)


def test_oracle_finds_another_order_of_two_authors_only_if_there_is_one_order() -> None:
    assert faults_after(lambda read: swap(read, 0, 1))
    assert not faults_after(lambda read: swap(read, 0, 1), is_one_order=False)


def test_oracle_finds_another_stamp_only_if_there_is_one_order() -> None:
    def change(read: list[Message]) -> None:
        read[0] = read[0]._replace(stamp="9")

    assert faults_after(change)
    assert not faults_after(change, is_one_order=False)


def test_oracle_finds_a_session_whose_beginning_only_one_reader_has_read() -> None:
    assert faults_after(lambda read: read.pop(1), is_one_order=False)


def test_oracle_names_where_states_differ() -> None:
    one = {"sessions": {"alice": "a"}, "stamp": 5}
    assert not state_differences({"a": one, "b": dict(one)})
    assert state_differences({"a": one, "b": {"sessions": {"alice": "b"}}}) == [
        "a and b differ at state.sessions.alice: 'a' and 'b'",
        "a and b differ at state.stamp: only one has it",
    ]


LOG = [
    {"n": "7", "o": "a:1", "s": "1"},
    {"n": "8", "o": "b:1", "s": "1"},
    {"n": "9", "o": "", "s": "0"},
    {"n": "10", "o": "", "s": "0"},
    {"n": "11", "o": "a:1", "s": "3"},
]


def test_log_oracle_accepts_gaps_in_the_numbers_of_a_node_only() -> None:
    assert not log_faults(LOG)
    assert log_faults([*LOG, {"n": "12", "o": "b:1", "s": "1"}])
    assert log_faults([*LOG, {"n": "13", "o": "b:1", "s": "2"}])
    assert log_faults([LOG[1], LOG[0]])


def test_log_oracle_finds_an_entry_that_belongs_to_another_log() -> None:
    assert not log_faults([LOG[0] | {"c": "0000000001234567"}, LOG[1] | {"c": "0123456789abcdef"}])
    assert log_faults([LOG[0] | {"c": "0000000001234567"}, LOG[1] | {"c": "0000000089abcdef"}])

"""The log of a room: stable ids, a bound, and the changes it reports to a widget."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_tui.model.entries import EntryKind, EntryState
from chat_tui.model.history import InputHistory
from chat_tui.model.room_log import MAX_ENTRIES, RoomLog

AT = datetime(2026, 11, 22, 12, 0, 0)


def add(log: RoomLog, text: str) -> int:
    return log.append(EntryKind.MESSAGE, AT, text).id


def test_new_room_log_is_empty() -> None:
    log = RoomLog()
    assert (log.first, log.end, len(log), list(log), log.version) == (0, 0, 0, [], 0)
    with pytest.raises(KeyError):
        log[0]


def test_room_log_ids_increase_by_one_and_index_entries() -> None:
    log = RoomLog()
    assert [add(log, str(n)) for n in range(100)] == list(range(100))
    assert log[42].text == "42"
    assert [entry.text for entry in log.entries(97)] == ["97", "98", "99"]
    assert log.entries(100) == []
    assert log.version == 100


def test_room_log_evicts_oldest_entries() -> None:
    log = RoomLog()
    for n in range(MAX_ENTRIES * 2 + 500):
        add(log, str(n))
        assert len(log) <= MAX_ENTRIES
    assert (log.first, log.end) == (MAX_ENTRIES + 500, MAX_ENTRIES * 2 + 500)
    assert next(iter(log)).text == str(MAX_ENTRIES + 500)
    assert log.entries(0)[0].id == log.first
    with pytest.raises(KeyError):
        log[log.first - 1]


def test_room_log_reports_each_change_once() -> None:
    log = RoomLog()
    for n in range(3):
        add(log, str(n))
    version = log.version
    log.set_state(1, EntryState.UNCONFIRMED)
    assert log.version > version
    assert log[1].state is EntryState.UNCONFIRMED
    assert log[1].timestamp == AT
    assert log.take_changed() == {1}
    assert log.take_changed() == set()


def test_room_log_drops_changes_of_evicted_entries() -> None:
    log = RoomLog(max_entries=10)
    add(log, "0")
    log.set_state(0, EntryState.SENT)
    for n in range(2000):
        add(log, str(n))
    assert log.take_changed() == set()
    log.set_state(0, EntryState.UNCONFIRMED)
    log.set_state(5000, EntryState.UNCONFIRMED)
    assert log.take_changed() == set()


@given(st.integers(1, 50), st.integers(0, 3000))
def test_room_log_holds_exactly_the_newest_entries(kept: int, count: int) -> None:
    log = RoomLog(kept)
    for n in range(count):
        add(log, str(n))
    newest = [str(n) for n in range(count)][-kept:]
    assert [entry.text for entry in log] == newest
    assert [log[entry_id].text for entry_id in range(log.first, log.end)] == newest


def test_input_history_skips_blank_and_repeated_items() -> None:
    history = InputHistory()
    for text in ("one", "one", "  ", "", "two", "one"):
        history.add(text)
    assert [history[n] for n in range(len(history))] == ["one", "two", "one"]
    for n in range(1000):
        history.add(str(n))
    assert len(history) == 500
    assert history[-1] == "999"

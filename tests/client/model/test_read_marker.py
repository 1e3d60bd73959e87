"""The read marker: above the first entry that arrived while the user did not look."""

from __future__ import annotations

from datetime import datetime, timedelta

from chat_tui.model.entries import EntryKind
from chat_tui.model.room_log import RoomLog

BEGIN = datetime(2026, 11, 22, 21, 0)
MINUTE = timedelta(minutes=1)


def add_message(log: RoomLog, author: str = "bob", *, own: bool = False) -> int:
    return log.append(EntryKind.MESSAGE, BEGIN, "hi", author=author, own=own).id


def test_message_received_while_focused_is_not_new() -> None:
    log = RoomLog()
    add_message(log)
    assert log.read_marker.new_from is None


def test_read_marker_is_above_first_unseen_message_with_time() -> None:
    log = RoomLog()
    add_message(log)
    log.read_marker.unfocus(BEGIN)
    log.read_marker.unfocus(BEGIN + MINUTE)  # the first call counts
    log.append(EntryKind.NOTICE, BEGIN, "carol joined")
    first = add_message(log)
    add_message(log)
    assert (log.read_marker.new_from, log.read_marker.since) == (first, BEGIN)


def test_read_marker_stays_after_return_until_next_absence() -> None:
    log = RoomLog()
    log.read_marker.unfocus(BEGIN)
    first = add_message(log)
    log.read_marker.focus()
    add_message(log)
    assert log.read_marker.new_from == first
    log.read_marker.unfocus(BEGIN + MINUTE)
    second = add_message(log)
    assert (log.read_marker.new_from, log.read_marker.since) == (second, BEGIN + MINUTE)


def test_own_message_removes_read_marker() -> None:
    log = RoomLog()
    log.read_marker.unfocus(BEGIN)
    add_message(log)
    add_message(log, "alice", own=True)
    assert log.read_marker.new_from is None

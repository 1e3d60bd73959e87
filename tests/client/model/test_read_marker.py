"""Where the rule "new" stands: above the first entry that came while nobody looked."""

from __future__ import annotations

from datetime import datetime, timedelta

from chat_tui.model.entries import EntryKind
from chat_tui.model.room_log import RoomLog

BEGIN = datetime(2026, 11, 22, 21, 0)
MINUTE = timedelta(minutes=1)


def say(log: RoomLog, author: str = "bob", *, own: bool = False) -> int:
    return log.append(EntryKind.MESSAGE, BEGIN, "hi", author=author, own=own).id


def test_what_comes_while_somebody_looks_is_not_new() -> None:
    log = RoomLog()
    say(log)
    assert log.seen.new_from is None


def test_it_stands_above_the_first_and_tells_when_one_looked_away() -> None:
    log = RoomLog()
    say(log)
    log.seen.look_away(BEGIN)
    log.seen.look_away(BEGIN + MINUTE)  # in another way, too
    log.append(EntryKind.NOTICE, BEGIN, "carol joined")
    first = say(log)
    say(log)
    assert (log.seen.new_from, log.seen.since) == (first, BEGIN)


def test_it_stays_when_one_is_back_until_there_is_a_newer_one() -> None:
    log = RoomLog()
    log.seen.look_away(BEGIN)
    first = say(log)
    log.seen.look_back()
    say(log)
    assert log.seen.new_from == first
    log.seen.look_away(BEGIN + MINUTE)
    second = say(log)
    assert (log.seen.new_from, log.seen.since) == (second, BEGIN + MINUTE)


def test_what_one_says_oneself_ends_it() -> None:
    log = RoomLog()
    log.seen.look_away(BEGIN)
    say(log)
    say(log, "alice", own=True)
    assert log.seen.new_from is None

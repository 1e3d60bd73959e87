"""The bounded queue between the reader's thread and the screen's, and its one bell."""

from __future__ import annotations

import threading

from chat_tui.transport.inbox import MOST_LINES, Inbox
from chat_tui.transport.wakeup import Bell


def silent_inbox() -> Inbox:
    return Inbox(Bell(lambda: None))


def test_lines_come_out_in_order_and_at_most_so_many() -> None:
    inbox = silent_inbox()
    inbox.put(["1", "2"])
    inbox.put(["3"])
    assert inbox.take(2) == ["1", "2"]
    assert inbox.take(2) == ["3"]
    assert inbox.take(2) == []


def test_the_end_comes_after_the_last_line() -> None:
    inbox = silent_inbox()
    inbox.put(["1"])
    inbox.end("gone")
    assert inbox.ended is None
    inbox.take(1)
    assert inbox.ended == "gone"


def test_a_bell_rings_once_until_it_is_answered() -> None:
    rings: list[int] = []
    bell = Bell(lambda: rings.append(1))
    inbox = Inbox(bell)
    for _ in range(100):
        inbox.put(["x"])
    assert len(rings) == 1
    bell.answer()
    inbox.put(["x"])
    assert len(rings) == 2
    bell.answer()
    bell.mute()
    inbox.put(["x"])
    assert len(rings) == 2


def test_a_full_one_makes_the_reader_wait() -> None:
    for lines in (["x"] * MOST_LINES, ["x" * 65_000] * 17):
        inbox = silent_inbox()
        assert inbox.put(lines)
        put = threading.Event()

        def add(inbox: Inbox = inbox, put: threading.Event = put) -> None:
            assert inbox.put(["last"])
            put.set()

        reader = threading.Thread(target=add)
        reader.start()
        assert not put.wait(0.05)
        taken = inbox.take(2)
        assert put.wait(5)
        reader.join()
        taken += inbox.take(10_000)
        assert taken == [*lines, "last"]


def test_a_closed_one_lets_the_reader_go() -> None:
    inbox = silent_inbox()
    inbox.put(["x"] * MOST_LINES)
    given: list[bool] = []
    reader = threading.Thread(target=lambda: given.append(inbox.put(["y"])))
    reader.start()
    inbox.close()
    reader.join(5)
    assert given == [False]

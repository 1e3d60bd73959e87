"""The bounded queue between the reader thread and the screen's thread, and its wakeup."""

from __future__ import annotations

import threading

from chat_tui.transport.inbox import MAX_LINES, Inbox
from chat_tui.transport.wakeup import Wakeup


def silent_inbox() -> Inbox:
    return Inbox(Wakeup(lambda: None))


def test_inbox_take_returns_lines_in_order_up_to_limit() -> None:
    inbox = silent_inbox()
    inbox.put(["1", "2"])
    inbox.put(["3"])
    assert inbox.take(2) == ["1", "2"]
    assert inbox.take(2) == ["3"]
    assert inbox.take(2) == []


def test_inbox_end_is_visible_after_last_line() -> None:
    inbox = silent_inbox()
    inbox.put(["1"])
    inbox.end("gone")
    assert inbox.ended is None
    inbox.take(1)
    assert inbox.ended == "gone"


def test_wakeup_fires_once_until_acknowledged() -> None:
    calls: list[int] = []
    wakeup = Wakeup(lambda: calls.append(1))
    inbox = Inbox(wakeup)
    for _ in range(100):
        inbox.put(["x"])
    assert len(calls) == 1
    wakeup.clear()
    inbox.put(["x"])
    assert len(calls) == 2
    wakeup.clear()
    wakeup.suppress()
    inbox.put(["x"])
    assert len(calls) == 2


def test_full_inbox_blocks_reader() -> None:
    for lines in (["x"] * MAX_LINES, ["x" * 65_000] * 17):
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


def test_closed_inbox_releases_blocked_reader() -> None:
    inbox = silent_inbox()
    inbox.put(["x"] * MAX_LINES)
    results: list[bool] = []
    reader = threading.Thread(target=lambda: results.append(inbox.put(["y"])))
    reader.start()
    inbox.close()
    reader.join(5)
    assert results == [False]

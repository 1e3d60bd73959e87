"""The turns of the threads that read pages."""

from __future__ import annotations

import threading
import time

import pytest

from chat_server.history.page_turns import PageTurns
from tests.support.wait_until import WAIT_TIMEOUT, until

READERS = 8
PAGES = 20


def soon() -> float:
    return time.monotonic() + WAIT_TIMEOUT


def test_one_thread_at_a_time_reads_a_page() -> None:
    turns = PageTurns(WAIT_TIMEOUT)
    inside: list[int] = []
    counts: list[int] = []

    def read_pages() -> None:
        for _ in range(PAGES):
            with turns.take(soon()) as has_turn:
                assert has_turn
                inside.append(1)
                counts.append(len(inside))
                time.sleep(0)
                inside.pop()

    threads = [threading.Thread(target=read_pages) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_TIMEOUT)
    assert len(counts) == READERS * PAGES
    assert max(counts) == 1


def test_reader_gets_no_turn_before_its_deadline_while_another_one_reads() -> None:
    turns = PageTurns(WAIT_TIMEOUT)
    with turns.take(soon()) as first:
        assert first
        with turns.take(time.monotonic() + 0.01) as second:
            assert not second
    with turns.take(soon()) as third:
        assert third


@pytest.mark.parametrize(("max_wait", "pauses"), [(WAIT_TIMEOUT, 1), (0.0, 0)])
def test_reader_pauses_only_if_others_wait_and_none_has_waited_long(
    monkeypatch: pytest.MonkeyPatch, max_wait: float, pauses: int
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    turns = PageTurns(max_wait)

    def take_a_turn() -> None:
        with turns.take(soon()):
            pass

    take_a_turn()
    assert not slept
    other = threading.Thread(target=take_a_turn)
    with turns.take(soon()):
        other.start()
        until(lambda: turns._waiting == 1, "another reader waits")
    other.join(WAIT_TIMEOUT)
    assert len(slept) == pauses

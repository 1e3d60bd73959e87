"""Delays between reconnect attempts."""

from __future__ import annotations

from chat_tui.transport.backoff import Backoff


def test_backoff_doubles_pauses_up_to_maximum() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_delay() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_backoff_jitter_stays_in_upper_half_of_pause() -> None:
    backoff = Backoff(lambda: 0.0)
    assert [backoff.next_delay() for _ in range(6)] == [0.5, 1, 2, 4, 8, 15]
    drawn = {Backoff().next_delay() for _ in range(50)}
    assert len(drawn) > 1
    assert all(0.5 <= pause <= 1.0 for pause in drawn)


def test_backoff_resets_only_after_session_of_one_minute() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(3):
        backoff.next_delay()
    backoff.session_ended(59.9)
    assert backoff.next_delay() == 8
    backoff.session_ended(60.0)
    assert backoff.next_delay() == 1
    backoff.reset()
    assert backoff.next_delay() == 1

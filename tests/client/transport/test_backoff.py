"""The pauses between two tries to come back."""

from __future__ import annotations

from chat_tui.transport.backoff import Backoff


def test_pauses_double_up_to_a_bound() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_pause() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_each_is_drawn_from_the_upper_half_of_its_length() -> None:
    backoff = Backoff(lambda: 0.0)
    assert [backoff.next_pause() for _ in range(6)] == [0.5, 1, 2, 4, 8, 15]
    drawn = {Backoff().next_pause() for _ in range(50)}
    assert len(drawn) > 1
    assert all(0.5 <= pause <= 1.0 for pause in drawn)


def test_only_a_good_session_begins_anew() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(3):
        backoff.next_pause()
    backoff.session_ended(59.9)
    assert backoff.next_pause() == 8
    backoff.session_ended(60.0)
    assert backoff.next_pause() == 1
    backoff.reset()
    assert backoff.next_pause() == 1

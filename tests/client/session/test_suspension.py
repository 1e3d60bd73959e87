"""SuspensionDetector: what counts as a suspension."""

from __future__ import annotations

from chat_tui.session.suspension import SuspensionDetector


def test_ticks_within_five_seconds_are_not_suspension() -> None:
    detector = SuspensionDetector(100.0)
    assert not detector.tick(105.0)
    assert not detector.tick(110.0)


def test_suspension_is_reported_once() -> None:
    detector = SuspensionDetector(100.0)
    assert detector.tick(105.1)
    assert not detector.tick(105.2)

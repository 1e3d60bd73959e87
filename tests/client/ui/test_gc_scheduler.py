"""Full garbage collections wait until the client is idle, up to a maximum delay."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from chat_tui.ui.gc_scheduler import IdleGarbageCollector


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[None]]:
    """Return a list with one item per full collection. Nothing is really collected or frozen."""
    calls: list[None] = []
    monkeypatch.setattr(gc, "collect", lambda: calls.append(None))
    monkeypatch.setattr(gc, "freeze", lambda: None)
    thresholds = gc.get_threshold()
    yield calls
    gc.set_threshold(*thresholds)


def test_gc_scheduler_disables_automatic_full_collection(collected: list[None]) -> None:
    collector = IdleGarbageCollector()
    before = gc.get_threshold()
    collector.tick(0.0, idle=False)
    assert gc.get_threshold() == before
    collector.tick(1.0, idle=True)
    assert len(collected) == 1
    assert gc.get_threshold()[:2] == before[:2]
    assert gc.get_threshold()[2] >= 1_000_000


def test_gc_scheduler_collects_when_idle_or_after_maximum_delay(collected: list[None]) -> None:
    collector = IdleGarbageCollector()
    collector.tick(0.0, idle=True)
    collector.tick(8.0, idle=False)
    assert len(collected) == 1
    collector.tick(8.5, idle=True)
    assert len(collected) == 2
    collector.tick(18.0, idle=False)
    assert len(collected) == 2
    collector.tick(19.0, idle=False)
    assert len(collected) == 3


def test_gc_scheduler_does_not_collect_without_activity(collected: list[None]) -> None:
    collector = IdleGarbageCollector()
    for second in range(1000):
        collector.tick(float(second), idle=True)
    assert len(collected) == 1

"""Full garbage collections wait for a quiet moment, but not for ever."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from chat_tui.ui.gc_scheduler import IdleGarbageCollector


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[None]]:
    """One item for each full collection; of this process nothing is frozen."""
    calls: list[None] = []
    monkeypatch.setattr(gc, "collect", lambda: calls.append(None))
    monkeypatch.setattr(gc, "freeze", lambda: None)
    thresholds = gc.get_threshold()
    yield calls
    gc.set_threshold(*thresholds)


def test_gc_scheduler_disables_automatic_full_collection(collected: list[None]) -> None:
    collection = IdleGarbageCollector()
    before = gc.get_threshold()
    collection.tick(0.0, idle=False)
    assert gc.get_threshold() == before
    collection.tick(1.0, idle=True)
    assert len(collected) == 1
    assert gc.get_threshold()[:2] == before[:2]
    assert gc.get_threshold()[2] >= 1_000_000


def test_gc_scheduler_collects_when_idle_or_after_maximum_delay(collected: list[None]) -> None:
    collection = IdleGarbageCollector()
    collection.tick(0.0, idle=True)
    collection.tick(8.0, idle=False)
    assert len(collected) == 1
    collection.tick(8.5, idle=True)
    assert len(collected) == 2
    collection.tick(18.0, idle=False)
    assert len(collected) == 2
    collection.tick(19.0, idle=False)
    assert len(collected) == 3


def test_gc_scheduler_does_not_collect_without_activity(collected: list[None]) -> None:
    collection = IdleGarbageCollector()
    for second in range(1000):
        collection.tick(float(second), idle=True)
    assert len(collected) == 1

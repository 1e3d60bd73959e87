"""Full garbage collections wait for a quiet moment, but not for ever."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from chat_tui.ui.gc_scheduler import QuietCollection


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[None]]:
    """One item for each full collection; of this process nothing is frozen."""
    calls: list[None] = []
    monkeypatch.setattr(gc, "collect", lambda: calls.append(None))
    monkeypatch.setattr(gc, "freeze", lambda: None)
    thresholds = gc.get_threshold()
    yield calls
    gc.set_threshold(*thresholds)


def test_python_begins_none_by_itself_once_it_has_been_quiet(collected: list[None]) -> None:
    collection = QuietCollection()
    before = gc.get_threshold()
    collection.tick(0.0, quiet=False)
    assert gc.get_threshold() == before
    collection.tick(1.0, quiet=True)
    assert len(collected) == 1
    assert gc.get_threshold()[:2] == before[:2]
    assert gc.get_threshold()[2] >= 1_000_000


def test_it_waits_for_a_quiet_moment_but_not_for_ever(collected: list[None]) -> None:
    collection = QuietCollection()
    collection.tick(0.0, quiet=True)
    collection.tick(8.0, quiet=False)
    assert len(collected) == 1
    collection.tick(8.5, quiet=True)
    assert len(collected) == 2
    collection.tick(18.0, quiet=False)
    assert len(collected) == 2
    collection.tick(19.0, quiet=False)
    assert len(collected) == 3


def test_where_nothing_happens_nothing_is_collected(collected: list[None]) -> None:
    collection = QuietCollection()
    for second in range(1000):
        collection.tick(float(second), quiet=True)
    assert len(collected) == 1

"""What the writer does between two batches: it fills the index for searches, removes what was
erased, and prunes.

All of it is done in steps, each a short transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from chat_server.history.health import Health
from chat_server.history.recoverable_store import RecoverableStore
from chat_server.history.store import (
    Pruned,
    Retention,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
)
from chat_server.tuning import Tuning

_MAX_PRUNE_SECONDS: Final = 0.2
"""Longest time for the retention between two batches: a client waits at most 2 s for its page."""

_BUSY_SECONDS: Final = 1.0
"""Pause after a step of the retention that could not be done: another program holds the lock."""

_INDEX_SECONDS: Final = 1.0
"""At most so long after a message was stored, it is added to the index for searches. Adding costs
as much as storing, and less in large steps. A search that comes before waits for it."""

_INDEX_IDLE_SECONDS: Final = 0.2
"""If nothing was recorded for so long, messages are added to the index at once."""


class Maintenance:
    """Indexing and retention of one store. Only the writer's thread uses it."""

    def __init__(
        self,
        store: RecoverableStore,
        health: Health,
        retention: Retention,
        tuning: Tuning,
        clock: Callable[[], int],
    ) -> None:
        """`clock`: microseconds since the epoch."""
        self._store = store
        self._health = health
        self._retention = retention
        self._interval = tuning.history_prune_seconds
        self._clock = clock
        self._index_at = 0.0
        """When the newest messages are added to the index, if not before."""
        self._next_index = 0.0
        """Not before, after a step that could not be done."""
        self._has_unindexed = False
        self._next_prune = 0.0
        self._has_prunable = False

    @property
    def has_more(self) -> bool:
        """True if the last steps were not enough."""
        return self._has_unindexed or self._has_prunable

    def expect_batch(self) -> None:
        """Note that a batch is about to be stored: its messages have to be indexed."""
        store = self._store.current
        if store is not None and store.is_indexed:
            self._index_at = time.monotonic() + _INDEX_SECONDS

    def prune_soon(self) -> None:
        """Note that messages were erased: they are to leave the file with the next steps."""
        self._next_prune = 0.0

    def run(self, stored: int, last_item: float) -> int:
        """Do what is due. Return how many messages the retention has removed.

        `stored`: rows of the batch before. `last_item`: when there was one, of `time.monotonic`.
        """
        self._index(last_item)
        removed = 0
        if time.monotonic() >= self._next_prune:
            until = time.monotonic() + _MAX_PRUNE_SECONDS
            steps = [self._prune()]
            # In a flood, one step removes less than a batch adds.
            while (
                self._has_prunable
                and sum(step.messages + step.erased for step in steps) < 2 * stored
                and time.monotonic() < until
            ):
                steps.append(self._prune())
            removed = sum(step.messages for step in steps)
        return removed

    def _index(self, last_item: float) -> None:
        """Do one step of adding messages to the index for searches, if it is time for that."""
        store = self._store.current
        self._has_unindexed = False
        now = time.monotonic()
        due = min(self._index_at, last_item + _INDEX_IDLE_SECONDS)
        if store is None or store.is_indexed or now < max(due, self._next_index):
            return
        try:
            self._has_unindexed = store.index()
        except StoreBusyError:
            pass
        except StoreError as error:
            self._handle(error)
        if not (store.is_indexed or self._has_unindexed):
            self._next_index = now + _INDEX_SECONDS

    def _prune(self) -> Pruned:
        """Do one step of the retention. Return what it has removed."""
        store = self._store.current
        if store is None:
            return Pruned()
        now = time.monotonic()
        self._next_prune = now + self._interval
        self._has_prunable = False
        try:
            pruned = store.prune(self._retention, self._clock())
        except StoreBusyError:
            self._next_prune = now + _BUSY_SECONDS
        except StoreError as error:
            self._handle(error)
        else:
            if pruned.has_more:
                self._has_prunable = True
                self._next_prune = now
            return pruned
        return Pruned()

    def _handle(self, error: StoreError) -> None:
        if isinstance(error, StoreCorruptError):
            self._store.set_aside(str(error))
        else:
            self._health.log_failure(str(error))

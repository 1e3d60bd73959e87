"""The newest entries that were read, for a Redis that has lost everything."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from chat_server.backplane.entry_codec import RawEntry, data_size
from chat_server.tuning import Tuning

_OVERHEAD: Final = 300
"""Bytes that an entry costs in memory in addition to its data, about."""


class LogTail:
    """The last entries of the log without a gap, bounded by age and size. Used by one thread."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._chunks: deque[tuple[float, int, list[RawEntry]]] = deque()
        """When each was read, and its size."""
        self._size = 0

    def add(self, chunk: list[RawEntry]) -> None:
        """Add entries that follow on the last one."""
        now = time.monotonic()
        size = sum(map(data_size, chunk)) + _OVERHEAD * len(chunk)
        self._chunks.append((now, size, chunk))
        self._size += size
        oldest = now - self._tuning.redis_tail_seconds
        while self._chunks and (
            self._chunks[0][0] < oldest or self._size > self._tuning.redis_tail_bytes
        ):
            self._size -= self._chunks.popleft()[1]

    def clear(self) -> None:
        """Forget all of them: the next one does not follow."""
        self._chunks.clear()
        self._size = 0

    def entries(self) -> list[RawEntry]:
        """Return them in their order."""
        return [raw for _, _, chunk in self._chunks for raw in chunk]

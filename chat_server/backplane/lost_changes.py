"""Changes of accounts by `chat-server users` that the log has lost, which the servers make again.

The program that made them has ended, so only the servers that had read them know them. Each of
these servers appends them again, and the script takes each of them once. A change is only made if
the account is still as it was before: a later change is never undone.
"""

from __future__ import annotations

import time
from typing import Any, Final

from chat_server.backplane import scripts
from chat_server.backplane.account_editor import append_arguments
from chat_server.backplane.connection import RedisConnection
from chat_server.backplane.entry_codec import encode
from chat_server.backplane.log_events import LogEvents
from chat_server.core import requests
from chat_server.tuning import Tuning

_MOST: Final = 10_000
"""Most changes that are kept: a few megabytes."""


class LostChanges:
    """The changes that one server has read. Used by the thread that reads the log."""

    def __init__(self, events: LogEvents, tuning: Tuning) -> None:
        self._events = events
        self._seconds = tuning.redis_ring_seconds
        self._read: dict[int, tuple[float, requests.Entry]] = {}
        """The newest ones by their stamps, each with the time when it was read."""
        self._lost: dict[int, requests.Entry] = {}
        """Those that the log has lost, by the stamps that they had when they were made."""

    def note(self, entry: requests.Entry) -> None:
        """Note an entry without a server that was read, if it is such a change."""
        if isinstance(entry.request, requests.ChangeAccount):
            now = time.monotonic()
            self._read.pop(entry.stamp, None)
            self._read[entry.stamp] = now, entry
            while len(self._read) > _MOST or self._oldest() < now - self._seconds:
                del self._read[next(iter(self._read))]

    def find(self, connection: RedisConnection, place: list[Any]) -> None:
        """Find out which ones the log has lost. Raises `BackplaneError`.

        `place`: the reply of `scripts.PLACE`. What the log has trimmed is not lost.
        """
        newest, oldest = int(place[2]), place[5]
        begin = int(oldest[:-2]) if oldest else newest + 1
        for stamp, (_, entry) in list(self._read.items()):
            if stamp >= begin and not _is_in_log(connection, entry):
                self._lost[entry.first_stamp or stamp] = entry
                del self._read[stamp]

    def append(self, connection: RedisConnection, epoch: str) -> bool:
        """Append those that were found, in their order. Raises `BackplaneError`: call it again.

        `epoch`: of the log. Return False if it has another one by now: compare again.
        """
        made = 0
        try:
            for first in sorted(self._lost):
                entry = self._lost[first]
                assert isinstance(entry.request, requests.ChangeAccount)
                call = append_arguments(entry.request, entry.room, epoch, first)
                outcome = connection.run(scripts.APPEND, *call)[0]
                if outcome == b"lost":
                    return False
                made += outcome == b"ok"
                del self._lost[first]
        finally:
            if made:
                self._events.account_changes_resent(made)
        return True

    def _oldest(self) -> float:
        return next(iter(self._read.values()))[0]


def _is_in_log(connection: RedisConnection, entry: requests.Entry) -> bool:
    """Return whether the log has it, also if another server has appended it again."""
    identifier = f"{entry.stamp}-0"
    found = connection.command("XRANGE", scripts.LOG, identifier, identifier)
    if not found:
        return False
    fields = found[0][1]
    return not fields[5] and fields[17] == encode(entry.request).data

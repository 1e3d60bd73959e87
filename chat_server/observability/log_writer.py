"""The writer of the log: counts each event and writes it whole, without blocking the chat."""

from __future__ import annotations

import select
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, TextIO

from chat_server.observability.log_format import FieldValue, LogEvent, LogLevel, as_json, as_text

_WRITE_TIMEOUT_MS: Final = 50
"""How long the first line waits for a stream that accepts nothing. The next lines do not wait."""

LEVELS: Final = tuple(level.name.lower() for level in LogLevel)
"""The names of the levels, from the most to the least verbose."""


class LogWriter:
    """The writer of events to one stream. Any thread may use it. Its locks are leaves."""

    def __init__(self, stream: TextIO | None, level: str, log_format: str) -> None:
        """`stream`: None means no log at all. `level`: one of `LEVELS`.

        `log_format`: one of `FORMATS`.
        """
        self._stream = stream
        self._level = LogLevel[level.upper()]
        self._format = as_json if log_format == "json" else as_text
        self._lock = threading.Lock()
        self._lost_lines = 0
        """Lines that were dropped since the last line that was written."""
        self._count_lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def is_enabled(self, level: LogLevel) -> bool:
        """Return whether events of this level are written."""
        return level >= self._level

    def counts(self) -> Counter[str]:
        """Return how often each event happened, by name, whether or not it was written."""
        with self._count_lock:
            return self._counts.copy()

    def write(
        self,
        mark: str,
        name: str,
        message: str,
        /,
        *,
        level: LogLevel | None = None,
        details: Sequence[str] = (),
        **fields: FieldValue,
    ) -> None:
        """Count an event and write it. Text and JSON come from this one place.

        `name`: stable, in snake_case. `message`: the sentence, with everything from outside
        escaped. `fields`: the values in it, not escaped. `level`: None means warning for the mark
        `!` and info for any other. `details`: lines below a text line.
        """
        if level is None:
            level = LogLevel.WARNING if mark == "!" else LogLevel.INFO
        with self._count_lock:
            self._counts[name] += 1
        if self._stream is None or not self.is_enabled(level):
            return
        now = datetime.now().astimezone()
        texts = self._format(LogEvent(now, level, mark, name, message, fields, details))
        with self._lock:
            if self._lost_lines and self._is_writable():
                texts = self._format(_lines_lost_event(now, self._lost_lines)) + texts
                self._lost_lines = 0
            for text in texts:
                if not self._is_writable():
                    self._lost_lines += 1
                    continue
                # A closed stream, a full disk or an unsuitable encoding must not stop the chat.
                with suppress(OSError, ValueError):
                    self._stream.write(text)
                    self._stream.flush()

    def _is_writable(self) -> bool:
        """Return whether a line can be written without blocking the chat. Hold the lock.

        For a pipe that nothing reads or a terminal that was stopped, this waits once. It does not
        wait again until the stream has accepted a line.
        """
        try:
            number = self._stream.fileno() if self._stream else -1
        except (OSError, ValueError):  # not a real file
            return True
        poller = select.poll()
        poller.register(number, select.POLLOUT)
        return bool(poller.poll(0 if self._lost_lines else _WRITE_TIMEOUT_MS))


def _lines_lost_event(now: datetime, count: int) -> LogEvent:
    message = f"{count} log lines were lost: the log was not read"
    return LogEvent(now, LogLevel.WARNING, "!", "log_lines_lost", message, {"count": count})

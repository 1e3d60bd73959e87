"""Writing the log: each event counted, whole, in one form, and never waited for by the chat."""

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
"""How long the first line waits for a log that takes nothing; the next ones do not."""

LEVELS: Final = tuple(level.name.lower() for level in LogLevel)
"""The names of the levels, from the one that says most to the one that says least."""


class LogWriter:
    """Writes events to one stream. Any thread; its locks are leaves."""

    def __init__(self, stream: TextIO | None, level: str, form: str) -> None:
        """`stream`: None for no log at all; `level`: one of `LEVELS`; `form`: one of `FORMATS`."""
        self._stream = stream
        self._level = LogLevel[level.upper()]
        self._format = as_json if form == "json" else as_text
        self._lock = threading.Lock()
        self._lost_lines = 0
        """Lines that were not written since the last one that was."""
        self._count_lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def is_enabled(self, level: LogLevel) -> bool:
        """Whether events of this level are written."""
        return level >= self._level

    def counts(self) -> Counter[str]:
        """How often each event has happened, by its name, whether or not it was written."""
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
        """Count an event and write it: the one place where text and JSON come from.

        `name`: stable, in snake_case. `message`: the sentence, with all from outside escaped;
        `fields`: what it was made of, as it came. `level`: where None, warning for the mark `!`
        and info for any other. `details`: lines below a text line.
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
                # Closed, a full disk, an encoding that can't: the chat goes on.
                with suppress(OSError, ValueError):
                    self._stream.write(text)
                    self._stream.flush()

    def _is_writable(self) -> bool:
        """Whether a line can be written without blocking the chat. Holds the lock.

        A pipe that nobody reads, a terminal that was stopped: waited for once, and then no more
        until it takes something again.
        """
        try:
            number = self._stream.fileno() if self._stream else -1
        except (OSError, ValueError):  # no file at all
            return True
        poller = select.poll()
        poller.register(number, select.POLLOUT)
        return bool(poller.poll(0 if self._lost_lines else _WRITE_TIMEOUT_MS))


def _lines_lost_event(now: datetime, count: int) -> LogEvent:
    message = f"{count} log lines were lost: nobody took them"
    return LogEvent(now, LogLevel.WARNING, "!", "log_lines_lost", message, {"count": count})

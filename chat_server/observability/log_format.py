"""The two formats of a log line: text for people and JSON for programs. Pure: values in, lines out.

A line of either format is harmless in a terminal and is one line, whatever the event holds. In
text, the functions of `escape.py` ensure this. In JSON, everything but printable ASCII is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Final

from chat_server.escape import one_line

FORMATS: Final = ("text", "json")
"""The names of the formats."""

MAX_FIELD_LENGTH: Final = 256
"""Most characters of a text in a field of a JSON line. `...` marks a truncated text."""

MAX_MESSAGE_LENGTH: Final = 1024
"""The same for the sentence of a JSON line, where a character may be escaped as six."""

MAX_DETAIL_LINES: Final = 256
"""Most texts of a list in a field. The last ones are kept: in a traceback they matter most."""

FieldValue = str | int | float | Sequence[str] | None


class LogLevel(IntEnum):
    """How much an event matters, with the numbers of `logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event, ready to be written in either format."""

    timestamp: datetime
    """With its offset from UTC."""
    level: LogLevel
    mark: str
    """One character that is easy to find in a text line: `*`, `+`, `-` or `!`."""
    name: str
    """Stable and in snake_case. Programs match on it."""
    message: str
    """The sentence of the text line. Text from outside is already escaped in it."""
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    """The values in the sentence, not escaped. For JSON only."""
    details: Sequence[str] = ()
    """Further lines below the text line, a traceback for example."""


def as_text(event: LogEvent) -> list[str]:
    """Return the lines of an event for people, each with its LF: a sentence and its details."""
    stamp = event.timestamp.strftime("%Y-%m-%d %H:%M:%S")
    return [
        f"{stamp} [{event.mark}] {event.message}\n",
        *(f"    {one_line(line)}\n" for line in event.details),
    ]


def as_json(event: LogEvent) -> list[str]:
    """Return the line of an event for programs, with its LF: an object, the common fields first."""
    held: dict[str, FieldValue] = {
        "time": event.timestamp.isoformat(timespec="milliseconds"),
        "level": event.level.name.lower(),
        "event": event.name,
        "message": _truncate_value(event.message, MAX_MESSAGE_LENGTH),
    }
    held.update((name, _truncate_value(value)) for name, value in event.fields.items())
    # JSON does not escape DEL, but a terminal may interpret it.
    return [json.dumps(held).replace("\x7f", "\\u007f") + "\n"]


def _truncate_value(value: FieldValue, max_length: int = MAX_FIELD_LENGTH) -> FieldValue:
    if isinstance(value, str):
        return _truncate(value, max_length)
    if isinstance(value, Sequence):
        return [_truncate(line, max_length) for line in value[-MAX_DETAIL_LINES:]]
    return value


def _truncate(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else text[:max_length] + "..."

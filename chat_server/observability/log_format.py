"""The two forms of a log line: text for eyes, JSON for programs. Pure: values in, lines out.

Whatever an event holds, a line of either form is harmless in a terminal and is one line: in text
by the escaping of `printable.py`, in JSON because everything but printable ASCII is escaped.
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
"""The names of the forms."""

MAX_FIELD_LENGTH: Final = 256
"""A text in a field of a JSON line is cut after so many characters; `...` marks the cut."""

MAX_MESSAGE_LENGTH: Final = 1024
"""The same for the sentence of a JSON line, where every character may take six."""

MAX_DETAIL_LINES: Final = 256
"""A list in a field keeps so many texts, the last ones: those of a traceback that matter most."""

FieldValue = str | int | float | Sequence[str] | None


class LogLevel(IntEnum):
    """How much an event matters, as in `logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True)
class LogEvent:
    """Something that happened, ready to be written in either form."""

    timestamp: datetime
    """With its offset from UTC."""
    level: LogLevel
    mark: str
    """One character that the eye finds in a text line: `*`, `+`, `-` or `!`."""
    name: str
    """Stable, in snake_case: what a program looks for."""
    message: str
    """The sentence of the text line; what is not our own in it is escaped already."""
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    """What the sentence was made of, as it came from outside: for JSON alone."""
    details: Sequence[str] = ()
    """Further lines below the text line, a traceback for example."""


def as_text(event: LogEvent) -> list[str]:
    """The lines of an event for eyes, each with its LF: the first, and indented details."""
    stamp = event.timestamp.strftime("%Y-%m-%d %H:%M:%S")
    return [
        f"{stamp} [{event.mark}] {event.message}\n",
        *(f"    {one_line(line)}\n" for line in event.details),
    ]


def as_json(event: LogEvent) -> list[str]:
    """The one line of an event for programs, with its LF: an object, the same names first."""
    held: dict[str, FieldValue] = {
        "time": event.timestamp.isoformat(timespec="milliseconds"),
        "level": event.level.name.lower(),
        "event": event.name,
        "message": _truncate_value(event.message, MAX_MESSAGE_LENGTH),
    }
    held.update((name, _truncate_value(value)) for name, value in event.fields.items())
    # JSON leaves DEL as it is, and a terminal obeys that one, too.
    return [json.dumps(held).replace("\x7f", "\\u007f") + "\n"]


def _truncate_value(value: FieldValue, max_length: int = MAX_FIELD_LENGTH) -> FieldValue:
    if isinstance(value, str):
        return _truncate(value, max_length)
    if isinstance(value, Sequence):
        return [_truncate(line, max_length) for line in value[-MAX_DETAIL_LINES:]]
    return value


def _truncate(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else text[:max_length] + "..."

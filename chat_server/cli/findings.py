"""The findings of `chat-server check`, one line each."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from chat_server.escape import one_line


class Severity(Enum):
    """The severity of a finding."""

    OK = "ok"
    WARNING = "warning"
    """A start would work, but the operator should know."""
    ERROR = "error"
    """A start would fail."""


class Finding(NamedTuple):
    """One line of the report."""

    severity: Severity
    text: str

    def __str__(self) -> str:
        return f"{self.severity.value:<8} {one_line(self.text)}"

"""The findings of `chat-server check`, one line each."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
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


def exposure(what: str, path: Path, mode: int) -> Iterator[Finding]:
    """Yield a warning if the mode of a file lets users other than its owner read or write it."""
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding(
            Severity.WARNING,
            f"{what} {one_line(str(path))}: open to other users of this machine (mode"
            f" {stat.S_IMODE(mode):04o}); chmod 600 {shlex.quote(str(path))}",
        )

"""What one window leaves in the state folder for the next: whose the server on the port is.

A window that joins a server can't see its users file. This note tells it which demo accounts there
are, as long as the server that it speaks of is running.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_FILE_NAME: Final = "local-server.json"


@dataclass(frozen=True, slots=True)
class LocalServerRecord:
    """A server that a window has started."""

    port: int
    process: int
    """The number of the server's process."""

    demo_accounts: tuple[str, ...]

    def write(self, folder: Path) -> None:
        """Write the note, whole or not at all. Where that fails the next window knows less."""
        draft = folder / f".{_FILE_NAME}.{self.process}"
        with suppress(OSError):
            draft.write_text(json.dumps(asdict(self)), "utf-8")
            draft.replace(folder / _FILE_NAME)

    def remove(self, folder: Path) -> None:
        """Remove the note, unless another server's is there by now."""
        if _read(folder) == self:
            (folder / _FILE_NAME).unlink(missing_ok=True)


def demo_accounts_on(port: int, folder: Path) -> tuple[str, ...]:
    """The demo accounts of the server on `port`, as far as a note in `folder` tells of it."""
    note = _read(folder)
    if note is None or note.port != port or not _is_running(note.process):
        return ()
    return note.demo_accounts


def _read(folder: Path) -> LocalServerRecord | None:
    try:
        match json.loads((folder / _FILE_NAME).read_text("utf-8")):
            case {"port": int(port), "process": int(process), "demo_accounts": [*names]} if all(
                isinstance(name, str) for name in names
            ):
                return LocalServerRecord(port, process, tuple(names))
    except (OSError, ValueError, RecursionError):
        pass
    return None


def _is_running(process: int) -> bool:
    if process <= 0:  # not one process but a group of them, or all
        return False
    try:
        os.kill(process, 0)
    except (OSError, OverflowError):
        return False
    return True

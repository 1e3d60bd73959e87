"""A record in the state folder of the local server that a client has started.

A client that joins a running server can't see its users file. The record lists the demo accounts of
that server. It is valid while the server's process runs.
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
    """A local server that a client has started."""

    port: int
    process: int
    """The process id of the server."""

    demo_accounts: tuple[str, ...]

    def write(self, folder: Path) -> None:
        """Write the record atomically. If that fails, the next client shows no demo accounts."""
        draft = folder / f".{_FILE_NAME}.{self.process}"
        with suppress(OSError):
            draft.write_text(json.dumps(asdict(self)), "utf-8")
            draft.replace(folder / _FILE_NAME)

    def remove(self, folder: Path) -> None:
        """Remove the record, unless another server has replaced it."""
        if _read(folder) == self:
            (folder / _FILE_NAME).unlink(missing_ok=True)


def recorded_demo_accounts(port: int, folder: Path) -> tuple[str, ...]:
    """Return the demo accounts of the server on `port`, or () if `folder` has no valid record."""
    record = _read(folder)
    if record is None or record.port != port or not _is_running(record.process):
        return ()
    return record.demo_accounts


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
    if process <= 0:  # a process group, or all processes
        return False
    try:
        os.kill(process, 0)
    except (OSError, OverflowError):
        return False
    return True

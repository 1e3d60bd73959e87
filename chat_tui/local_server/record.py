"""A record in the state folder of the local server that a client has started.

A client that joins a running server can't see its users file. The record lists the demo accounts of
that server, once they are known. It is valid while its process runs: the server's, or before that
the client's that starts it.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from chat_tui.storage import read_regular, write_private

_FILE_NAME: Final = "local-server.json"

_MAX_BYTES: Final = 1 << 20

_GRACE: Final = 1.0
"""Seconds for which a record may be missing although a client has just started the server."""

_POLL_INTERVAL: Final = 0.05
"""Seconds between two looks at the record of a client that still starts its server."""


@dataclass(frozen=True, slots=True)
class LocalServerRecord:
    """A local server that a client has started or is about to start."""

    port: int
    process: int
    """The process id of the server, or of the client that starts it."""
    demo_accounts: tuple[str, ...] | None
    """None: not known yet."""
    users: str = ""
    """The path of the users file. Empty if an earlier version wrote the record."""

    def write(self, folder: Path) -> None:
        """Write the record atomically. If that fails, the next client shows no demo accounts."""
        with suppress(OSError):
            write_private(folder / _FILE_NAME, json.dumps(asdict(self)))

    def remove(self, folder: Path) -> None:
        """Remove the record, unless another server has replaced it."""
        with suppress(OSError):
            if _read(folder) == self:
                (folder / _FILE_NAME).unlink(missing_ok=True)


def current_record(port: int, folder: Path) -> LocalServerRecord | None:
    """Return the record of the server on `port`, or None if `folder` has no valid one."""
    record = _read(folder)
    is_valid = record is not None and record.port == port and _is_running(record.process)
    return record if is_valid else None


def await_demo_accounts(port: int, folder: Path, timeout: float) -> tuple[str, ...]:
    """Return the demo accounts of the server on `port`, or () if no client has started it.

    Waits while its client still finds them out, at most `timeout` seconds.
    """
    deadline, missing_since = time.monotonic() + timeout, time.monotonic()
    while (now := time.monotonic()) < deadline:
        record = current_record(port, folder)
        if record is None:
            if now - missing_since > _GRACE:
                return ()
        elif record.demo_accounts is not None:
            return record.demo_accounts
        else:
            missing_since = now
        time.sleep(_POLL_INTERVAL)
    return ()


def _read(folder: Path) -> LocalServerRecord | None:
    with suppress(OSError, ValueError, RecursionError):
        match json.loads(read_regular(folder / _FILE_NAME, _MAX_BYTES)):
            case {"port": int(port), "process": int(process), "demo_accounts": names, **rest}:
                users = rest.get("users")
                users = users if isinstance(users, str) else ""
                if names is None:
                    return LocalServerRecord(port, process, None, users)
                if isinstance(names, list) and all(isinstance(name, str) for name in names):
                    return LocalServerRecord(port, process, tuple(names), users)
    return None


def _is_running(process: int) -> bool:
    if process <= 0:  # a process group, or all processes
        return False
    try:
        os.kill(process, 0)
    except (OSError, OverflowError):
        return False
    return True

"""A lock between the windows of one user, for changes of the files in the state folder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from chat_tui.storage.private_files import open_regular, private_folder

_LOCK_FILE: Final = "state.lock"

PATIENCE: Final = 5.0
"""Seconds after which a window writes without the lock: its holder may be stopped for ever."""

_RETRY_INTERVAL: Final = 0.01
"""Seconds between two attempts to get the lock."""


@contextmanager
def state_lock(folder: Path, timeout: float = 0.0, *, name: str = _LOCK_FILE) -> Iterator[bool]:
    """Hold the lock file of the state folder. The value is False if another window holds it.

    Waits `timeout` seconds at most, not at all by default, so that a stopped process never blocks
    the screen. The kernel releases the lock when its holder ends. Raises `OSError` if the lock file
    can't be opened.
    """
    number = open_regular(private_folder(folder) / name, os.O_RDWR | os.O_CREAT)
    try:
        yield _lock(number, time.monotonic() + timeout)
    finally:
        os.close(number)


def _lock(number: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_RETRY_INTERVAL)
        except OSError:  # a file system without locks: only one window can use it safely
            return True
        else:
            return True

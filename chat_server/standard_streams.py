"""Output to standard streams that are full, closed or non-blocking. Both programs."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from typing import Final

_WAIT_MILLISECONDS: Final = 1000
"""Longest wait before a write is tried again. A poll also ends once there is room."""


def report(line: str) -> None:
    """Print a line to standard error. If it cannot be written, the exit status stays."""
    with suppress(OSError):
        print(line, file=sys.stderr)


def drop_unwritten_output() -> None:
    """Drop what standard output or standard error does not accept.

    Otherwise the interpreter would fail to flush it at exit, with a traceback and status 120.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def write_all(fileno: int, data: bytes) -> None:
    """Write all of `data`, also to a non-blocking file. Raises `OSError` if the file is closed."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fileno, rest) :]
        except BlockingIOError:
            poller = select.poll()
            poller.register(fileno, select.POLLOUT)
            poller.poll(_WAIT_MILLISECONDS)

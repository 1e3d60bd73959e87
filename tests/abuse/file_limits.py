"""Limits of open files, of this process and of a server process."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

RESERVE = 500
"""Files for everything except the connections."""


@contextmanager
def allow_connections(number: int) -> Iterator[None]:
    """Let this process open both ends of `number` connections. Skip the test if it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * number + RESERVE
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this user may open {hard} files, and {wanted} are needed")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def leave_free(process: int, free: int) -> None:
    """Let a running process open `free` more files than it has open now. Linux only."""
    assert sys.platform == "linux"
    hard = resource.prlimit(process, resource.RLIMIT_NOFILE)[1]
    highest = max(map(int, os.listdir(f"/proc/{process}/fd")))
    resource.prlimit(process, resource.RLIMIT_NOFILE, (highest + 1 + free, hard))

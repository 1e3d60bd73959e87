"""What every test has around it: the leak check, and programs that may be missing."""

import gc
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The client takes other colours where the terminal has sixteen, or where nobody says what it has.
os.environ["TERM"] = "xterm-256color"

LEAK_PATIENCE = 5.0
"""Seconds that what a test started may take to end after it."""


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test whose threads are alive or whose sockets and pipes are open soon after it.

    Autouse and of function scope: set up first, torn down after every other fixture of the test.
    """
    threads_before = set(threading.enumerate())
    channels_before = _open_channels()
    yield
    deadline = time.monotonic() + LEAK_PATIENCE
    started = set(threading.enumerate()) - threads_before
    for thread in started:
        thread.join(max(0.0, deadline - time.monotonic()))
    alive = sorted(thread.name for thread in started if thread.is_alive())
    assert not alive, f"threads still alive {LEAK_PATIENCE:.0f} s after the test: {alive}"
    if _open_channels() - channels_before:
        gc.collect()
    left_open = _open_channels() - channels_before
    assert not left_open, f"sockets or pipes still open after the test: {sorted(left_open)}"


def _open_channels() -> set[tuple[int, str, int]]:
    """Give the open sockets, pipes and selectors of this process as (number, kind, inode).

    Plain files are left out: libraries open some at first use and keep them, by right.
    """
    channels = set()
    for number in map(int, os.listdir("/dev/fd")):
        try:
            status = os.fstat(number)
        except OSError:  # the listing's own descriptor
            continue
        if stat.S_ISSOCK(status.st_mode):
            channels.add((number, "socket", status.st_ino))
        elif stat.S_ISFIFO(status.st_mode):
            channels.add((number, "pipe", status.st_ino))
        elif stat.S_IFMT(status.st_mode) == 0:
            channels.add((number, "selector", status.st_ino))
    return channels


@pytest.fixture
def require_program() -> Callable[[str], Path]:
    """Give a function from a program's name to its path.

    Where the program is missing, the test skips on a developer's machine and fails where CI=true:
    there everything is installed, and a silent skip would be a test that nobody runs.
    """

    def find(name: str) -> Path:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
        reason = f"the program {name!r} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI has to have it")
        pytest.skip(reason)

    return find

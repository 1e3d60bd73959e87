"""The end of the terminal is the end of the client, whatever the client is doing.

When a window is closed, Textual's writer dies of the first write, and its event loop blocks for
ever once the queue to the writer is full, while its input thread spins on a file that has ended.
"""

from __future__ import annotations

import asyncio
import select
import signal
from collections.abc import Callable
from threading import Thread
from types import FrameType
from typing import Final

_EXIT_TIMEOUT: Final = 3
"""Seconds in which the event loop has to bring the end about; then the kernel does."""


def exit_on_hangup(terminal: int, leave: Callable[[], None]) -> None:
    """Call `leave` in the event loop at SIGTERM and SIGHUP, and when the terminal hangs up.

    Main thread, within the running loop. `terminal`: the file number of the keyboard. Whoever
    waited for the end calls `cancel_exit_alarm` then.
    """
    loop = asyncio.get_running_loop()

    def end(number: int = 0, frame: FrameType | None = None) -> None:
        # The default action of SIGALRM needs no Python: it works also while the loop is blocked.
        signal.alarm(_EXIT_TIMEOUT)
        loop.call_soon_threadsafe(leave)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    Thread(target=_wait_for_hangup, args=(terminal, end), name="terminal", daemon=True).start()


def cancel_exit_alarm() -> None:
    """The end has come in time."""
    signal.alarm(0)


def _wait_for_hangup(terminal: int, end: Callable[[], None]) -> None:
    """In a thread of its own; without asking for input, `poll` tells of nothing but the end."""
    poller = select.poll()
    poller.register(terminal, 0)
    if any(events & select.POLLHUP for _, events in poller.poll()):
        end()

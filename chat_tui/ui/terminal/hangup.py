"""Exit of the client when its terminal is closed, whatever the client is doing.

When a terminal window is closed, Textual's writer thread ends at the first write. Its event loop
then blocks for ever once the queue to the writer is full, and its input thread spins on a file that
has ended.
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
"""Seconds that the event loop has to end the client; then SIGALRM kills it."""

_CLEANUP_TIMEOUT: Final = 15
"""Seconds that the process has after the event loop, to stop its server and to end its threads."""


def exit_on_hangup(terminal: int, leave: Callable[[], None]) -> None:
    """Call `leave` in the event loop at SIGTERM and SIGHUP, and when the terminal hangs up.

    Call it in the main thread, within the running loop. `terminal` is the file descriptor of the
    keyboard. The caller calls `extend_exit_alarm` once the loop has ended.
    """
    loop = asyncio.get_running_loop()

    def end(number: int = 0, frame: FrameType | None = None) -> None:
        # The default action of SIGALRM runs no Python code: it works even if the loop is blocked.
        signal.alarm(_EXIT_TIMEOUT)
        loop.call_soon_threadsafe(leave)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    Thread(target=_wait_for_hangup, args=(terminal, end), name="terminal", daemon=True).start()


def extend_exit_alarm() -> None:
    """Give the process more time after a hangup or a signal: the event loop has ended.

    Nothing may keep it for ever, for example a thread that Python waits for at its exit.
    """
    if signal.alarm(0):
        signal.alarm(_CLEANUP_TIMEOUT)


def _wait_for_hangup(terminal: int, end: Callable[[], None]) -> None:
    """Block until the terminal hangs up, in a thread of its own.

    Without requested events, `poll` reports only errors and the hangup.
    """
    poller = select.poll()
    poller.register(terminal, 0)
    if any(events & select.POLLHUP for _, events in poller.poll()):
        end()

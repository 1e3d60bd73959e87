"""Stacks of all threads on SIGUSR1, to diagnose a server that hangs or is slow."""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
import traceback
from contextlib import suppress
from typing import Final

_MAX_FAULTHANDLER_THREADS: Final = 100
"""Threads that faulthandler shows, the youngest first. With so many clients it may omit the thread
that all the others wait for."""


def dump_on_signal() -> None:
    """Write the stacks to standard error on SIGUSR1 and on a crash. Main thread, at the start.

    faulthandler does it in C at the moment of the signal, so it works while everything hangs. The
    signal also reaches the wakeup pipe of the main thread, which then calls `dump_remaining`.
    """
    with suppress(AttributeError, OSError, ValueError):  # no such signal, or no standard error
        file = sys.stderr.fileno()
        faulthandler.enable(file)
        signal.signal(signal.SIGUSR1, lambda *_: None)
        faulthandler.register(signal.SIGUSR1, file, chain=True)


def dump_remaining() -> None:
    """Write all stacks with thread names if there are too many threads for faulthandler."""
    frames = sys._current_frames()
    if len(frames) <= _MAX_FAULTHANDLER_THREADS or sys.stderr is None:
        return
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    lines = [f"All {len(frames)} threads by name:"]
    for number, frame in frames.items():
        lines.append(
            f"\nThread {number:#018x} {names.get(number, '?')!a} (most recent call first):"
        )
        for caller, line in traceback.walk_stack(frame):
            code = caller.f_code
            lines.append(f'  File "{code.co_filename}", line {line} in {code.co_name}')
    with suppress(OSError, ValueError):
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()

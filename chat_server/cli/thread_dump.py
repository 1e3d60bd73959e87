"""Stacks of all threads on SIGUSR1, to diagnose a server that hangs or is slow.

`faulthandler.register` would walk the frames of running threads from a signal handler, without the
interpreter's lock: on a busy server that crashes the process. Here the signal is blocked in every
thread, and one thread waits for it with `sigwait`. That thread holds the interpreter's lock while
it reads frames, so no frame changes under it. It does not depend on the main thread, on a lock of
the server or on its log, so it works while those hang. It does not work while a C function holds
the interpreter's lock; docs/operating.md names the tools for that.
"""

from __future__ import annotations

import faulthandler
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import FrameType
from typing import Final

from chat_server.escape import one_line
from chat_server.standard_streams import write_all

_MAX_FRAMES: Final = 64
"""Most frames of one stack, the most recent ones. The server itself needs fewer than 20."""

_MAX_STACKS: Final = 100
"""Most different stacks in a dump. Threads that wait at the same place share one."""

_MAX_NAMES: Final = 8
"""Most names of threads that share a stack."""

_PAUSE_FACTOR: Final = 4
"""The pause after a dump is this many times as long as the dump took. Signals that arrive meanwhile
result in one dump, so that a flood of them takes at most a fifth of the interpreter's time."""

_Location = tuple[str, int, str]
"""File, line and function of a frame."""


@dataclass(slots=True)
class _Stack:
    """A stack, the most recent call first, and the names of the threads that have it."""

    frames: tuple[_Location, ...]
    threads: list[str] = field(default_factory=list)


def dump_on_signal(log_format: str) -> None:
    """Write the stacks to standard error on each SIGUSR1, and on a crash. Main thread.

    Call it before any other thread starts: a thread inherits the blocked signal. A signal that
    arrives before the server is ready is not lost. `log_format`: one of `FORMATS`. Raises
    `RuntimeError` if the system refuses a thread.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    # A signal that the parent process ignored would not become pending on every system.
    signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        number = sys.stderr.fileno()
        faulthandler.enable(number)
    except (AttributeError, OSError, ValueError):  # no standard error; the signal does nothing
        return
    threading.Thread(
        target=_dump_forever, args=(number, log_format), name="thread dump", daemon=True
    ).start()


def _dump_forever(number: int, log_format: str) -> None:
    while True:
        signal.sigwait({signal.SIGUSR1})
        started = time.monotonic()
        stacks = _stacks(sys._current_frames())
        dump = _as_json(stacks) if log_format == "json" else _as_text(stacks)
        with suppress(OSError):  # the terminal was closed, or the disk is full
            write_all(number, dump.encode("ascii", "backslashreplace"))
        time.sleep(_PAUSE_FACTOR * (time.monotonic() - started))


def _stacks(frames: Mapping[int, FrameType]) -> list[_Stack]:
    """Return the different stacks, the one of most threads last."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    stacks: dict[tuple[_Location, ...], _Stack] = {}
    for ident, frame in frames.items():
        if ident == threading.get_ident():
            continue
        key = tuple(_locations(frame))
        stacks.setdefault(key, _Stack(key)).threads.append(names.get(ident, f"{ident:#x}"))
    return sorted(stacks.values(), key=lambda stack: len(stack.threads))


def _locations(frame: FrameType | None) -> Iterator[_Location]:
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return
        code = frame.f_code
        yield code.co_filename, frame.f_lineno or code.co_firstlineno, code.co_name
        frame = frame.f_back


def _as_text(stacks: list[_Stack]) -> str:
    lines = [f"{datetime.now():%Y-%m-%d %H:%M:%S} {_title(stacks)}, most recent call first:"]
    for stack in stacks[:_MAX_STACKS]:
        count = len(stack.threads)
        names = ", ".join(map(repr, stack.threads[:_MAX_NAMES]))
        more = f" and {count - _MAX_NAMES} more" if count > _MAX_NAMES else ""
        lines.append(f"{'1 thread' if count == 1 else f'{count} threads'}: {names}{more}")
        lines += (f'  File "{file}", line {line} in {name}' for file, line, name in stack.frames)
    if len(stacks) > _MAX_STACKS:
        lines.append(f"{len(stacks) - _MAX_STACKS} more stacks are not shown")
    lines.append("End of the stacks")
    return "".join(f"{one_line(line)}\n" for line in lines)


def _as_json(stacks: list[_Stack]) -> str:
    """Return the dump as one line, like an event of the log."""
    held = {
        "time": datetime.now().astimezone().isoformat(timespec="milliseconds"),
        "level": "info",
        "event": "thread_dump",
        "message": _title(stacks),
        "stacks": [
            {
                "count": len(stack.threads),
                "threads": stack.threads[:_MAX_NAMES],
                "frames": [f"{file}:{line} {name}" for file, line, name in stack.frames],
            }
            for stack in stacks[:_MAX_STACKS]
        ],
    }
    return json.dumps(held).replace("\x7f", "\\u007f") + "\n"


def _title(stacks: list[_Stack]) -> str:
    return f"Stacks of {sum(len(stack.threads) for stack in stacks)} threads"

"""The output of a child process, bounded in bytes and in time."""

from __future__ import annotations

import os
import selectors
import time
from subprocess import Popen, TimeoutExpired

_CHUNK = 4096


class OutputTooLongError(Exception):
    """The process has printed more than it may."""


def read_output(process: Popen[bytes], max_bytes: int, timeout: float) -> tuple[bytes, bytes]:
    """Return what the process prints on its two pipes until it ends. Blocks.

    Raises `OutputTooLongError` after `max_bytes` on either pipe, and `TimeoutExpired`. The caller
    ends the process then.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    deadline = time.monotonic() + timeout
    printed = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for pipe in printed:
            selector.register(pipe, selectors.EVENT_READ, pipe)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready and time.monotonic() >= deadline:
                raise TimeoutExpired(process.args, timeout)
            for key, _ in ready:
                data = os.read(key.fd, _CHUNK)
                if not data:
                    selector.unregister(key.fd)
                printed[key.data] += data
                if len(printed[key.data]) > max_bytes:
                    raise OutputTooLongError
    process.wait(max(0.0, deadline - time.monotonic()))
    return bytes(printed[process.stdout]), bytes(printed[process.stderr])

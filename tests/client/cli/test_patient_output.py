"""Output to a pipe that another program made non-blocking is complete."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
import threading

from tests.support.wait_until import until

WRITER = """
import sys
from chat_tui.cli import use_patient_output
use_patient_output()
for number in range(100_000):
    print("line", number)
sys.stdout.flush()
print("the end", file=sys.stderr)
"""


def _unread(reader: int) -> int:
    """Return the number of bytes in a pipe."""
    (size,) = struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, bytes(4)))
    return int(size)


def test_slow_reader_of_non_blocking_pipe_gets_everything() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen([sys.executable, "-c", WRITER], stdout=writer, stderr=writer) as program:
        os.close(writer)
        chunks: list[bytes] = []

        def read() -> None:
            while chunk := os.read(reader, 4096):
                chunks.append(chunk)

        # The pipe holds 64 KiB. It is full before anything is read.
        until(lambda: _unread(reader) > 60_000 or program.poll() is not None, "the pipe is full")
        thread = threading.Thread(target=read)
        thread.start()
        assert program.wait(timeout=60) == 0
        thread.join()
    os.close(reader)
    lines = b"".join(chunks).decode().splitlines()
    assert lines == [*(f"line {number}" for number in range(100_000)), "the end"]

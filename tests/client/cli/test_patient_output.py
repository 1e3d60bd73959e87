"""Output to a pipe that another program made non-blocking is complete."""

from __future__ import annotations

import os
import select
import subprocess
import sys
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


def _is_full(writer: int) -> bool:
    """Return True if a pipe takes no more. Its bytes do not show that: pages may be half used."""
    return not select.select([], [writer], [], 0)[1]


def test_slow_reader_of_non_blocking_pipe_gets_everything() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen([sys.executable, "-c", WRITER], stdout=writer, stderr=writer) as program:
        chunks: list[bytes] = []

        def read() -> None:
            while chunk := os.read(reader, 4096):
                chunks.append(chunk)

        # The pipe is full before anything is read.
        until(lambda: _is_full(writer) or program.poll() is not None, "the pipe is full")
        os.close(writer)
        thread = threading.Thread(target=read)
        thread.start()
        assert program.wait(timeout=60) == 0
        thread.join()
    os.close(reader)
    lines = b"".join(chunks).decode().splitlines()
    assert lines == [*(f"line {number}" for number in range(100_000)), "the end"]

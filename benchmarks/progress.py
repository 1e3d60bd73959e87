"""The progress report: the current step, the elapsed time and the expected time."""

from __future__ import annotations

import sys
import time


class Progress:
    """Lines on standard error. On a terminal, one line that is overwritten."""

    def __init__(self, expected_seconds: float) -> None:
        self._start = time.monotonic()
        self._expected = expected_seconds
        self._part = ""
        self._on_terminal = sys.stderr.isatty()

    def begin(self, number: int, count: int, title: str) -> None:
        """Begin a part of the benchmark."""
        self._part = f"[{number}/{count}] {title}"
        self.step("setting up")

    def step(self, what: str) -> None:
        """Report a step within the part."""
        line = (
            f"{_clock(time.monotonic() - self._start)} of about {_clock(self._expected)}  "
            f"{self._part}: {what}"
        )
        if self._on_terminal:
            sys.stderr.write(f"\r\x1b[2K{line[:110]}")
            sys.stderr.flush()
        else:
            print(line, file=sys.stderr, flush=True)

    def end(self) -> float:
        """Clear the line. Return the seconds since the start."""
        if self._on_terminal:
            sys.stderr.write("\r\x1b[2K")
        return time.monotonic() - self._start


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"

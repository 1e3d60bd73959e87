"""Standard output and error that wait if another program made them non-blocking.

A terminal or a pipe has one such flag for all programs that share it. Any of them may set it at any
time. A write to a full file then fails, and Python would lose what it held.
"""

from __future__ import annotations

import io
import select
import sys
from typing import Final

_WAIT_MILLISECONDS: Final = 1000


class _PatientFile(io.FileIO):
    """A file whose writes block, whatever its flags are."""

    def write(self, data: object, /) -> int:
        """Write some of `data`, after waiting for room. Return the number of bytes."""
        while (written := super().write(data)) is None:  # type: ignore[arg-type]
            poller = select.poll()
            poller.register(self.fileno(), select.POLLOUT)
            poller.poll(_WAIT_MILLISECONDS)
        return written


def use_patient_output() -> None:
    """Let standard output and error wait. Streams that a caller has replaced stay as they are."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not getattr(sys, f"__{name}__") or not isinstance(stream, io.TextIOWrapper):
            continue
        try:
            raw = _PatientFile(stream.fileno(), "w", closefd=False)
        except OSError:  # it is closed
            continue
        patient = io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, patient)

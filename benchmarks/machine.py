"""The machine: cores, pinning, the limit on open files, memory and CPU time of a process."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from pathlib import Path
from typing import Final

SERVER_CORE: Final = 0
LOAD_CORE: Final = 1


def can_pin() -> bool:
    """Return True if the servers and the load generator can have a core each."""
    return sys.platform == "linux" and {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0)


def pin(process: int, core: int) -> None:
    """Pin a process to a core before it starts threads. Do nothing on a machine with one core."""
    if sys.platform == "linux" and can_pin():
        os.sched_setaffinity(process, {core})


def raise_file_limit() -> int:
    """Raise the limit on open files as far as possible, also for child processes.

    Return the limit.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else sys.maxsize


def resident_bytes(process: int) -> int:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(process: int) -> float:
    """Return the CPU time of a process, user and system, in all threads.

    This is utime plus stime of proc(5), but in nanoseconds, where that file counts hundredths of a
    second. For the clock id of a process on Linux, see clock_getcpuclockid(3).
    """
    return time.clock_gettime(~process << 3 | 2)


def describe() -> str:
    """Return cores, processor, memory, kernel and Python version in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {platform.system()} "
        f"{platform.release()}, {platform.python_implementation()} {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

"""What this machine admits: threads and memory. Reads and never changes anything."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_CGROUPS: Final = Path("/sys/fs/cgroup")
_OWN_GROUP: Final = Path("/proc/self/cgroup")
_KERNEL: Final = Path("/proc/sys/kernel")


class Ceiling(NamedTuple):
    """A limit: how much, and what sets it."""

    most: int
    what: str


def thread_ceiling() -> Ceiling | None:
    """The lowest limit on threads, or None where none is known. It may be shared with others."""
    ceilings = [
        *_numbers(_own_cgroups("pids.max"), "the control group (TasksMax= in systemd)"),
        *_numbers([_KERNEL / "threads-max"], "the kernel (kernel.threads-max)"),
        *_numbers([_KERNEL / "pid_max"], "the kernel (kernel.pid_max)"),
    ]
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if soft != resource.RLIM_INFINITY and os.geteuid() != 0:  # it does not bind root
        ceilings.append(Ceiling(soft, "the limit on processes (ulimit -u)"))
    return min(ceilings, default=None)


def memory_ceiling() -> Ceiling | None:
    """The memory in bytes that there is, or None where that is not known."""
    ceilings = _numbers(_own_cgroups("memory.max"), "the control group (MemoryMax= in systemd)")
    with suppress(OSError, ValueError):
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        ceilings.append(Ceiling(pages, "this machine"))
    return min(ceilings, default=None)


def _own_cgroups(name: str) -> Iterator[Path]:
    """The file `name` of this process's control group and of all above it (version 2)."""
    try:
        lines = _OWN_GROUP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("0::/"):
            group = _CGROUPS / line.removeprefix("0::/")
            while group.is_relative_to(_CGROUPS):
                yield group / name
                group = group.parent


def _numbers(files: Iterator[Path] | list[Path], what: str) -> list[Ceiling]:
    found = []
    for file in files:
        with suppress(OSError, ValueError):  # not there, or "max"
            found.append(Ceiling(int(file.read_text()), what))
    return found

"""What this machine admits: threads and memory. Reads and never changes anything."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_CGROUPS: Final = Path("/sys/fs/cgroup")
_SELF_CGROUP: Final = Path("/proc/self/cgroup")
_KERNEL_LIMITS: Final = Path("/proc/sys/kernel")


class ResourceLimit(NamedTuple):
    """A limit: how much, and what sets it."""

    value: int
    source: str


def thread_limit() -> ResourceLimit | None:
    """The lowest limit on threads, or None where none is known. It may be shared with others."""
    ceilings = [
        *_read_limits(_cgroup_files("pids.max"), "the control group (TasksMax= in systemd)"),
        *_read_limits([_KERNEL_LIMITS / "threads-max"], "the kernel (kernel.threads-max)"),
        *_read_limits([_KERNEL_LIMITS / "pid_max"], "the kernel (kernel.pid_max)"),
    ]
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if soft != resource.RLIM_INFINITY and os.geteuid() != 0:  # it does not bind root
        ceilings.append(ResourceLimit(soft, "the limit on processes (ulimit -u)"))
    return min(ceilings, default=None)


def memory_limit() -> ResourceLimit | None:
    """The memory in bytes that there is, or None where that is not known."""
    ceilings = _read_limits(
        _cgroup_files("memory.max"), "the control group (MemoryMax= in systemd)"
    )
    with suppress(OSError, ValueError):
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        ceilings.append(ResourceLimit(pages, "this machine"))
    return min(ceilings, default=None)


def _cgroup_files(name: str) -> Iterator[Path]:
    """The file `name` of this process's control group and of all above it (version 2)."""
    try:
        lines = _SELF_CGROUP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("0::/"):
            group = _CGROUPS / line.removeprefix("0::/")
            while group.is_relative_to(_CGROUPS):
                yield group / name
                group = group.parent


def _read_limits(files: Iterator[Path] | list[Path], source: str) -> list[ResourceLimit]:
    found = []
    for file in files:
        with suppress(OSError, ValueError):  # not there, or "max"
            found.append(ResourceLimit(int(file.read_text()), source))
    return found

"""Limits of this machine and of this process: open files, threads and memory."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from chat_server.config import MAX_CLIENTS, RESERVED_FILES

_CGROUPS: Final = Path("/sys/fs/cgroup")
_SELF_CGROUP: Final = Path("/proc/self/cgroup")
_KERNEL_LIMITS: Final = Path("/proc/sys/kernel")


class ResourceLimit(NamedTuple):
    """The value of a limit and its source."""

    value: int
    source: str


def raise_file_limit(max_clients: int | None) -> None:
    """Raise the soft limit on open files of this process to what `max_clients` need, if possible.

    None: what the default of `Config.max_clients` needs at most. Call it before a `Config` is
    created, which derives that default from the limit. Never lower the limit, and never fail.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = (MAX_CLIENTS if max_clients is None else max_clients) + RESERVED_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    # Some systems enforce a lower bound than the hard limit that they report, and a user may
    # request more than the system call can express. The soft limit then stays as it was.
    with suppress(OSError, ValueError, OverflowError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, raised), hard))


def thread_limit() -> ResourceLimit | None:
    """Return the lowest limit on threads, or None if none is known. Others may share it."""
    limits = [
        *_read_limits(_cgroup_files("pids.max"), "the control group (TasksMax= in systemd)"),
        *_read_limits([_KERNEL_LIMITS / "threads-max"], "the kernel (kernel.threads-max)"),
        *_read_limits([_KERNEL_LIMITS / "pid_max"], "the kernel (kernel.pid_max)"),
    ]
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if soft != resource.RLIM_INFINITY and os.geteuid() != 0:  # does not apply to root
        limits.append(ResourceLimit(soft, "the limit on processes (ulimit -u)"))
    return min(limits, default=None)


def memory_limit() -> ResourceLimit | None:
    """Return the available memory in bytes, or None if it is unknown."""
    limits = _read_limits(_cgroup_files("memory.max"), "the control group (MemoryMax= in systemd)")
    with suppress(OSError, ValueError):
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        limits.append(ResourceLimit(pages, "this machine"))
    return min(limits, default=None)


def _cgroup_files(name: str) -> Iterator[Path]:
    """Yield the file `name` of this process's control group and of all its parents (version 2)."""
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
        with suppress(OSError, ValueError):  # does not exist, or is "max"
            found.append(ResourceLimit(int(file.read_text()), source))
    return found

"""A small file system of its own, which a test can fill."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MIB = 1 << 20


class SmallDisk:
    """A mounted file system in memory."""

    def __init__(self, folder: Path, size: int) -> None:
        """Mount it at `folder`, which exists. `size` in bytes. Raises `OSError`."""
        self.folder = folder
        self._filler = folder / "filler"
        self._run("mount", "-t", "tmpfs", "-o", f"size={size},uid={os.geteuid()}", "none")

    def free(self) -> int:
        """Return the free bytes."""
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Fill it but for `leave` bytes."""
        with self._filler.open("ab") as file:
            while (wanted := self.free() - leave) > 0:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, wanted)
                except OSError as error:
                    if error.errno != errno.ENOSPC:  # the server has written meanwhile
                        raise

    def clear(self) -> None:
        """Free what `fill` has taken."""
        self._filler.unlink()

    def make_read_only(self) -> None:
        """Let no file on it be written."""
        self._run("mount", "-o", "remount,ro", "none")

    def unmount(self) -> None:
        """Unmount it, also while it is in use."""
        self._run("umount", "--lazy")

    def _run(self, *command: str) -> None:
        sudo = () if os.geteuid() == 0 else ("sudo", "-n")
        done = subprocess.run(
            [*sudo, *command, str(self.folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise OSError(done.stderr.strip())


MakeDisk = Callable[[int], SmallDisk]


@pytest.fixture
def make_disk(tmp_path: Path) -> Iterator[MakeDisk]:
    """Return a function that mounts a disk of so many bytes. All are unmounted after the test.

    Without the right to mount, the test is skipped on a developer's machine and fails if CI=true.
    """
    mounted: list[SmallDisk] = []

    def make(size: int) -> SmallDisk:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        try:
            disk = SmallDisk(folder, size)
        except OSError as error:
            reason = f"cannot mount a file system: {error}"
            if os.environ.get("CI") == "true":
                pytest.fail(f"{reason}, and CI must be able to")
            pytest.skip(reason)
        mounted.append(disk)
        return disk

    yield make
    for disk in mounted:
        disk.unmount()

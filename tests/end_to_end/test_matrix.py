"""`.ci/matrix`: it checks what it needs, reports each entry in one line and leaves no mounts."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.project import PROJECT

FAILING_DEBOOTSTRAP = """\
#!/bin/sh
mkdir -p "$3" && mount -t tmpfs left-by-debootstrap "$3" && echo "mounted $3"
echo "E: no such mirror" >&2
exit 1
"""

VENV_OF_PROGRAMS_THAT_DO_NOTHING = """\
#!/bin/sh
mkdir -p .venv/bin
for name in python uv; do cp /bin/true .venv/bin/$name; done
"""


class MatrixHarness:
    """A copy of the script in a repository of its own, and a debootstrap that fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "matrix"
        self.checkout = folder / "checkout"
        self._programs = folder / "programs"
        shutil.copytree(PROJECT / ".ci", self.checkout / ".ci")
        for name in ("pyproject.toml", "file"):
            (self.checkout / name).write_text("committed")
        identity = ("-c", "user.name=x", "-c", "user.email=x@localhost")
        for command in (("init",), ("add", "."), (*identity, "commit", "-m", "tests: Begin")):
            subprocess.run(["git", *command], cwd=self.checkout, check=True, capture_output=True)

    def add_program(self, name: str, script: str) -> None:
        """Put a program at the front of the PATH."""
        self._programs.mkdir(exist_ok=True)
        (self._programs / name).write_text(script)
        (self._programs / name).chmod(0o755)

    def run(
        self, *entries: str, user: int | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the script for these entries."""
        path = f"{self._programs}:{os.environ['PATH']}"
        return subprocess.run(
            [self.checkout / ".ci" / "matrix", *entries],
            env={**os.environ, "PATH": path, "MATRIX": str(self.folder), **variables},
            user=user,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=50,
        )


@pytest.fixture
def matrix(short_folder: Path, require_program: Callable[[str], Path]) -> MatrixHarness:
    """Return the harness, in a folder that every user may enter."""
    require_program("git")
    short_folder.chmod(0o755)
    return MatrixHarness(short_folder)


def test_matrix_rejects_unknown_entry_before_any_work(matrix: MatrixHarness) -> None:
    done = matrix.run("lowest", "jessie")
    assert done.returncode == 2
    assert done.stderr == (
        "matrix: unknown entry 'jessie'. The entries are: trixie, forky, lowest\n"
    )
    assert not matrix.folder.exists()


def test_matrix_without_root_says_so_in_one_line(matrix: MatrixHarness) -> None:
    nobody = 65534 if os.geteuid() == 0 else None
    done = matrix.run("trixie", user=nobody)
    assert done.returncode == 2
    assert done.stderr.startswith("matrix: trixie needs root: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_failed_entries_are_reported_and_leave_no_mounts(matrix: MatrixHarness) -> None:
    matrix.add_program("debootstrap", FAILING_DEBOOTSTRAP)
    done = matrix.run("trixie", "forky")
    assert done.returncode == 1
    results = [line for line in done.stdout.splitlines() if ": running" not in line]
    assert [line.rpartition(", ")[0] for line in results] == [
        f"{name}: not started: FAILED, see {matrix.folder}/{name}.log"
        for name in ("trixie", "forky")
    ]
    log = (matrix.folder / "trixie.log").read_text()
    assert log.endswith(f"mounted {matrix.folder}/trixie.unfinished\nE: no such mirror\n")
    assert "left-by-debootstrap" not in Path("/proc/mounts").read_text()


def test_matrix_tests_changed_tracked_files_with_lowest_versions(matrix: MatrixHarness) -> None:
    matrix.add_program("chosen-python", VENV_OF_PROGRAMS_THAT_DO_NOTHING)
    (matrix.checkout / "file").write_text("changed, not committed")
    done = matrix.run("lowest", LOWEST_PYTHON="chosen-python", COMMAND="cat file")
    assert done.returncode == 0, (matrix.folder / "lowest.log").read_text()
    assert done.stdout.splitlines()[-1].startswith("lowest: , lowest dependencies: passed, ")
    assert (matrix.folder / "lowest.log").read_text().endswith("changed, not committed")
    assert (matrix.checkout / "file").read_text() == "changed, not committed"

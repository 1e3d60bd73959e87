"""The two programs in C: in Python, they would be slower than the servers that they measure."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.errors import BenchmarkError

SOURCES: Final = Path(__file__).parent / "native"


class Programs(NamedTuple):
    """The paths of the compiled programs."""

    load: Path
    ceiling: Path


def compile_programs(folder: Path) -> Programs:
    """Compile into `folder`. Raise `BenchmarkError` without a compiler, or if it fails."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchmarkError(
            "cannot compile the load generator: no C compiler (cc). "
            "On Debian or Ubuntu: sudo apt install gcc libc6-dev"
        )
    programs = Programs(folder / "load", folder / "ceiling")
    ceiling = SOURCES / "ceiling.c"
    load = sorted(source for source in SOURCES.glob("*.c") if source != ceiling)
    _compile(compiler, load, programs.load)
    _compile(compiler, [ceiling], programs.ceiling)
    return programs


def _compile(compiler: str, sources: list[Path], program: Path) -> None:
    command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"cc cannot compile {program.name}:\n{done.stderr.strip()}")

"""The two programs in C: a Python one would be slower than the servers that it measures."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.errors import BenchmarkError

SOURCES: Final = Path(__file__).parent / "native"


class Programs(NamedTuple):
    """Where the compiled programs are."""

    load: Path
    ceiling: Path


def compile_programs(folder: Path) -> Programs:
    """Compile into `folder`. Raises `BenchmarkError` where there is no compiler, or it fails."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchmarkError(
            "the load generator is written in C, and there is no C compiler (cc); "
            "on Debian or Ubuntu: sudo apt install gcc libc6-dev"
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
        raise BenchmarkError(f"cc could not make {program.name}:\n{done.stderr.strip()}")

"""The sources in C: they compile without a warning and include each other without a cycle."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from benchmarks.native import SOURCES

WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wmissing-prototypes", "-Werror")


@pytest.mark.parametrize("source", sorted(SOURCES.glob("*.c")), ids=lambda source: source.name)
def test_c_source_compiles_without_warnings(
    source: Path, require_program: Callable[[str], Path], tmp_path: Path
) -> None:
    compiler = str(require_program("cc"))
    # The compiler finds some faults only when it optimises.
    command = [compiler, "-O2", *WARNINGS, "-c", str(source), "-o", str(tmp_path / "object")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


def test_c_sources_include_each_other_without_a_cycle() -> None:
    # A module is a .c file and its header. -Wmissing-prototypes above makes the headers complete.
    uses: dict[str, set[str]] = {}
    for source in SOURCES.glob("*.[ch]"):
        included = set(re.findall(r'#include "(\w+)\.h"', source.read_text(encoding="utf-8")))
        uses.setdefault(source.stem, set()).update(included - {source.stem})
    order = list(TopologicalSorter(uses).static_order())  # raises `CycleError` at a cycle
    assert order[0] in {"state", "ceiling"}
    assert order.index("sockets") < order.index("login") < order.index("verify")

"""The modules that a piece of code loads."""

from __future__ import annotations

import os
import subprocess
import sys


def modules_after(code: str) -> set[str]:
    """Run `code` in a fresh interpreter and return the names of all modules that it loaded.

    `make coverage` measures child processes. This one is left out: coverage loads modules, too.
    """
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint('--')\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=30,
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("--\n")[2].split())

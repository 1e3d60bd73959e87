"""Older revisions of the server, to compare it with."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.servers import PROJECT


def check_out(bench: Bench, revision: str) -> Path | None:
    """Return a folder with the server of a revision, or None with a warning if git has none."""
    folder = bench.folder / revision
    archive = bench.folder / f"{revision}.tar"
    command = ["git", "archive", "--output", str(archive), revision, "chat_server"]
    try:
        subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        bench.warn(f"no comparison with revision {revision}: git does not have it here")
        return None
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    return folder

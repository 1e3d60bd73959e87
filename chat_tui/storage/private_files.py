"""Files with mode 0600, written atomically, and file names that are safe everywhere."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

_MAX_READABLE: Final = 32
"""Characters of a name that its file name keeps in readable form."""


def file_stem(name: str) -> str:
    """Return a file name without extension for `name`, which may be any text.

    The result is a readable part and a hash. Different names give different results, even on a
    file system that ignores case or Unicode composition. No result is hidden, too long, a device
    (`CON`) or a path (`..`).
    """
    readable = re.sub("[^a-z0-9]+", "-", name.lower())[:_MAX_READABLE].strip("-")
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{readable}-{digest}" if readable else digest


def private_folder(folder: Path) -> Path:
    """Create `folder` and its missing parents with mode 0700. Return it. Raises `OSError`."""
    if not folder.is_dir():
        private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_private(path: Path, text: str) -> None:
    """Write a file atomically with mode 0600, and create its folder. Raises `OSError`.

    Lone surrogates are kept: read the file with `errors="surrogatepass"`.
    """
    private_folder(path.parent)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")  # mode 0600
    try:
        with open(number, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise

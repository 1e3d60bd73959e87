"""Files that are for nobody else's eyes: written whole or not at all, under names safe anywhere."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

_MAX_READABLE: Final = 32
"""Most characters of a name that are recognisable in the name of its file."""


def file_stem(name: str) -> str:
    """The name of a file for whatever is called `name`, without an ending; any text will do.

    Different names give different stems, also where a file system does not tell capitals or
    compositions apart, and none is hidden, too long, a device (`CON`) or a way out (`..`): a part
    that can be read, and one that tells it from all others.
    """
    readable = re.sub("[^a-z0-9]+", "-", name.lower())[:_MAX_READABLE].strip("-")
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{readable}-{digest}" if readable else digest


def private_folder(folder: Path) -> Path:
    """`folder`, made with all above it that was missing, for us alone. Raises `OSError`."""
    if not folder.is_dir():
        private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_private(path: Path, text: str) -> None:
    """Write a file, mode 0600, whole or not at all; its folder is made. Raises `OSError`.

    Lone surrogates are kept: read it with `errors="surrogatepass"`.
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

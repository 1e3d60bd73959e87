"""Files with mode 0600: regular files only, bounded reads, atomic writes, and safe names."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

_MAX_READABLE: Final = 32
"""Characters of a name that its file name keeps in readable form."""

_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
)


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


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file and return its descriptor. A new file gets mode 0600.

    Never blocks: opening a FIFO would wait for its other end, and reading a device may never end.
    Raises `OSError` whose `strerror` names the kind if the file is not a regular one.
    """
    with suppress(FileNotFoundError):
        _require_regular(path, os.stat(path))
    number = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o600)
    try:
        _require_regular(path, os.fstat(number))  # another program may have replaced it
    except OSError:
        os.close(number)
        raise
    return number


def _require_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), "a device")
        raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Return the content of a regular file.

    Raises `OSError` if it is missing, unreadable, not a regular file or larger than `max_bytes`.
    """
    with open(open_regular(path, os.O_RDONLY), "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {max_bytes >> 20} MiB", str(path))
    return data


def append_private(path: Path, data: bytes) -> None:
    """Append all of `data` or nothing, so that a full disk leaves no partial line.

    Creates the file with mode 0600, and its folder. Raises `OSError`.
    """
    private_folder(path.parent)
    number = open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        before = os.fstat(number).st_size
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(number, view) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(number, before)
            raise
    finally:
        os.close(number)


def write_private(path: Path, text: str) -> None:
    """Write a file atomically with mode 0600, and create its folder. Raises `OSError`.

    Lone surrogates are kept: read the file with `errors="surrogatepass"`. Anything else than a
    regular file at `path` is left alone: that is an error.
    """
    private_folder(path.parent)
    with suppress(FileNotFoundError):
        _require_regular(path, os.stat(path))
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")  # mode 0600
    try:
        with open(number, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise

"""The users file and its companion: what may stand in them, and what is wrong with them.

The users file is a JSON object of names and bcrypt hashes: the accounts that may log in. People
edit it by hand and earlier servers read it, which take nothing else in it: every key a name, every
value a hash. What more there is to know stands in a companion beside it, `users.more.json` for
`users.json`, made when there is something to say:

    {
      "disabled": {"eve": "$2b$12$..."},
      "created": {"alice": "2026-11-26T09:30:00Z"}
    }

An account is disabled by moving its line from the users file to "disabled", and enabled by moving
it back; by hand as well. So whoever knows only the users file, an earlier server or a backup
without the companion, takes a disabled account for a removed one, and nobody gets in who should
not. A line that stands in both is disabled. "created" is for people: nothing depends on it.

Every change is safe at every moment between the two writes, for an earlier server too: the
companion is written first where an account is disabled by the change, and the users file first
otherwise.

Changing them is the work of `users_file_changes`. Errors are one line each: they name the file, the
place in it and the cure.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chat_server.accounts.accounts import Accounts
from chat_server.accounts.file_format import (
    UsersFileError,
    add_hint,
    format_path,
    parse_companion,
    parse_users,
)
from chat_server.escape import one_line
from chat_server.files import FileVersion, file_version

SIZE_LIMIT: Final = 16 * 1024 * 1024
"""Most bytes of a users file: room for 150,000 accounts, and what a wrong file may cost."""

_MAX_READS: Final = 5
"""Most times that both files are read, where the first changes meanwhile: the next look is near."""


FileVersions = tuple[FileVersion | None, FileVersion | None]
"""Of the users file and of its companion; None where there is none."""


@dataclass(frozen=True, slots=True)
class UsersFiles:
    """Both files as they were at one moment, not yet checked."""

    path: Path
    users: bytes
    companion: bytes | None
    versions: FileVersions

    def accounts(self) -> Accounts:
        """What they say. Raises `UsersFileError`."""
        listed = parse_users(self.path, self.users)
        if self.companion is None:
            return Accounts(listed)
        disabled, created = parse_companion(companion_path(self.path), self.companion)
        for name in listed.keys() & disabled.keys():
            disabled[name] = listed[name]  # an earlier server's `users add` may have made it anew
        return Accounts(listed, disabled, created)


def companion_path(path: Path) -> Path:
    """Where the companion of the users file at `path` is: beside what a symlink there leads to."""
    target = Path(os.path.realpath(path))
    return target.parent / f"{target.stem}.more{target.suffix}"


def file_versions(path: Path) -> FileVersions:
    """Of what is at `path` now, and beside it. Never raises: what can't be seen is not there."""
    return _version_at(path), _version_at(companion_path(path))


def load(path: Path) -> UsersFiles:
    """Read both files. Raises `UsersFileError` where they can't be read."""
    beside = companion_path(path)
    tries = _MAX_READS
    while True:
        found = _read(path)
        if found is None:
            raise UsersFileError(f"{format_path(path)}: no such file; {add_hint(path)}")
        more = _read(beside)
        tries -= 1
        # Enabling writes the users file first. Old accounts with a new companion would have lost
        # whoever was enabled in between.
        if _version_at(path) == found[0] or not tries:
            break
    if more is None:
        return UsersFiles(path, found[1], None, (found[0], None))
    return UsersFiles(path, found[1], more[1], (found[0], more[0]))


def load_or_empty(path: Path) -> UsersFiles:
    """As `load`; where there is no users file yet, as if it were an empty object."""
    if os.path.exists(path):
        return load(path)
    more = _read(companion_path(path))
    if more is None:
        return UsersFiles(path, b"{}", None, (None, None))
    return UsersFiles(path, b"{}", more[1], (None, more[0]))


def read_accounts(path: Path) -> Accounts:
    """Read and check the accounts at `path`. Raises `UsersFileError`."""
    return load(path).accounts()


def insecure_files(path: Path, versions: FileVersions) -> list[tuple[Path, int]]:
    """Those of both files that others than their owner may read or write, with their modes."""
    return [
        (file, stat.S_IMODE(seen.mode))
        for file, seen in zip((path, companion_path(path)), versions, strict=True)
        if seen is not None and seen.mode & (stat.S_IRWXG | stat.S_IRWXO) & ~0o011
    ]


def _version_at(path: Path) -> FileVersion | None:
    try:
        return file_version(os.stat(path))
    except OSError:
        return None


def _read(path: Path) -> tuple[FileVersion, bytes] | None:
    """One file, and its fingerprint from before the reading; None where there is no file."""
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsersFileError(f"{format_path(path)}: {_describe_error(error)}") from None
    try:
        # Before reading: what is written while we read shows as a change at the next look.
        status = os.fstat(file)
        if stat.S_ISDIR(status.st_mode):
            raise UsersFileError(f"{format_path(path)}: is a folder; name a file in it")
        if not stat.S_ISREG(status.st_mode):
            raise UsersFileError(f"{format_path(path)}: is no regular file; name one")
        data = _read_at_most(file, SIZE_LIMIT + 1)
    except OSError as error:
        raise UsersFileError(f"{format_path(path)}: {_describe_error(error)}") from None
    finally:
        os.close(file)
    if len(data) > SIZE_LIMIT:
        raise UsersFileError(
            f"{format_path(path)}: larger than {SIZE_LIMIT} bytes, which no users file is;"
            " is it the right file?"
        )
    return file_version(status), data


def _read_at_most(file: int, size: int) -> bytes:
    chunks: list[bytes] = []
    while size > 0 and (chunk := os.read(file, min(size, 1 << 20))):
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def _describe_error(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "permission denied; make it readable for the user that runs this program"
    return one_line(error.strerror or str(error))

"""Reads the users file and its companion.

The users file is a JSON object of names and bcrypt hashes: the accounts that may log in. People
edit it by hand. Earlier servers read it and accept nothing else in it: every key is a name, every
value a hash. Everything else is in a companion file next to it: `users.more.json` for
`users.json`. It exists only if there is something to store:

    {
      "disabled": {"eve": "$2b$12$..."},
      "created": {"alice": "2026-11-26T09:30:00Z"}
    }

An account is disabled by moving its line from the users file to "disabled", and enabled by moving
it back, by hand as well. So a reader that knows only the users file, such as an earlier server or
a backup without the companion, treats a disabled account as removed and never admits it. An account
that is in both files is disabled. "created" is for people, and for the history: an account that was
created at another time is a new one, which inherits nothing.

Every change is safe at every moment between the two writes, for an earlier server too: the
companion is written first if the change disables an account, and the users file first otherwise.

`file_editor` changes the files. Each error is one line: it names the file, the place in it and what
to do.
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
from chat_server.files import FileVersion, NotRegularFileError, file_version, read_regular

SIZE_LIMIT: Final = 16 * 1024 * 1024
"""Most bytes of a users file. Room for 150,000 accounts; bounds what a wrong file may cost."""

_MAX_READS: Final = 5
"""Most attempts to read both files while the first changes. The next reload is soon."""


FileVersions = tuple[FileVersion | None, FileVersion | None]
"""Versions of the users file and of its companion; None for a file that does not exist."""


@dataclass(frozen=True, slots=True)
class UsersFiles:
    """Both files as they were at one moment, not yet parsed."""

    path: Path
    users: bytes
    companion: bytes | None
    versions: FileVersions

    def accounts(self) -> Accounts:
        """Parse the files. Raises `UsersFileError`."""
        listed = parse_users(self.path, self.users)
        if self.companion is None:
            return Accounts(listed)
        disabled, created = parse_companion(companion_path(self.path), self.companion)
        for name in listed.keys() & disabled.keys():
            disabled[name] = listed[name]  # `users add` of an earlier server may have added it
        return Accounts(listed, disabled, created)


def companion_path(path: Path) -> Path:
    """Return the path of the companion: next to the users file, or to a symlink's target."""
    target = Path(os.path.realpath(path))
    return target.parent / f"{target.stem}.more{target.suffix}"


def file_versions(path: Path) -> FileVersions:
    """Return the current versions. Never raises: a file without permission counts as missing."""
    return _version_at(path), _version_at(companion_path(path))


def load(path: Path) -> UsersFiles:
    """Read both files. Raises `UsersFileError` if they cannot be read."""
    companion = companion_path(path)
    attempts = _MAX_READS
    while True:
        users = _read(path)
        if users is None:
            raise UsersFileError(f"{format_path(path)}: no such file; {add_hint(path)}")
        more = _read(companion)
        attempts -= 1
        # To enable an account, the users file is written first. An old users file with a new
        # companion would lack an account that was enabled in between.
        if _version_at(path) == users[0] or not attempts:
            break
    if more is None:
        return UsersFiles(path, users[1], None, (users[0], None))
    return UsersFiles(path, users[1], more[1], (users[0], more[0]))


def load_or_empty(path: Path) -> UsersFiles:
    """Read both files like `load`. A missing users file counts as an empty object."""
    if os.path.exists(path):
        return load(path)
    more = _read(companion_path(path))
    if more is None:
        return UsersFiles(path, b"{}", None, (None, None))
    return UsersFiles(path, b"{}", more[1], (None, more[0]))


def read_accounts(path: Path) -> Accounts:
    """Read and parse the accounts at `path`. Raises `UsersFileError`."""
    return load(path).accounts()


def insecure_files(path: Path, versions: FileVersions) -> list[tuple[Path, int]]:
    """Return the files that users other than the owner may read or write, with their modes."""
    return [
        (file, stat.S_IMODE(version.mode))
        for file, version in zip((path, companion_path(path)), versions, strict=True)
        if version is not None and version.mode & (stat.S_IRWXG | stat.S_IRWXO) & ~0o011
    ]


def _version_at(path: Path) -> FileVersion | None:
    try:
        return file_version(os.stat(path))
    except OSError:
        return None


def _read(path: Path) -> tuple[FileVersion, bytes] | None:
    """Return the version before the read and the contents, or None if there is no file."""
    try:
        data, status = read_regular(path, SIZE_LIMIT + 1)
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise UsersFileError(f"{format_path(path)}: is a folder; name a file in it") from None
    except NotRegularFileError:
        raise UsersFileError(f"{format_path(path)}: is not a regular file; name one") from None
    except OSError as error:
        raise UsersFileError(f"{format_path(path)}: {_describe_error(error)}") from None
    if len(data) > SIZE_LIMIT:
        raise UsersFileError(
            f"{format_path(path)}: larger than {SIZE_LIMIT} bytes, the limit of a users file;"
            " is it the right file?"
        )
    return file_version(status), data


def _describe_error(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "permission denied; make it readable for the user that runs this program"
    return one_line(error.strerror or str(error))

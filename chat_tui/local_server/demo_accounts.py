"""The demo accounts of a users file, remembered until the file changes.

To find them out takes four slow hashes. The login form shows them at once if the users file is as
it was at the last start.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from chat_tui.storage import read_regular, write_private

DEMO_PASSWORD: Final = "password123"
"""The password of the demo accounts."""

NEW_DEMO_ACCOUNTS: Final = ("DPS", "alice", "bob", "carol")
"""The accounts of a users file that the client creates."""

_FILE_NAME: Final = "demo-accounts.json"

_MAX_BYTES: Final = 1 << 20

Version = list[list[int]]
"""What the file system says about the users file and its companion. It differs after a change."""


def users_file(state_folder: Path, working_folder: Path) -> Path:
    """Return the users file of a new local server."""
    users = working_folder.resolve() / "users.json"
    return users if os.path.lexists(users) else state_folder.resolve() / "users.json"


def file_version(users: Path) -> Version | None:
    """Return the version of a users file and its companion, None if there is no users file."""
    found: Version = []
    for path in (users, users.with_suffix(f".more{users.suffix}")):
        try:
            status = path.stat()
        except OSError:
            if path == users:
                return None
            continue
        found.append([status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns])
    return found


def remembered_demo_accounts(state_folder: Path, users: Path) -> tuple[str, ...] | None:
    """Return the accounts that have `DEMO_PASSWORD` in `users`, or None if that is not known.

    Those of a file that does not exist yet are known: the client creates it.
    """
    version = file_version(users)
    if version is None:
        return None if os.path.lexists(users) else NEW_DEMO_ACCOUNTS
    with suppress(OSError, ValueError, RecursionError):
        match json.loads(read_regular(state_folder / _FILE_NAME, _MAX_BYTES)):
            case {"users": str(path), "version": seen, "demo_accounts": [*names]} if (
                path == str(users)
                and seen == version
                and all(isinstance(name, str) for name in names)
            ):
                return tuple(names)
    return None


def remember_demo_accounts(
    state_folder: Path, users: Path, version: Version, names: tuple[str, ...]
) -> None:
    """Remember the demo accounts of `users`. If that fails, the next start finds them out again."""
    data = {"users": str(users), "version": version, "demo_accounts": names}
    with suppress(OSError):
        write_private(state_folder / _FILE_NAME, json.dumps(data))

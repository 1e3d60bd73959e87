"""The demo accounts: for trying the chat out on one's own machine, never for a public server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import bcrypt

from chat_server.passwords import hash_password
from chat_server.users import read_accounts
from chat_server.users_file_changes import make_accounts

DEMO_NAMES: Final = ("DPS", "alice", "bob", "carol")
"""Whose accounts they are."""

DEMO_PASSWORD: Final = "password123"
"""The password of each."""


def provide_demo_accounts(path: Path) -> tuple[str, ...]:
    """Make the users file with the demo accounts where there is none.

    Returns the names that have the demo password in the file as it is then. Takes a hash a name,
    side by side on as many cores as there are. Raises `UsersFileError`.
    """
    if not os.path.exists(path):
        with ThreadPoolExecutor(len(DEMO_NAMES)) as threads:
            hashes = threads.map(hash_password, [DEMO_PASSWORD] * len(DEMO_NAMES))
            accounts = dict(zip(DEMO_NAMES, hashes, strict=True))
        if make_accounts(path, accounts):
            return DEMO_NAMES
    return with_demo_password(read_accounts(path))


def with_demo_password(accounts: Mapping[str, str]) -> tuple[str, ...]:
    """The demo accounts in `accounts` that have the demo password. Takes a hash a name."""

    def has_it(name: str) -> bool:
        return name in accounts and bcrypt.checkpw(DEMO_PASSWORD.encode(), accounts[name].encode())

    with ThreadPoolExecutor(len(DEMO_NAMES)) as threads:
        known = threads.map(has_it, DEMO_NAMES)
        return tuple(name for name, right in zip(DEMO_NAMES, known, strict=True) if right)

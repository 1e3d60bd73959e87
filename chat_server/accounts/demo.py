"""The demo accounts: for trying the chat out on one's own machine, never for a public server."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Final

import bcrypt

from chat_server.accounts.accounts import Accounts
from chat_server.accounts.file_editor import make_accounts
from chat_server.accounts.file_reader import read_accounts
from chat_server.accounts.password_hash import hash_password

DEMO_NAMES: Final = ("DPS", "alice", "bob", "carol")
"""Whose accounts they are."""

DEMO_PASSWORD: Final = "password123"
"""The password of each."""


def create_demo_accounts(path: Path) -> tuple[str, ...]:
    """Make the users file with the demo accounts where there is none.

    Returns the demo names that have the demo password in the file as it is then. Takes a hash a
    name, side by side on as many cores as there are. Raises `UsersFileError`.
    """
    if not os.path.exists(path):
        with ThreadPoolExecutor(len(DEMO_NAMES)) as threads:
            hashes = threads.map(hash_password, [DEMO_PASSWORD] * len(DEMO_NAMES))
            accounts = dict(zip(DEMO_NAMES, hashes, strict=True))
        if make_accounts(path, accounts):
            return DEMO_NAMES
    known = accounts_with_demo_password(read_accounts(path))
    return tuple(name for name in DEMO_NAMES if name in known)


def accounts_with_demo_password(accounts: Accounts) -> tuple[str, ...]:
    """The names that may log in with the demo password: of the demo accounts, and of their copies.

    A copy is an account with the same hash. Another account is not tried, which would take a hash
    for each. Takes a hash, side by side on as many cores as there are, for each of the four
    that was not judged before. May be called from any thread; blocks for as long as a login does.
    """
    present = [name for name in DEMO_NAMES if name in accounts]
    with ThreadPoolExecutor(len(DEMO_NAMES)) as threads:
        hashes = [accounts[name] for name in present]
        judged = zip(hashes, threads.map(_is_demo_hash, hashes), strict=True)
        known = {hashed for hashed, right in judged if right}
    return tuple(
        [name for name in present if accounts[name] in known]
        + sorted(n for n, hashed in accounts.items() if hashed in known and n not in DEMO_NAMES)
    )


@lru_cache(maxsize=64)
def _is_demo_hash(hashed: str) -> bool:
    return bcrypt.checkpw(DEMO_PASSWORD.encode(), hashed.encode())

"""Demo accounts, for trying the chat out on one machine. Never for a public server."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Final

import bcrypt

from chat_server.accounts.accounts import Accounts
from chat_server.accounts.file_editor import create_accounts
from chat_server.accounts.file_reader import read_accounts
from chat_server.accounts.password_hash import hash_password

DEMO_NAMES: Final = ("DPS", "alice", "bob", "carol")
"""The names of the demo accounts."""

DEMO_PASSWORD: Final = "password123"
"""The password of every demo account."""


def create_demo_accounts(path: Path) -> tuple[str, ...]:
    """Create the users file with the demo accounts, if there is no file.

    Return the demo names that have the demo password in the file afterwards. Compute one hash per
    name, on as many cores as there are. Raises `UsersFileError`.
    """
    if not os.path.exists(path):
        with ThreadPoolExecutor(len(DEMO_NAMES)) as threads:
            hashes = threads.map(hash_password, [DEMO_PASSWORD] * len(DEMO_NAMES))
            accounts = dict(zip(DEMO_NAMES, hashes, strict=True))
        if create_accounts(path, accounts):
            return DEMO_NAMES
    known = accounts_with_demo_password(read_accounts(path))
    return tuple(name for name in DEMO_NAMES if name in known)


def accounts_with_demo_password(accounts: Accounts) -> tuple[str, ...]:
    """Return the names that may log in with the demo password: demo accounts and their copies.

    A copy is an account with the same hash. Other accounts are not checked, because each would
    take a hash. Each of the four hashes that was not checked before takes one hash, on as many
    cores as there are. Any thread may call it; it blocks as long as a login.
    """
    present = [name for name in DEMO_NAMES if name in accounts]
    with ThreadPoolExecutor(len(DEMO_NAMES)) as threads:
        hashes = [accounts[name] for name in present]
        checked = zip(hashes, threads.map(_is_demo_hash, hashes), strict=True)
        known = {hashed for hashed, is_demo in checked if is_demo}
    return tuple(
        [name for name in present if accounts[name] in known]
        + sorted(n for n, hashed in accounts.items() if hashed in known and n not in DEMO_NAMES)
    )


@lru_cache(maxsize=64)
def _is_demo_hash(hashed: str) -> bool:
    return bcrypt.checkpw(DEMO_PASSWORD.encode(), hashed.encode())

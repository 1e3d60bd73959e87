"""Accounts for the load generator: users files with thousands of names and one password."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, NamedTuple

import bcrypt

PASSWORD: Final = b"pw"
USERS: Final = 20_000
SLOW_USERS: Final = 2_000
FEW_USERS: Final = 1_000


class Accounts(NamedTuple):
    """Users files: `fast` has only hashes of cost 4, `slow` also has hashes of cost 12."""

    fast: Path
    slow: Path
    few: Path
    """The first ones of `fast`. The nodes of a cluster hold all accounts in memory and in Redis."""


SLOW_FROM: Final = 1_000
"""In the slow file, users from this number on have cost 12. The users in the room have cost 4."""


def write_accounts(folder: Path) -> Accounts:
    """Write the files. Users of one cost share a hash: thousands of hashes would take minutes."""
    cost_4, cost_12 = (bcrypt.hashpw(PASSWORD, bcrypt.gensalt(cost)).decode() for cost in (4, 12))
    names = ("fast", "slow", "few")
    accounts = Accounts(*(folder / f"users-{name}.json" for name in names))
    accounts.fast.write_text(json.dumps({user_name(n): cost_4 for n in range(USERS)}))
    slow = {user_name(n): cost_4 if n < SLOW_FROM else cost_12 for n in range(SLOW_USERS)}
    accounts.slow.write_text(json.dumps(slow))
    accounts.few.write_text(json.dumps({user_name(n): cost_4 for n in range(FEW_USERS)}))
    return accounts


def user_name(number: int) -> str:
    """Return the load generator's name for a user. All names have the same length."""
    return f"u{number:05d}"

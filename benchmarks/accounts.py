"""Accounts for the load generator: users files with thousands of names and one password."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, NamedTuple

import bcrypt

PASSWORD: Final = b"pw"
USERS: Final = 20_000
SLOW_USERS: Final = 2_000


class Accounts(NamedTuple):
    """Two users files: hashes of cost 4 throughout, or of cost 12 from a number on."""

    fast: Path
    slow: Path


SLOW_FROM: Final = 1_000
"""In the slow file, users from this number on cost 12; those who make up the room cost 4."""


def write_accounts(folder: Path) -> Accounts:
    """Write both files. All names share a hash: making thousands would take minutes."""
    cheap, dear = (bcrypt.hashpw(PASSWORD, bcrypt.gensalt(cost)).decode() for cost in (4, 12))
    accounts = Accounts(folder / "users-fast.json", folder / "users-slow.json")
    accounts.fast.write_text(json.dumps({name(n): cheap for n in range(USERS)}))
    slow = {name(n): cheap if n < SLOW_FROM else dear for n in range(SLOW_USERS)}
    accounts.slow.write_text(json.dumps(slow))
    return accounts


def name(number: int) -> str:
    """The load generator's name for a user: all have the same length."""
    return f"u{number:05d}"

"""Accounts for tests. The passwords are `pw-of-<name>`, hashed at the lowest cost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import bcrypt

PEOPLE = ("alice", "bob", "carol", "dave", "DPS")


@cache
def cheap_hash(password: str) -> str:
    """Return a hash of the password at the lowest cost. Computed once for each password."""
    """Return a hash of the password at the lowest cost. Computed once for each password."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def write_accounts_file(path: Path, people: Iterable[str] = PEOPLE) -> Path:
    """Write an accounts file and return its path."""
    path.write_text(json.dumps({name: cheap_hash(f"pw-of-{name}") for name in people}))
    path.chmod(0o600)  # the mode that the server sets; it warns of any other
    return path

"""A users file for tests of its readers and its editors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chat_server.accounts.password_hash import hash_password
from chat_server.accounts.store import AccountStore

HASH = "$2b$04$SDalwpCOKmMz0N8ica5usexBu0DwEOy82qw3Ei/qvSoDik2iU34f."
"""The hash of `password123`. Constant, because parameters of tests are made of it, and all workers
of pytest-xdist must collect the same tests."""

HASH_5 = hash_password("password123", cost=5)
OTHER_HASH = hash_password("password456", cost=4)


def write_users(users_file: Path, *names: str) -> None:
    """Replace the file by one with these accounts, as `chat-server users` does. Hash: `HASH`."""
    draft = users_file.with_name("draft")
    draft.write_text(json.dumps(dict.fromkeys(names, HASH)))
    draft.replace(users_file)


@pytest.fixture
def users_file(tmp_path: Path) -> Path:
    """Return the path of a users file that does not exist yet."""
    return tmp_path / "users.json"


@pytest.fixture
def store(users_file: Path) -> AccountStore:
    """Return the store of a users file with the accounts alice and bob."""
    write_users(users_file, "alice", "bob")
    return AccountStore(users_file)

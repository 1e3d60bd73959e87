"""Stores for the tests of the history."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_server.history import Store
from chat_server.history.memory import MemoryStore
from chat_server.history.sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """One store of each kind: tests with it describe what all stores do."""
    made: Store = (
        MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "history.db")
    )
    yield made
    made.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "history.db")
    yield made
    made.close()

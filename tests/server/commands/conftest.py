"""A server with history for the tests of the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.running_server import RunningServer, StartServer


@pytest.fixture
def kept(start_server: StartServer, tmp_path: Path) -> RunningServer:
    """Return a server with history and without a rate limit."""
    return start_server(rate=0, history=tmp_path / "chat.history.db")

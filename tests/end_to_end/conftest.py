"""A server with the demo accounts in its own process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_NAMES, DEMO_PASSWORD
from tests.support.accounts import cheap_hash
from tests.support.server_program import ServerProgram


@pytest.fixture
def server_program(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ServerProgram]:
    """Return a server with the demo accounts. An indirect parameter holds its options."""
    users = tmp_path / "demo-users.json"
    users.write_text(json.dumps(dict.fromkeys(DEMO_NAMES, cheap_hash(DEMO_PASSWORD))))
    with ServerProgram(users, *getattr(request, "param", ())) as program:
        yield program

"""Fixtures of the client's tests: a session without a screen, and the server it signs in to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.cutting_proxy import CuttingProxy
from tests.support.restartable_server import RestartableServer
from tests.support.scripted_server import ScriptedServer
from tests.support.session_harness import SessionHarness


@pytest.fixture
def harness() -> Iterator[SessionHarness]:
    """Return a session that the test drives."""
    with closing(SessionHarness()) as harness:
        yield harness


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Return a server that sends what the test writes. Some test files have another one."""
    with closing(ScriptedServer()) as server:
        yield server


@pytest.fixture
def proxy(server: RestartableServer) -> Iterator[CuttingProxy]:
    """Return a proxy to the real server of a test file, whose connections the test can break."""
    with closing(CuttingProxy(server.port)) as proxy:
        yield proxy

"""How every abuse ends: see `aftermath`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.abuse.cleanup_checks import check_server
from tests.support.running_server import RunningServer, StartServer


@pytest.fixture(name="start_server")
def start_abused_server(start_server: StartServer) -> Iterator[StartServer]:
    """As everywhere, but each server is looked over once its clients are gone, before it stops.

    A client that `RunningServer` does not know of is for the test to close; where the server can't
    see it go, the test stops the server.
    """
    running: list[RunningServer] = []

    def start(**settings: object) -> RunningServer:
        server = start_server(**settings)
        running.append(server)
        return server

    yield start
    for server in running:
        server.close_clients()
    for server in running:
        check_server(server)

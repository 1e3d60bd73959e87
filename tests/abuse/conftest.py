"""Fixtures of the abuse tests. After each test, `cleanup_checks` inspects its servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.abuse.cleanup_checks import check_server
from tests.abuse.file_limits import allow_connections
from tests.abuse.thread_switching import frequent_thread_switches
from tests.support.running_server import RunningServer, StartServer


@pytest.fixture(name="start_server")
def start_abused_server(start_server: StartServer) -> Iterator[StartServer]:
    """Return a function that starts a server, which is checked after its clients have left.

    The test closes each client that `RunningServer` does not know. If the server cannot notice that
    a client has left, the test stops the server.
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


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Let threads switch all the time during the test."""
    with frequent_thread_switches():
        yield


@pytest.fixture
def thousands_of_connections() -> Iterator[None]:
    """Let this process open both ends of 2000 connections during the test."""
    with allow_connections(2000):
        yield

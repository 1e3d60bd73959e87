"""The load generator in Python against the real server, in plain text and with TLS."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from benchmarks.accounts import write_accounts
from benchmarks.load import PYTHON_LOAD, Load, PythonClients
from benchmarks.machine import cpu_seconds
from benchmarks.native import Programs
from benchmarks.servers import LOBBY, Server, start_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load generators need epoll")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    unused = Programs(folder, folder)
    accounts = write_accounts(folder)
    with start_server(
        LOBBY, unused, accounts, folder, clients=50, pinned=False, tls=True
    ) as server:
        yield server


@pytest.fixture(params=["plain", "TLS"])
def load(request: pytest.FixtureRequest, server: Server) -> Iterator[Load]:
    encrypted = int(request.param == "TLS")
    clients = PythonClients(encrypted=encrypted, publishers=1, receivers=5, verified=1, idle=3)
    port = server.tls_port if encrypted else server.port
    with Load(PYTHON_LOAD, server, clients, pinned=False, port=port) as load:
        load.set_up()
        yield load


@pytest.mark.parametrize("window", [1, 50])
def test_python_load_delivers_every_message_to_every_receiver(load: Load, window: int) -> None:
    for _ in range(2):  # the second run continues where the first ended
        result = load.run(0.1, window)
        assert result["delivered"] > 5 * window
        assert result["delivered"] % 5 == 0


def test_python_load_reconnect_counts_connections(load: Load, server: Server) -> None:
    before = cpu_seconds(server.process.pid)
    result = load.reconnect(0.1)
    assert result["connections"] >= 8
    assert cpu_seconds(server.process.pid) - before > 0

"""TCP connections of the client: what the kernel does if the server vanishes."""

from __future__ import annotations

import socket
import sys

import pytest

from chat_tui.transport.keepalive import VANISHED_SECONDS, enable_keepalive
from chat_tui.transport.tcp_connect import TcpConnector
from tests.support.scripted_server import ScriptedServer


@pytest.mark.skipif(sys.platform != "linux", reason="the names of the options are Linux's")
def test_connection_detects_a_vanished_server_while_nothing_is_sent(
    server: ScriptedServer,
) -> None:
    connector = TcpConnector("127.0.0.1", server.port, 10.0)
    connected, _ = connector.connect(connector.resolve())
    with connected:

        def option(name: int) -> int:
            return connected.getsockopt(socket.IPPROTO_TCP, name)

        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        probing = option(socket.TCP_KEEPINTVL) * option(socket.TCP_KEEPCNT)
        assert option(socket.TCP_KEEPIDLE) + probing == VANISHED_SECONDS
        assert option(socket.TCP_USER_TIMEOUT) == VANISHED_SECONDS * 1000


@pytest.mark.parametrize("seconds", [1, 2, 7, 30, 120])
def test_keepalive_options_are_valid_for_every_time(seconds: int) -> None:
    with socket.socket() as connecting:
        enable_keepalive(connecting, seconds)
        assert connecting.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

"""The memory of input that a client over its rate has sent."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from chat_server.cli.capacity_checks import _INPUT_BYTES
from tests.support.running_server import StartServer

CLIENTS = 10


@pytest.mark.parametrize("line", [b"\n", b"x\n", b"xy\n", b"\xc3\xa9\n", b"/\n"])
def test_unread_tiny_lines_take_little_memory(start_server: StartServer, line: bytes) -> None:
    users = [f"user{number}" for number in range(CLIENTS)]
    server = start_server(rate=0.001, burst=2, byte_rate=0)
    server.add_accounts(users)
    clients = [server.log_in(user) for user in users]
    gc.collect()
    tracemalloc.start()
    try:
        for client in clients:
            # The reply to the first line shows that the server has read all of this.
            client.send_raw(b"/subs\n" + line * (60_000 // len(line)))
            client.expect("[SERVER] Subscriptions: none")
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] <= CLIENTS * _INPUT_BYTES
    finally:
        tracemalloc.stop()

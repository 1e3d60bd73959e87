"""A client that closed its sending half gets its reply, whichever thread sends it."""

from __future__ import annotations

from tests.support.running_server import RunningServer
from tests.support.wait_until import until


def test_half_closed_client_is_answered_while_other_thread_drains(
    server: RunningServer,
) -> None:
    chat = server.server
    delivery = chat._delivery
    alice = server.log_in("alice")
    with delivery._drain_lock:  # as a thread that sends messages of others
        alice.send("/who")
        alice.send_eof()
        until(
            lambda: vars(delivery._flusher._progress)["_waiters"] or chat.client_count == 0,
            "the thread of alice waits for her last line, or has ended",
        )
    delivery.drain()  # the next step of that thread
    alice.expect("[SERVER] In room 'lobby': alice")
    alice.expect_end()

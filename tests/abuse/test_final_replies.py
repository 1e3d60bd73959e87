"""What a client asked before it closed its half is answered, whoever is sending meanwhile."""

from __future__ import annotations

from tests.support.running_server import RunningServer
from tests.support.wait_until import until


def test_half_closed_client_is_answered_while_other_thread_drains(
    server: RunningServer,
) -> None:
    chat = server.server
    delivery = chat._delivery
    alice = server.log_in("alice")
    with delivery._drain_lock:  # as a thread that sends what others said
        alice.send("/who")
        alice.send_eof()
        until(
            lambda: vars(delivery._flusher_progress)["_waiters"] or chat.client_count == 0,
            "its own thread waits for the last line to go out, or does not",
        )
    delivery.drain()  # what that thread does next
    alice.expect("[SERVER] In room 'lobby': alice")
    alice.expect_end()

"""One publisher and its receivers: measure deliveries, and check that every message arrives."""

from __future__ import annotations

import select
import time
from typing import Final

from benchmarks.python_load.login import Client, LoggedIn
from benchmarks.python_load.receivers import (
    CountingReceiver,
    Receiver,
    Tally,
    VerifyingReceiver,
    text_of,
)
from chat_server.wire import TlsStream

_SETTLE_SECONDS: Final = 0.02
"""Time without data after all messages have arrived. More data would be a fault."""


class FanOut:
    """A single thread that publishes, and reads the data of all receivers."""

    def __init__(self, logged_in: LoggedIn, *, author: int, verified: int) -> None:
        """`author`: the number of the publisher. The first `verified` receivers check each line."""
        self._publisher = logged_in.publisher
        self._tally = Tally()
        self._sent = 0
        self._received = 0
        """Every receiver has got so many messages."""
        self._poll = select.epoll()
        self._receivers: dict[int, Receiver] = {}
        self._idle = logged_in.idle
        for index, client in enumerate(logged_in.receivers):
            self._poll.register(client.socket, select.EPOLLIN)
            file = client.socket.fileno()
            self._receivers[file] = self._receiver(client, author, verify=index < verified)
        self._members = tuple(self._receivers.values())
        self._expecting = {0: len(self._members)}
        """Number of receivers that expect a sequence number next."""

    def _receiver(self, client: Client, author: int, *, verify: bool) -> Receiver:
        if verify:
            return VerifyingReceiver(client.stream, author, self._tally)
        encrypted = isinstance(client.stream, TlsStream)
        return CountingReceiver(client.socket, author, self._tally, encrypted=encrypted)

    def run(self, seconds: float, window: int, timeout: float) -> dict[str, float]:
        """Publish for some seconds, at most `window` messages ahead of the slowest receiver.

        The run ends when all messages have arrived, or when none arrives for `timeout` seconds.
        """
        before = self._tally.delivered
        begun = progress_at = time.perf_counter()
        while (now := time.perf_counter()) < begun + seconds or self._received < self._sent:
            if now < begun + seconds and not self._publish(window):
                break
            if self._receive(0.05):
                progress_at = now
            elif now > progress_at + timeout:
                break
        elapsed = time.perf_counter() - begun
        delivered = self._tally.delivered - before
        while self._receive(_SETTLE_SECONDS):
            pass
        for receiver in self._members:
            receiver.finish(self._sent)
        due = self._sent * len(self._members)
        return {
            "delivered": delivered,
            "seconds": elapsed,
            "per_second": delivered / elapsed,
            "missing": max(0, due - self._tally.delivered),
            **self._tally.faults(),
        }

    def _publish(self, window: int) -> bool:
        """Fill the window. Return False if the server closed the publisher's connection."""
        assert self._publisher is not None
        end = self._received + window
        if self._sent < end:
            texts = [text_of(number) for number in range(self._sent, end)]
            try:
                self._publisher.send(b"\n".join(texts))
            except OSError:
                self._tally.closed += 1
                return False
            self._sent = end
        return True

    def _receive(self, timeout: float) -> bool:
        """Read what has arrived. Return False if nothing arrived within `timeout` seconds."""
        ready = self._poll.poll(timeout)
        expecting = self._expecting
        for file, _ in ready:
            receiver = self._receivers[file]
            before = receiver.expected
            try:
                is_open = receiver.receive()
            except (OSError, ValueError):  # the connection is broken, or the data is not TLS
                is_open = False
            if not is_open:
                self._tally.closed += 1
                self._poll.unregister(file)
            if receiver.expected != before:
                expecting[before] -= 1
                expecting[receiver.expected] = expecting.get(receiver.expected, 0) + 1
        while self._received < self._sent and not expecting.get(self._received):
            expecting.pop(self._received, None)
            self._received += 1
        return bool(ready)

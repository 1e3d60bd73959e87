"""One publisher and its receivers: what is measured, and whether everything came."""

from __future__ import annotations

import select
import time
from typing import Final

from benchmarks.python_load.entry import Client, Entered
from benchmarks.python_load.receivers import (
    CountingReceiver,
    Receiver,
    Tally,
    VerifyingReceiver,
    text_of,
)
from chat_server.wire.stream import TlsStream

_SETTLING: Final = 0.02
"""Seconds in which nothing more may come when everything has come."""


class Room:
    """One thread that writes, and reads what has come to all of the receivers."""

    def __init__(self, entered: Entered, *, author: int, verified: int) -> None:
        """`author`: the number of the publisher; the first `verified` receivers verify."""
        self._publisher = entered.publisher
        self._tally = Tally()
        self._sent = 0
        self._received = 0
        """Every receiver has got so many messages."""
        self._poll = select.epoll()
        self._receivers: dict[int, Receiver] = {}
        self._idle = entered.idle
        for place, client in enumerate(entered.receivers):
            self._poll.register(client.socket, select.EPOLLIN)
            file = client.socket.fileno()
            self._receivers[file] = self._receiver(client, author, verify=place < verified)
        self._members = tuple(self._receivers.values())
        self._at = {0: len(self._members)}
        """So many receivers expect that message next."""

    def _receiver(self, client: Client, author: int, *, verify: bool) -> Receiver:
        if verify:
            return VerifyingReceiver(client.stream, author, self._tally)
        encrypted = isinstance(client.stream, TlsStream)
        return CountingReceiver(client.socket, author, self._tally, encrypted=encrypted)

    def run(self, seconds: float, window: int, timeout: float) -> dict[str, float]:
        """Publish for so long, at most `window` messages ahead of the slowest receiver.

        Ends when everything has come, or nothing has for `timeout` seconds.
        """
        before = self._tally.delivered
        begun = progress_at = time.perf_counter()
        while (now := time.perf_counter()) < begun + seconds or self._received < self._sent:
            if now < begun + seconds and not self._publish(window):
                break
            if self._take(0.05):
                progress_at = now
            elif now > progress_at + timeout:
                break
        elapsed = time.perf_counter() - begun
        delivered = self._tally.delivered - before
        while self._take(_SETTLING):
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
        """Fill the window; False where the publisher was cut."""
        assert self._publisher is not None
        last = self._received + window
        if self._sent < last:
            texts = [text_of(number) for number in range(self._sent, last)]
            try:
                self._publisher.say(b"\n".join(texts))
            except OSError:
                self._tally.closed += 1
                return False
            self._sent = last
        return True

    def _take(self, patience: float) -> bool:
        """Read what has come; False where nothing came in so many seconds."""
        ready = self._poll.poll(patience)
        at = self._at
        for file, _ in ready:
            receiver = self._receivers[file]
            before = receiver.expected
            try:
                there = receiver.take()
            except (OSError, ValueError):  # broken, or no TLS any more
                there = False
            if not there:
                self._tally.closed += 1
                self._poll.unregister(file)
            if receiver.expected != before:
                at[before] -= 1
                at[receiver.expected] = at.get(receiver.expected, 0) + 1
        while self._received < self._sent and not at.get(self._received):
            at.pop(self._received, None)
            self._received += 1
        return bool(ready)

"""Receivers: one kind counts what comes without looking into it, the other reads every line."""

from __future__ import annotations

import re
import socket
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Final

from benchmarks.accounts import name
from benchmarks.python_load.records import Records
from chat_server.wire.stream import Stream

_TEXT: Final = 100
"""Bytes of a message's text, as in the generator in C."""

_STAMP: Final = re.compile(rb"\[\d\d:\d\d:\d\d")
_STAMP_LENGTH: Final = 9

_buffer: Final = bytearray(1 << 18)
_view: Final = memoryview(_buffer)


def text_of(sequence: int) -> bytes:
    """What the publisher says: a number, and filling as far as a sign that ends it."""
    return b"%08d " % sequence + b"x" * (_TEXT - 10) + b"$"


@dataclass
class Tally:
    """What came, and what was wrong with it, since the beginning. The names are the page's."""

    delivered: int = 0
    duplicates: int = 0
    gaps: int = 0
    malformed: int = 0
    closed: int = 0

    def faults(self) -> dict[str, int]:
        """All but what was delivered."""
        return {fault: n for fault, n in asdict(self).items() if fault != "delivered"}


class Receiver(ABC):
    """One of those who hear the publisher."""

    def __init__(self, author: int, tally: Tally) -> None:
        self._head = b"] %s: " % name(author).encode()
        self._length = _STAMP_LENGTH + len(self._head) + _TEXT + 1
        self._tally = tally
        self.expected = 0
        """Sequence number of the next message: this one's part of the stream is so long."""

    @abstractmethod
    def take(self) -> bool:
        """Read what has come, never waiting. False at the end.

        Raises `OSError` when broken, and `ValueError` where it is no TLS.
        """

    def finish(self, sent: int) -> None:  # noqa: B027  (nothing, for those who look at once)
        """See what is wrong only as a whole, now that all of `sent` messages should be here."""


class CountingReceiver(Receiver):
    """Knows how many messages have come by their bytes alone. One more or one less is noticed."""

    def __init__(
        self, connected: socket.socket, author: int, tally: Tally, *, encrypted: bool
    ) -> None:
        super().__init__(author, tally)
        self._socket = connected
        self._records = Records() if encrypted else None
        self._bytes = 0
        self._odd = False

    def take(self) -> bool:
        """As `Receiver.take`."""
        size = self._socket.recv_into(_buffer)
        if not size:
            return False
        self._bytes += size if self._records is None else self._records.take(_view[:size])
        messages = self._bytes // self._length
        self._tally.delivered += messages - self.expected
        self.expected = messages
        return True

    def finish(self, sent: int) -> None:
        """A message that came twice, or something that is none."""
        self._tally.duplicates += max(0, self.expected - sent)
        odd = self._bytes % self._length != 0
        self._tally.malformed += odd and not self._odd
        self._odd = odd


class VerifyingReceiver(Receiver):
    """Decrypts what comes, and sees that each line is whole, there once, and in order."""

    def __init__(self, stream: Stream, author: int, tally: Tally) -> None:
        super().__init__(author, tally)
        self._stream = stream
        self._rest = b""

    def take(self) -> bool:
        """As `Receiver.take`."""
        while True:
            try:
                data = self._stream.recv(0)
            except TimeoutError:  # no whole record is there any more
                return True
            if not data:
                return False
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._check(line)

    def _check(self, line: bytes) -> None:
        sequence = self._sequence(line)
        if sequence is None:
            self._tally.malformed += 1
        elif sequence < self.expected:
            self._tally.duplicates += 1
        else:
            self._tally.gaps += sequence - self.expected
            self._tally.delivered += 1
            self.expected = sequence + 1

    def _sequence(self, line: bytes) -> int | None:
        """The number of a message; None for what is no message, to the last byte."""
        text = line[_STAMP_LENGTH + len(self._head) :]
        try:
            sequence = int(text[:8])
        except ValueError:
            return None
        whole = line[_STAMP_LENGTH:] == self._head + text_of(sequence)
        return sequence if whole and _STAMP.match(line) else None

"""Receivers: one kind counts bytes without reading them, the other checks every line."""

from __future__ import annotations

import re
import socket
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Final

from benchmarks.accounts import user_name
from benchmarks.python_load.records import RecordCounter
from chat_server.wire import Stream

_TEXT: Final = 100
"""Bytes of a message's text, as in the generator in C."""

_STAMP: Final = re.compile(rb"\[\d\d:\d\d:\d\d")
_STAMP_LENGTH: Final = 9

_buffer: Final = bytearray(1 << 18)
_view: Final = memoryview(_buffer)


def text_of(sequence: int) -> bytes:
    """Return the text of a message: its number, filler and an end mark."""
    return b"%08d " % sequence + b"x" * (_TEXT - 10) + b"$"


@dataclass
class Tally:
    """Deliveries and faults since the start. The field names are those of the JSON result."""

    delivered: int = 0
    duplicates: int = 0
    gaps: int = 0
    malformed: int = 0
    closed: int = 0

    def faults(self) -> dict[str, int]:
        """Return all counts except the deliveries."""
        return {fault: n for fault, n in asdict(self).items() if fault != "delivered"}


class Receiver(ABC):
    """A subscriber of the publisher."""

    def __init__(self, author: int, tally: Tally) -> None:
        self._head = b"] %s: " % user_name(author).encode()
        self._length = _STAMP_LENGTH + len(self._head) + _TEXT + 1
        self._tally = tally
        self.expected = 0
        """Sequence number of the next message."""

    @abstractmethod
    def receive(self) -> bool:
        """Read what has arrived, without waiting. Return False at the end.

        Raise `OSError` if the connection is broken, and `ValueError` if the data is not TLS.
        """

    def finish(self, sent: int) -> None:  # noqa: B027  (a receiver that checks each line has done it)
        """Count the faults that are visible only when all of `sent` messages have arrived."""


class CountingReceiver(Receiver):
    """A receiver that counts messages by their bytes. It notices one too many or too few."""

    def __init__(
        self, connected: socket.socket, author: int, tally: Tally, *, encrypted: bool
    ) -> None:
        super().__init__(author, tally)
        self._socket = connected
        self._records = RecordCounter() if encrypted else None
        self._bytes = 0
        self._has_partial_message = False

    def receive(self) -> bool:
        """See `Receiver.receive`."""
        size = self._socket.recv_into(_buffer)
        if not size:
            return False
        self._bytes += size if self._records is None else self._records.feed(_view[:size])
        messages = self._bytes // self._length
        self._tally.delivered += messages - self.expected
        self.expected = messages
        return True

    def finish(self, sent: int) -> None:
        """Count messages beyond `sent` as duplicates, and a partial message as malformed."""
        self._tally.duplicates += max(0, self.expected - sent)
        partial = self._bytes % self._length != 0
        self._tally.malformed += partial and not self._has_partial_message
        self._has_partial_message = partial


class VerifyingReceiver(Receiver):
    """A receiver that decrypts the data and checks that each line is whole, once and in order."""

    def __init__(self, stream: Stream, author: int, tally: Tally) -> None:
        super().__init__(author, tally)
        self._stream = stream
        self._rest = b""

    def receive(self) -> bool:
        """See `Receiver.receive`."""
        while True:
            try:
                data = self._stream.recv(0)
            except TimeoutError:  # no further whole record has arrived
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
        """Return the number of a message, or None if any byte of the line is wrong."""
        text = line[_STAMP_LENGTH + len(self._head) :]
        try:
            sequence = int(text[:8])
        except ValueError:
            return None
        whole = line[_STAMP_LENGTH:] == self._head + text_of(sequence)
        return sequence if whole and _STAMP.match(line) else None

"""A client for tests that sends lines and expects lines."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import time
from typing import Any

from tests.support.wait_until import WAIT_TIMEOUT


class WireClient:
    """One TCP connection. Used by one thread."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        receive_buffer: int | None = None,
        tls: ssl.SSLContext | None = None,
        source: str | None = None,
    ) -> None:
        """`receive_buffer`: bytes for SO_RCVBUF, to fill a slow reader's buffers quickly.

        `tls`: the context, if the port uses TLS. `source`: the local address to bind.
        """
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(WAIT_TIMEOUT)
        try:
            if source is not None:
                self.socket.bind((source, 0))
            self.socket.connect((host, port))
            if tls is not None:
                self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        except OSError:
            self.socket.close()
            raise
        self._pending = b""

    def send(self, *lines: str) -> None:
        """Send lines in one write."""
        self.send_raw("".join(f"{line}\n" for line in lines).encode())

    def publish(self, *texts: str) -> None:
        """Publish texts and wait until the server has taken them."""
        self.send(*texts)
        self.expect_silence()

    def send_raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read_line(self, timeout: float = WAIT_TIMEOUT) -> str | None:
        """Return the next line without its LF, or None at the end of the stream."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._pending:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            data = self.socket.recv(65536)
            if not data:
                assert not self._pending, f"unfinished line: {self._pending!r}"
                return None
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode()

    def expect(self, *lines: str) -> None:
        """Read exactly these lines."""
        for line in lines:
            read = self.read_line()
            assert read == line, f"expected {line!r}, read {read!r}"

    def expect_match(self, pattern: str) -> re.Match[str]:
        """Read one line that matches the whole pattern."""
        line = self.read_line()
        match = re.fullmatch(pattern, line or "")
        assert match, f"expected {pattern!r}, read {line!r}"
        return match

    def expect_message(self, author: str, text: str) -> None:
        """Read one live message."""
        match = self.expect_match(r"\[\d\d:\d\d:\d\d\] ([^ :]+): (.*)")
        assert match.groups() == (author, text)

    def expect_end(self) -> None:
        """Read the end of the stream: a FIN, not a reset, and no line before it."""
        assert self.read_line() is None

    def expect_silence(self) -> None:
        """Check that nothing was sent to this client: the next line is the reply to a new command.

        Replies and messages share one ordered stream, so the check does not wait.
        """
        self.send("/presence maybe")
        self.expect("[ERROR] Usage: /presence on|off")

    def request(self, line: str) -> str:
        """Send a line. Return the reply, which is one line."""
        self.send(line)
        answer = self.read_line()
        assert answer is not None
        return answer

    def send_eof(self) -> None:
        """Close the sending half, as `nc -N` does at the end of its input."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close so that the server sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> WireClient:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

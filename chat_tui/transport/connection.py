"""Connection: a connection to a server, with a reader thread and a writer thread."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from chat_server.wire import CLIENT_RECEIVE_LIMIT, LineBuffer, OversizeLine, Stream
from chat_tui.transport.inbox import Inbox
from chat_tui.transport.wakeup import Wakeup


class Connection:
    """Lines out, lines in. The reader thread calls `read`; the screen's thread calls the rest.

    Either thread may end first. The last one closes the stream. Closing it earlier would be a race:
    the kernel reuses the number of a closed file at once, and a late writer would write to another
    peer.
    """

    def __init__(
        self, stream: Stream, wakeup: Wakeup, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take ownership of `stream`. Raises `RuntimeError` if no thread can be started."""
        self.inbox = Inbox(wakeup)
        self.received_at = clock()
        """When the last byte arrived. Written by the reader thread only."""
        self._stream = stream
        self._clock = clock
        self._buffer = LineBuffer(CLIENT_RECEIVE_LIMIT)
        self._state = threading.Condition()  # guards the attributes below; leaf lock
        self._outgoing = bytearray()
        self._writing = False
        self._closing = False
        self._reader_started = False
        self._users = 2  # the reader, which may not have started yet, and the writer
        try:
            threading.Thread(target=self._write, name="writer", daemon=True).start()
        except RuntimeError:
            stream.finish_and_close()
            raise

    def send(self, lines: Sequence[bytes]) -> None:
        """Queue lines for the writer. They are lost if the connection breaks first."""
        if not lines:
            return
        with self._state:
            if not self._closing:
                self._outgoing += b"".join(lines)
                self._state.notify()

    def close(self) -> None:
        """Close at once. Queued bytes are sent if the kernel takes them without blocking.

        May be called twice.
        """
        self.inbox.close()
        with self._state:
            if self._closing:
                return
            self._closing = True
            if not self._writing and self._outgoing:
                self._flush()
            with self._stream.lock:
                self._stream.finish()  # with a close_notify, the peer does not see a truncation
            self._stream.shutdown()
            self._state.notify()
            if not self._reader_started:
                self._release()

    def abort(self) -> None:
        """Reset the connection. Queued bytes are lost, and the server sees at once that it is gone.

        After `close`, it would still see a client that has sent everything and waits for replies.
        """
        self.inbox.close()
        with self._state:
            if self._closing:
                return
            self._closing = True
            self._stream.abort()
            self._state.notify()
            if not self._reader_started:
                self._release()

    def read(self) -> None:
        """Read until the connection ends. Lines go to the inbox, then the reason of the end."""
        with self._state:
            if self._closing:
                return
            self._reader_started = True
        reason = "The connection broke"
        try:
            reason = self._read_lines()
        finally:
            with self._state:
                self._closing = True
                self._stream.shutdown()
                self._state.notify()
                self._release()
            self.inbox.end(reason)

    def _read_lines(self) -> str:
        while True:
            try:
                data = self._stream.recv()
            except ssl.SSLError:
                return "The connection broke: data arrived that the server cannot have sent"
            except OSError as error:
                return f"The connection broke: {error.strerror or error}"
            if not data and self._stream.truncated:
                # An attacker on the path can truncate the stream, so the partial line is dropped.
                return "The connection was cut"
            if not data:
                self.inbox.put([_decode(line) for line in self._buffer.finish()])
                return "The server closed the connection"
            self.received_at = self._clock()
            lines = [_decode(line) for line in self._buffer.feed(data)]
            if lines and not self.inbox.put(lines):
                return "The connection was closed here"

    def _write(self) -> None:
        while True:
            with self._state:
                self._writing = False
                while not self._outgoing and not self._closing:
                    self._state.wait()
                if self._closing:
                    self._release()
                    return
                data = bytes(self._outgoing)
                self._outgoing.clear()
                self._writing = True
            try:
                self._stream.send_all(data)
            except OSError:
                self._stream.shutdown()  # the reader then finds and reports the end

    def _flush(self) -> None:
        with suppress(OSError), self._stream.lock:
            self._stream.send_some(bytes(self._outgoing))

    def _release(self) -> None:
        """Drop one of the two users of the stream, and close it after the last.

        The caller holds `_state`, as it does for `shutdown`: so no thread uses a closed file.
        """
        self._users -= 1
        if self._users == 0:
            self._stream.close()


def _decode(line: bytes | OversizeLine) -> str | OversizeLine:
    """Decode a line. Invalid UTF-8 becomes U+FFFD. The CR of a CR LF is stripped."""
    return line if isinstance(line, OversizeLine) else line.decode("utf-8", "replace").rstrip()

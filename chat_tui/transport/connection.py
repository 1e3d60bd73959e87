"""A connection to a server: a thread that reads, a thread that writes, and nobody who waits."""

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
    """Lines out, lines in. `read` is for the reader's thread, all else for the screen's.

    Either thread may end first, and the stream is closed by the last one: the number of a closed
    file is given away at once, and a late writer would write to a stranger.
    """

    def __init__(
        self, stream: Stream, wakeup: Wakeup, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Takes over `stream`. Raises `RuntimeError` where no thread can be started."""
        self.inbox = Inbox(wakeup)
        self.heard_at = clock()
        """When the last byte came. Written by the reader alone."""
        self._stream = stream
        self._clock = clock
        self._buffer = LineBuffer(CLIENT_RECEIVE_LIMIT)
        self._state = threading.Condition()  # guards what follows; leaf
        self._outgoing = bytearray()
        self._writing = False
        self._closing = False
        self._reader_came = False
        self._users = 2  # the reader, who may be yet to come, and the writer
        try:
            threading.Thread(target=self._write, name="writer", daemon=True).start()
        except RuntimeError:
            stream.close()
            raise

    def send(self, lines: Sequence[bytes]) -> None:
        """Queue lines for the writer; they are lost if the connection breaks before."""
        if not lines:
            return
        with self._state:
            if not self._closing:
                self._outgoing += b"".join(lines)
                self._state.notify()

    def close(self) -> None:
        """End it now: what the kernel takes at once is still sent. May be called twice."""
        self.inbox.close()
        with self._state:
            if self._closing:
                return
            self._closing = True
            if not self._writing and self._outgoing:
                self._flush()
            with self._stream.lock:
                self._stream.finish()  # an end that is announced is no cut
            self._stream.shutdown()
            self._state.notify()
            if not self._reader_came:
                self._release()

    def read(self) -> None:
        """Read until the end: lines go to the inbox, and at last why it ended."""
        with self._state:
            if self._closing:
                return
            self._reader_came = True
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
                return "The connection broke: something came that the server can't have sent so"
            except OSError as problem:
                return f"The connection broke: {problem.strerror or problem}"
            if not data and self._stream.truncated:
                # Whoever is in between can do that; half a line is no line.
                return "The connection was cut"
            if not data:
                self.inbox.put([_decode(line) for line in self._buffer.finish()])
                return "The server closed the connection"
            self.heard_at = self._clock()
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
                self._stream.shutdown()  # the reader finds the end, and says so

    def _flush(self) -> None:
        with suppress(OSError), self._stream.lock:
            self._stream.send_some(bytes(self._outgoing))

    def _release(self) -> None:
        """One of the two has ended. Holds the lock, as `shutdown` does: nobody hits a stranger."""
        self._users -= 1
        if self._users == 0:
            self._stream.close()


def _decode(line: bytes | OversizeLine) -> str | OversizeLine:
    """A line of whatever server: bytes that are no UTF-8 are shown as such, CR LF is a line end."""
    return line if isinstance(line, OversizeLine) else line.decode("utf-8", "replace").rstrip()

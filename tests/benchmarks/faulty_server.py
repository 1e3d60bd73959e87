"""A chat server that does to one of its receivers what no server may do."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
from collections.abc import Callable

from benchmarks.servers import LOBBY, Kind
from chat_server.wire.stream import Stream, TlsStream

Fault = Callable[[int, bytes], list[bytes]]
"""From the number of a message and its line to what the receiver is sent instead."""

VICTIM = "u00001"


class _Client:
    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.name = ""
        self.rest = b""


class FaultyServer:
    """Everybody is in one room and hears the first user."""

    kind: Kind = LOBBY

    def __init__(self, fault: Fault, context: ssl.SSLContext | None = None) -> None:
        """`context`: speak TLS."""
        self._fault = fault
        self._context = context
        self._count = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._stop_here, self._stop_there = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._stop_there, selectors.EVENT_READ)
        self._clients: list[_Client] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def last_words(self) -> str:
        """Nothing: it has no log."""
        return ""

    def stop(self) -> None:
        """End it, and everything that it has open."""
        self._stop_here.send(b".")
        self._thread.join()
        self._selector.close()
        for client in self._clients:
            client.stream.close()
        for channel in (self._listener, self._stop_here, self._stop_there):
            channel.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._stop_there:
                    return
                if key.fileobj is self._listener:
                    self._admit(self._listener.accept()[0])
                else:
                    self._read(key.data)

    def _admit(self, connection: socket.socket) -> None:
        stream = Stream(connection)
        if self._context is not None:
            stream = TlsStream(connection, self._context, server_side=True)
        stream.handshake(10.0)
        client = _Client(stream)
        self._clients.append(client)
        self._selector.register(connection, selectors.EVENT_READ, client)
        stream.send_all(b"[SERVER] Login using: LOGIN <username> <password>\n")

    def _read(self, client: _Client) -> None:
        try:
            data = client.stream.recv()
        except ConnectionError:
            data = b""
        if not data:
            self._selector.unregister(client.stream)
            return
        *lines, client.rest = (client.rest + data).split(b"\n")
        for line in lines:
            self._take(client, line)

    def _take(self, client: _Client, line: bytes) -> None:
        words = line.split()
        match words:
            case [b"LOGIN", name, _]:
                client.name = name.decode()
                answer = b"[SERVER] Login successful"
            case [b"/join", room]:
                answer = b"[SERVER] Joined room '%s'" % room
            case [b"/subscribe", name]:
                answer = b"[SERVER] Subscribed to " + name
            case _:
                self._publish(client.name, line)
                return
        client.stream.send_all(answer + b"\n")

    def _publish(self, author: str, text: bytes) -> None:
        line = b"[12:00:00] %s: %s\n" % (author.encode(), text)
        for client in self._clients:
            if client.name == author:
                continue
            lines = self._fault(self._count, line) if client.name == VICTIM else [line]
            client.stream.send_all(b"".join(lines))
        self._count += 1

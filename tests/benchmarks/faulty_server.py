"""A chat server that delivers lines to one of its receivers with a fault."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
from collections.abc import Callable

from benchmarks.servers import LOBBY, ServerKind
from chat_server.wire.stream import Stream
from chat_server.wire.tls_stream import TlsStream

Fault = Callable[[int, bytes], list[bytes]]
"""A function of a message's number and line. It returns the lines to send instead."""

VICTIM = "u00001"


class _Client:
    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.name = ""
        self.rest = b""


class FaultyServer:
    """A server with one room. Every client is subscribed to every publisher."""

    kind: ServerKind = LOBBY

    def __init__(self, fault: Fault, context: ssl.SSLContext | None = None) -> None:
        """`context`: the TLS context; None is plain text."""
        self._fault = fault
        self._context = context
        self._count = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._stop_sender, self._stop_receiver = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._stop_receiver, selectors.EVENT_READ)
        self._clients: list[_Client] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def log_tail(self) -> str:
        """Return nothing: this server has no log."""
        return ""

    def stop(self) -> None:
        """Stop the thread, and close every socket."""
        self._stop_sender.send(b".")
        self._thread.join()
        self._selector.close()
        for client in self._clients:
            client.stream.close()
        for channel in (self._listener, self._stop_sender, self._stop_receiver):
            channel.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._stop_receiver:
                    return
                if key.fileobj is self._listener:
                    self._accept(self._listener.accept()[0])
                else:
                    self._read(key.data)

    def _accept(self, connection: socket.socket) -> None:
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
            self._process_line(client, line)

    def _process_line(self, client: _Client, line: bytes) -> None:
        fields = line.split()
        match fields:
            case [b"LOGIN", name, _]:
                client.name = name.decode()
                reply = b"[SERVER] Login successful"
            case [b"/join", room]:
                reply = b"[SERVER] Joined room '%s'" % room
            case [b"/subscribe", name]:
                reply = b"[SERVER] Subscribed to " + name
            case _:
                self._publish(client.name, line)
                return
        client.stream.send_all(reply + b"\n")

    def _publish(self, author: str, text: bytes) -> None:
        line = b"[12:00:00] %s: %s\n" % (author.encode(), text)
        for client in self._clients:
            if client.name == author:
                continue
            lines = self._fault(self._count, line) if client.name == VICTIM else [line]
            client.stream.send_all(b"".join(lines))
        self._count += 1

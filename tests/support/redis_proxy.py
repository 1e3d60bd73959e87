"""A proxy between one chat server and Redis, which fails in the ways that networks do."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from tests.support.forwarding_proxy import RESET_AT_CLOSE, ForwardingProxy, reset


class _Link:
    """One connection of the chat server, and the one to Redis that belongs to it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.loses_next_reply = False

    def cut(self) -> None:
        """Reset both ends. Their threads close them."""
        for end in (self.client, self.server):
            reset(end)


class RedisProxy(ForwardingProxy):
    """Forwards connections to a port of this machine. Two threads for each connection."""

    def __init__(self, target: int) -> None:
        super().__init__()
        self.target = target
        """The port for new connections. Change it to let another Redis take over the address."""
        self.lost_replies = 0
        """How many replies were lost since the start."""
        self._links: set[_Link] = set()
        self._is_blocked = False
        self._flows = threading.Event()
        self._flows.set()
        self._lost_word = b""
        self._to_lose = 0
        self._is_closed = False
        self._start(self._accept)

    def cut(self) -> None:
        """Reset all connections. Later ones are forwarded."""
        with self._lock:
            links = tuple(self._links)
        for link in links:
            link.cut()

    def block(self) -> None:
        """Reset all connections, and every later one, until `unblock`."""
        self._is_blocked = True
        self.cut()

    def unblock(self) -> None:
        """Forward later connections."""
        self._is_blocked = False

    def hold(self) -> None:
        """Forward nothing and close nothing, until `release`: the network loses all packets."""
        self._flows.clear()

    def release(self) -> None:
        """Forward again. What was sent meanwhile arrives now, as after a retransmission."""
        self._flows.set()

    def lose_replies_to(self, word: bytes, number: int) -> None:
        """Reset a connection when Redis replies to a command that contains `word`.

        Redis has executed the command. Do it for so many replies, of all connections together.
        """
        with self._lock:
            self._lost_word, self._to_lose = word, number

    @property
    def is_done(self) -> bool:
        """True once all replies are lost that `lose_replies_to` ordered."""
        return not self._to_lose

    def close(self) -> None:
        """Reset all connections and wait for the threads."""
        self._is_closed = True
        self._flows.set()
        super().close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            self._flows.wait()
            try:
                if self._refuses():
                    raise ConnectionRefusedError
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(client, server)
            with self._lock:
                self._links.add(link)
            self._start(self._run, link)
            if self._refuses():  # it was not in the set yet
                link.cut()

    def _refuses(self) -> bool:
        return self._is_blocked or self._is_closed

    def _run(self, link: _Link) -> None:
        """Forward both directions, and close both ends."""
        back = threading.Thread(target=self._forward_replies, args=(link,), name="redis replies")
        back.start()
        with suppress(OSError):
            while data := link.client.recv(65536):
                self._flows.wait()
                with self._lock:
                    if self._to_lose and self._lost_word in data:
                        link.loses_next_reply = True
                link.server.sendall(data)
        link.cut()
        back.join()
        with self._lock:
            self._links.discard(link)
        link.client.close()
        link.server.close()

    def _forward_replies(self, link: _Link) -> None:
        with suppress(OSError):
            while data := link.server.recv(65536):
                self._flows.wait()
                with self._lock:
                    is_lost = link.loses_next_reply and self._to_lose
                    if is_lost:
                        self._to_lose -= 1
                        self.lost_replies += 1
                if is_lost:
                    break
                link.client.sendall(data)
        link.cut()

"""A server that sends what the test writes, line by line."""

from __future__ import annotations

import socket
from collections import deque

from chat_server.wire import replies
from tests.support.wait_until import WAIT_TIMEOUT

_FIRST_COMMANDS = ("/join", "/subscribe", "/unsubscribe", "/subs", "/help", "/quit")


class ScriptedServer:
    """A listening socket on a free port. The test scripts each connection, line by line."""

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(WAIT_TIMEOUT)
        self.port: int = self._listener.getsockname()[1]
        self._clients: list[ScriptedClient] = []

    def accept(self) -> ScriptedClient:
        """Wait for the next client."""
        connected, _ = self._listener.accept()
        client = ScriptedClient(connected)
        self._clients.append(client)
        return client

    def accept_login(
        self,
        room: str | None = None,
        follows: str = "alice",
        password: str = "secret",
        more: tuple[str, ...] = (),
    ) -> ScriptedClient:
        """Wait for the next client and log alice in."""
        client = self.accept()
        client.accept_login(password=password, room=room, follows=follows, more=more)
        return client

    def close(self) -> None:
        """Stop listening and drop every client."""
        self._listener.close()
        for client in self._clients:
            client.close()


class ScriptedClient:
    """The server's end of one connection."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._socket.settimeout(WAIT_TIMEOUT)
        self._received = b""
        self._lines: deque[str] = deque()

    def send(self, *lines: str) -> None:
        """Send lines."""
        self.send_bytes("".join(f"{line}\n" for line in lines).encode())

    def send_bytes(self, data: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(data)

    def read_line(self) -> str:
        """Return the next line of the client, "" at the end of the stream."""
        while b"\n" not in self._received:
            data = self._socket.recv(65536)
            if not data:
                return ""
            self._received += data
        raw, self._received = self._received.split(b"\n", 1)
        return raw.decode()

    def recv(self) -> str:
        """Return the result of one `recv`, as legacy servers read."""
        return self._socket.recv(65536).decode()

    def expect(self, *lines: str) -> None:
        """Check that the client sends exactly these lines next."""
        for line in lines:
            assert self.read_line() == line

    def accept_login(
        self,
        user: str = "alice",
        password: str = "secret",
        *,
        room: str | None = None,
        follows: str = "alice",
        more: tuple[str, ...] = (),
    ) -> None:
        """Play the login of a current server that has few commands.

        `room`: the room that the client joins. `follows`: the reply to `/subs`.
        """
        self.send(f"[SERVER] {replies.LOGIN_PROMPT}")
        self.expect(f"LOGIN {user} {password}")
        self.send(
            f"[SERVER] {replies.LOGIN_SUCCESSFUL}",
            f"[SERVER] Available commands: {', '.join((*_FIRST_COMMANDS, *more))}",
        )
        self.expect(f"/subscribe {user}")
        self.send(f"[SERVER] Subscribed to {user}")
        if room is not None:
            self.expect(f"/join {room}")
            self.send(f"[SERVER] Joined room '{room}'")
        self.expect("/subs")
        self.send(f"[SERVER] Subscriptions: {follows}")

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def cut(self) -> None:
        """Send a FIN without a close_notify, as an attacker on the path can."""
        with socket.socket(fileno=self._socket.detach()) as bare:
            bare.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Reset the connection."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()

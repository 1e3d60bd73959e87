"""A ChatSession at work without a screen, and a server that says what a test tells it to."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from chat_server.wire import replies
from chat_tui.events import ConnectionState, Event, SignedIn
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.entries import Entry
from chat_tui.session.session import ChatSession
from chat_tui.storage.known_servers import KnownServers
from chat_tui.transport.backoff import Backoff
from tests.support.wait_until import WAIT_TIMEOUT, until

_FIRST_COMMANDS = ("/join", "/subscribe", "/unsubscribe", "/subs", "/help", "/quit")

E = TypeVar("E", bound=Event)
T = TypeVar("T")


class SessionHarness:
    """The screen's thread of a session: pumps when woken, ticks now and then."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        known: KnownServers | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.model = ChatModel()
        self.notices: list[Event] = []
        self.wakes = 0
        self._woken = threading.Event()
        self._readers: list[threading.Thread] = []
        # Pauses of at most 50 ms: what they are in earnest, test_backoff tells.
        self.session = ChatSession(
            self.model,
            self._start_reader,
            self._wake,
            known or KnownServers(Path("/nowhere")),
            clock=clock,
            backoff=backoff or Backoff(lambda: -0.9),
        )

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Do a screen's work until the condition holds."""
        until(condition, what, lambda: f"{self.model.connection}, {self.texts()}", work=self.work)

    def work(self) -> None:
        """One turn of a screen's work; waits a moment for something to do."""
        if self._woken.wait(0.02):
            self._woken.clear()
            while self.session.pump():
                pass
        self.session.tick()
        self.notices += self.session.take_notices()

    def during(self, part: Callable[[], T]) -> T:
        """Work while the server plays its part, which may wait for us; what it gives back."""
        with ThreadPoolExecutor(1) as theirs:
            played = theirs.submit(part)
            self.until(played.done)
            return played.result()

    def until_arrived(self, lines: int) -> None:
        """Wait, without any work, until so many lines wait to be taken."""
        connection = self.session._connection
        assert connection is not None
        until(lambda: len(connection.inbox) >= lines, f"{lines} lines in the inbox")

    def until_state(self, state: ConnectionState) -> None:
        """Work until the connection is in this state."""
        self.until(lambda: self.model.connection.state is state, f"not {state}")

    def until_notice(self, kind: type[E]) -> E:
        """Work until a notice of this kind is there; it is taken."""
        found: list[E] = []

        def look() -> bool:
            for notice in self.notices:
                if isinstance(notice, kind):
                    found.append(notice)
                    self.notices.remove(notice)
                    return True
            return False

        self.until(look, f"no {kind.__name__}; {self.notices}")
        return found[0]

    def until_text(self, text: str) -> Entry:
        """Work until the log of the current room holds an entry with this text."""
        self.until(lambda: text in self.texts())
        return next(entry for entry in self.model.log.entries() if entry.text == text)

    def texts(self) -> list[str]:
        """What stands in the log of the current room."""
        return [entry.text for entry in self.model.log.entries()]

    def sign_in(
        self,
        server: ScriptedServer,
        room: str | None = None,
        follows: str = "alice",
        more: tuple[str, ...] = (),
    ) -> ScriptedClient:
        """Sign alice in; the first questions are answered. `more`: what the server has, too."""
        self.session.sign_in("127.0.0.1", server.port, "alice", "secret", room=room, plaintext=True)
        client = self.during(lambda: server.let_in(room, follows, more=more))
        self.until_notice(SignedIn)
        self.until_state(ConnectionState.ONLINE)
        return client

    def close(self) -> None:
        """Leave; the readers must end at once."""
        self.session.close()
        for reader in self._readers:
            reader.join(2.0)
            assert not reader.is_alive()

    def _start_reader(self, read: Callable[[], None]) -> None:
        reader = threading.Thread(target=read, name="reader")
        self._readers.append(reader)
        reader.start()

    def _wake(self) -> None:
        self.wakes += 1
        self._woken.set()


class ScriptedServer:
    """A listening socket on a free port; each connection is played by the test, line by line."""

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

    def let_in(
        self,
        room: str | None = None,
        follows: str = "alice",
        password: str = "secret",
        more: tuple[str, ...] = (),
    ) -> ScriptedClient:
        """Wait for the next client, and let alice in."""
        client = self.accept()
        client.let_in(password=password, room=room, follows=follows, more=more)
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

    def say(self, *lines: str) -> None:
        """Send lines."""
        self.say_bytes("".join(f"{line}\n" for line in lines).encode())

    def say_bytes(self, data: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(data)

    def line(self) -> str:
        """The next line of the client; "" at the end."""
        while b"\n" not in self._received:
            data = self._socket.recv(65536)
            if not data:
                return ""
            self._received += data
        raw, self._received = self._received.split(b"\n", 1)
        return raw.decode()

    def recv(self) -> str:
        """What one `recv` gives, as the first servers read."""
        return self._socket.recv(65536).decode()

    def expect(self, *lines: str) -> None:
        """The client sends just these lines next."""
        for line in lines:
            assert self.line() == line

    def let_in(
        self,
        user: str = "alice",
        password: str = "secret",
        *,
        room: str | None = None,
        follows: str = "alice",
        more: tuple[str, ...] = (),
    ) -> None:
        """Play the login of a server of today, with its first commands only.

        The client wants to go to `room`; it follows `follows`, a list as the server writes it.
        """
        self.say(f"[SERVER] {replies.LOGIN_PROMPT}")
        self.expect(f"LOGIN {user} {password}")
        self.say(
            f"[SERVER] {replies.LOGIN_SUCCESSFUL}",
            f"[SERVER] Available commands: {', '.join((*_FIRST_COMMANDS, *more))}",
        )
        self.expect(f"/subscribe {user}")
        self.say(f"[SERVER] Subscribed to {user}")
        if room is not None:
            self.expect(f"/join {room}")
            self.say(f"[SERVER] Joined room '{room}'")
        self.expect("/subs")
        self.say(f"[SERVER] Subscriptions: {follows}")

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def cut(self) -> None:
        """End it as somebody in between can: TLS, if there is any, is not told."""
        with socket.socket(fileno=self._socket.detach()) as bare:
            bare.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()

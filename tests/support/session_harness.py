"""A ChatSession without a screen. The test does the work of the screen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from chat_tui.events import ConnectionState, Event, SignedIn
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.entries import Entry
from chat_tui.session.session import ChatSession
from chat_tui.storage.known_servers import KnownServers
from chat_tui.storage.stamp_store import StampStore
from chat_tui.transport.backoff import Backoff
from tests.support.scripted_server import ScriptedClient, ScriptedServer
from tests.support.wait_until import WAIT_TIMEOUT, until

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
        stamps: StampStore | None = None,
    ) -> None:
        self.model = ChatModel()
        self.notices: list[Event] = []
        self.wakes = 0
        self._woken = threading.Event()
        self._readers: list[threading.Thread] = []
        # Pauses of at most 50 ms. test_backoff checks the real ones.
        self.session = ChatSession(
            self.model,
            self._start_reader,
            self._wake,
            known or KnownServers(Path("/nowhere")),
            stamps=stamps,
            clock=clock,
            backoff=backoff or Backoff(lambda: -0.9),
        )

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Do the work of a screen until the condition is true."""
        until(
            condition, what, lambda: f"{self.model.connection}, {self.texts()}", work=self.run_once
        )

    def run_once(self) -> None:
        """Do one turn of a screen's work. Wait at most 20 ms for a wakeup."""
        if self._woken.wait(0.02):
            self._woken.clear()
            while self.session.pump():
                pass
        self.session.tick()
        self.notices += self.session.take_notices()

    def run_while(self, server_part: Callable[[], T]) -> T:
        """Run `server_part` in a thread while this thread works. Return its result."""
        with ThreadPoolExecutor(1) as theirs:
            played = theirs.submit(server_part)
            self.until(played.done)
            return played.result()

    def until_arrived(self, lines: int) -> None:
        """Wait, without pumping, until the inbox holds this many lines."""
        connection = self.session._connection
        assert connection is not None
        until(lambda: len(connection.inbox) >= lines, f"{lines} lines in the inbox")

    def until_state(self, state: ConnectionState) -> None:
        """Work until the connection is in this state."""
        self.until(lambda: self.model.connection.state is state, f"not {state}")

    def until_notice(self, kind: type[E]) -> E:
        """Work until a notice of this kind arrives. Remove and return it."""
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
        """Return the texts in the log of the current room."""
        return [entry.text for entry in self.model.log.entries()]

    def sign_in(
        self,
        server: ScriptedServer,
        room: str | None = None,
        follows: str = "alice",
        more: tuple[str, ...] = (),
    ) -> ScriptedClient:
        """Sign alice in and play the login. `more`: further commands of the server."""
        self.session.sign_in("127.0.0.1", server.port, "alice", "secret", room=room, plaintext=True)
        client = self.run_while(lambda: server.accept_login(room, follows, more=more))
        self.until_notice(SignedIn)
        self.until_state(ConnectionState.ONLINE)
        return client

    def close(self) -> None:
        """Close the session and check that its reader threads end."""
        self.session.close()
        for reader in self._readers:
            reader.join(WAIT_TIMEOUT)
            assert not reader.is_alive()

    def _start_reader(self, read: Callable[[], None]) -> None:
        reader = threading.Thread(target=read, name="reader")
        self._readers.append(reader)
        reader.start()

    def _wake(self) -> None:
        self.wakes += 1
        self._woken.set()

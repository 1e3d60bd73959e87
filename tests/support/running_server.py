"""A real server in this process, and clients that use it like netcat."""

from __future__ import annotations

import io
import ssl
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from chat_server.accounts import open_accounts
from chat_server.config import Config
from chat_server.core import now_microseconds
from chat_server.observability.event_log import EventLog
from chat_server.server import ChatServer
from chat_server.tuning import Tuning
from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.wire_client import WireClient


class RunningServer:
    """A server on a free port of loopback, its log, and the clients opened on it."""

    def __init__(self, config: Config, clock: Callable[[], int] = now_microseconds) -> None:
        self.log = io.StringIO()
        self.config = config
        self.server = ChatServer(config, open_accounts(config), EventLog(self.log, "debug"), clock)
        self.server.start()
        self.port = self.server.port
        self._clients: list[WireClient] = []
        self._stopped = False

    def connect(
        self, tls: ssl.SSLContext | None = None, *, source: str | None = None
    ) -> WireClient:
        """Connect without a login. The caller reads the first line.

        `tls`: connect to the TLS port with this context. `source`: the local address to bind.
        """
        port = self.port if tls is None else self.server.tls_port
        client = WireClient("127.0.0.1", port, tls=tls, source=source)
        self._clients.append(client)
        return client

    def log_in(
        self,
        user: str,
        *,
        subscribe: str | None = None,
        tls: ssl.SSLContext | None = None,
        source: str | None = None,
    ) -> WireClient:
        """Return a logged-in client whose greeting has been read."""
        client = self.connect(tls, source=source)
        client.expect("[SERVER] Login using: LOGIN <username> <password>")
        client.send(f"LOGIN {user} pw-of-{user}")
        client.expect("[SERVER] Login successful")
        client.expect_match(r"\[SERVER\] Available commands: .*")
        if subscribe is not None:
            client.send(f"/subscribe {subscribe}")
            client.expect(f"[SERVER] Subscribed to {subscribe}")
        return client

    def is_logged_in(self, user: str) -> bool:
        """Return whether the user has a session."""
        return self.server._hub.has_session(user)

    def add_accounts(self, names: list[str]) -> None:
        """Add accounts to the users file and let the server reload it."""
        write_accounts_file(self.config.users, [*PEOPLE, *names])
        self.server.reload_accounts()

    def stop(self) -> None:
        """Stop the server. Idempotent."""
        if not self._stopped:
            self._stopped = True
            self.server.stop()

    def close_clients(self) -> None:
        """Close every client that was opened here."""
        for client in self._clients:
            client.close()

    def close(self) -> None:
        """Close every client, then stop the server."""
        self.close_clients()
        self.stop()


StartServer = Callable[..., RunningServer]

TUNING_FIELDS = {field.name for field in fields(Tuning)}


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Return a function that starts a server. All servers are stopped after the test.

    Its keyword arguments are fields of `Config` or of `Tuning`, or `clock`. Servers of one test
    that are given the same `history` file must not run at once.
    """
    running: list[RunningServer] = []
    base = Config(
        port=0,
        tls_port=0,
        state=tmp_path / "state",
        users=write_accounts_file(tmp_path / "users.json"),
        max_clients=2000,
        bcrypt_cost=4,  # the cost of the test hashes; otherwise each login would rehash
    )

    def start(*, clock: Callable[[], int] = now_microseconds, **settings: object) -> RunningServer:
        tuning = {key: settings.pop(key) for key in TUNING_FIELDS & settings.keys()}
        server = RunningServer(
            replace(base, tuning=Tuning(**tuning), **settings),  # type: ignore[arg-type]
            clock,
        )
        running.append(server)
        return server

    yield start
    for server in running:
        server.close()


@pytest.fixture
def server(start_server: StartServer) -> RunningServer:
    """Return a server without a rate limit."""
    return start_server(rate=0)

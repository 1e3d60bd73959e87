"""A real server in this process that can be restarted on its port."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

from chat_server.accounts.store import AccountStore
from chat_server.config import Config
from chat_server.observability.event_log import EventLog
from chat_server.server import ChatServer
from tests.support.wire_client import WireClient


def texts_until(client: WireClient, start: str) -> list[str]:
    """Return what a client receives before a line with this start.

    A message is returned as its text, any other line whole.
    """
    received: list[str] = []
    while (line := client.read_line()) is not None and not line.startswith(start):
        received.append(line.split(": ", 1)[-1])
    return received


class RestartableServer:
    """A server that can be restarted on its port, and netcat users that are connected to it."""

    def __init__(self, users: Path) -> None:
        self.config = Config(port=0, users=users, rate=0, bcrypt_cost=4)
        self._clients: list[WireClient] = []
        self._server: ChatServer | None = None

    def start(self, **settings: object) -> RestartableServer:
        """Start the server, the second time on its former port. `settings`: fields of `Config`."""
        self.config = replace(self.config, **settings)  # type: ignore[arg-type]
        self._server = ChatServer(
            self.config, AccountStore(self.config.users), EventLog(io.StringIO(), "debug")
        )
        self._server.start()
        self.config = replace(self.config, port=self._server.port)
        return self

    @property
    def port(self) -> int:
        """The port of the server, 0 before the first start."""
        return self.config.port

    def log_in(self, name: str, *lines: str) -> WireClient:
        """Connect a netcat user that follows everyone and sends these lines first."""
        client = WireClient("127.0.0.1", self.port)
        self._clients.append(client)
        for line in (f"LOGIN {name} pw-of-{name}", "/subscribe *", *lines, "/subs"):
            client.send(line)
        texts_until(client, "[SERVER] Subscriptions: ")
        return client

    def remove(self, name: str) -> None:
        """Remove an account from the users file and let the server reload it."""
        assert self._server is not None
        accounts = json.loads(self.config.users.read_text())
        del accounts[name]
        self.config.users.write_text(json.dumps(accounts))
        self._server.reload_accounts()

    def stop(self) -> None:
        """Stop the server if it runs. The clients stay connected until the server closes them."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def close(self) -> None:
        """Close the clients and stop the server."""
        for client in self._clients:
            client.close()
        self.stop()

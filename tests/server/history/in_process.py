"""A hub, the commands and a real history in one process, without sockets and with a set clock."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from chat_server.commands import CommandContext, registry
from chat_server.config import Config
from chat_server.core import Hub, Session
from chat_server.delivery import TextEncoder
from chat_server.history import HistoryService, Retention, open_history
from chat_server.observability import EventLog
from chat_server.tuning import Tuning
from chat_server.wire import TextLine, parse_client_line
from tests.support.wait_until import WAIT_TIMEOUT

OPERATOR = "op"


class Receiver:
    """What one client has read."""

    def __init__(self) -> None:
        self.lines: list[str] = []


class Batch:
    """The batch of a command, which has nothing to flush here."""

    def flush(self) -> None: ...

    def add(self, recipients: tuple[Receiver, ...]) -> None: ...


def deliver(receivers: tuple[Receiver, ...], data: bytes, _: bool) -> None:
    for receiver in receivers:
        receiver.lines += data.decode().splitlines()


class InProcessServer:
    """The parts of a server that history has to do with. `accounts` is its users file."""

    def __init__(self, file: Path, accounts: set[str], now: int) -> None:
        self.now = now
        """What the clock says, in microseconds since the epoch."""
        self.accounts = {name: self._creation() for name in sorted(accounts)}
        """By name: when the account was created, as the users file says it."""
        self._config = replace(
            Config(users=file.with_name("users.json")),
            history=file,
            operators=frozenset({OPERATOR}),
            tuning=Tuning(history_commit_seconds=0.001, history_wait_seconds=WAIT_TIMEOUT),
        )
        self.log = io.StringIO()
        self.sessions: dict[str, Session[Any]] = {}
        self.start()

    def start(self) -> None:
        """Start the history and a hub with what it has saved."""
        history, problem = open_history(
            self._config,
            lambda: dict(self.accounts),
            EventLog(self.log, "debug"),
            lambda: self.now,
        )
        assert history is not None, problem
        self.history: HistoryService = history
        history.start()
        self.hub: Hub[Any] = Hub(
            TextEncoder(deliver).emit,
            lambda name: name in self.accounts,
            lambda: self.now,
            record=history.record,
            saved=history.saved_state(),
        )
        self._services: Any = SimpleNamespace(
            config=self._config,
            hub=self.hub,
            history=history,
            accounts=SimpleNamespace(exists=lambda name: name in self.accounts),
            log=SimpleNamespace(erased=lambda *_: None),
            notify_unread_on=lambda: None,
        )

    def stop(self) -> None:
        """Stop like a server that gets a SIGTERM."""
        self.hub.shut_down()
        self.sessions.clear()
        self.history.stop()

    def crash(self) -> None:
        """Stop like a server that is killed after it has stored everything."""
        self.sessions.clear()
        self.history.stop()

    # Clients

    def log_in(self, user: str) -> None:
        session = self.hub.log_in(user, Receiver(), registry.available_commands())
        assert session is not None
        self.sessions[user] = session

    def request(self, user: str, line: str) -> list[str]:
        """Let the client of a user send a line. Return what it reads."""
        session = self.sessions[user]
        session.receiver.lines.clear()
        parsed = parse_client_line(line)
        assert parsed is not None
        assert not isinstance(parsed, TextLine)
        context = CommandContext(session, self._services, Batch())  # type: ignore[arg-type]
        registry.execute(context, parsed)
        return list(session.receiver.lines)

    def publish(self, user: str, texts: list[str]) -> None:
        self.hub.publish(self.sessions[user], texts)

    def end(self, user: str, *, is_orderly: bool) -> None:
        self.hub.log_out(self.sessions.pop(user), None, is_orderly=is_orderly)

    @property
    def newest_stamp(self) -> int:
        return self.hub.newest_stamp()

    # The users file

    def remove(self, user: str) -> None:
        """Remove an account while the server runs."""
        del self.accounts[user]
        self.sessions.pop(user, None)
        self.hub.remove_users([user])
        self.history.accounts_changed()

    def add(self, user: str) -> None:
        """Add an account while the server runs."""
        self.accounts[user] = self._creation()
        self.history.accounts_changed()

    def replace_account(self, user: str) -> None:
        """Remove an account and add one of that name. For a server that does not run."""
        self.accounts[user] = self._creation()

    def rename(self, old: str, new: str) -> None:
        """Rename an account while the server runs."""
        self.accounts[new] = self.accounts.pop(old)
        self.sessions.pop(old, None)
        self.hub.rename_users({old: new})
        self.history.accounts_changed()

    def _creation(self) -> str:
        self.now += 1_000_000
        return f"creation {self.now}"

    # Retention

    def prune(self, most: int) -> None:
        """Keep the newest `most` messages of each room."""

        def work() -> None:
            store = self.history._store.require()
            while store.prune(Retention(days=0, messages=most, size=0), self.now).has_more:
                pass

        self.history._ask(work, 30)

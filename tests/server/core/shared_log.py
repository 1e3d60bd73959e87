"""Several hubs that read one log, in memory, and an embedded hub with the same clients."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from chat_server.access import BanList
from chat_server.core import Hub, Session, requests
from chat_server.core.presence import PresenceLimit
from chat_server.core.records import (
    LogEntry,
    LogSkipped,
    PrivateMessageSent,
    PublishedMessages,
    Record,
)
from chat_server.core.values import EndCause, EndNotice
from chat_server.delivery import TextEncoder

START = 1_795_348_800_000_000


class Client:
    """The lines that one client reads."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended = False


def deliver(clients: tuple[Client, ...], data: bytes, last: bool) -> None:
    for client in clients:
        if not client.ended:
            client.lines += data.decode().splitlines()
            client.ended = last


class Accounts:
    """A table of accounts: the name, and whether it is disabled and when it was created."""

    def __init__(self, *names: str) -> None:
        self.records = {name: requests.AccountRecord("hash", created="2026") for name in names}

    def is_active(self, name: str) -> bool:
        return name in self.records and not self.records[name].is_disabled

    def exists(self, name: str) -> bool:
        return name in self.records

    def creation_times(self) -> dict[str, str | None]:
        return {name: record.created for name, record in self.records.items()}

    def created(self, name: str) -> str | None:
        return self.records[name].created if name in self.records else None

    def apply(self, change: requests.ChangeAccount) -> None:
        self.records.pop(change.renamed_from, None)
        self.records.pop(change.name, None)
        if change.account is not None:
            self.records[change.name] = change.account

    def export(self) -> dict[str, Any]:
        return {
            name: [each.password_hash, each.is_disabled, each.created]
            for name, each in sorted(self.records.items())
        }

    def load(self, exported: Any) -> None:
        self.records = {name: requests.AccountRecord(*values) for name, values in exported.items()}


class Node:
    """A hub that reads the log, as far as it has come. It is its own backplane."""

    def __init__(self, log: Log, name: str, accounts: tuple[str, ...], burst: int = 0) -> None:
        """`burst`: moves of a user that this node announces at once. 0: all."""
        self.log = log
        self.limit = (
            PresenceLimit(burst, 3.0, lambda: None, lambda: log.stamp / 1_000_000)
            if burst
            else None
        )
        self.name = name
        self.read = 0
        """Entries of the log that are applied."""
        self.number = 0
        self.emitted: dict[str, int] = {}
        self.own: dict[int, requests.Request] = {}
        self.results: dict[int, Any] = {}
        self.records: list[Record] = []
        self.accounts = Accounts(*accounts)
        self.hub: Hub[Client] = self._hub()

    def _hub(self) -> Hub[Client]:
        table = self.accounts
        return Hub(
            TextEncoder(deliver).emit,
            table.is_active,
            self._no_clock,
            may_be_followed=table.exists,
            presence_limit=self.limit,
            record=self.records.append,
            backplane=self,
            accounts=table,
            bans=BanList(self._no_clock),
        )

    @staticmethod
    def _no_clock() -> int:
        raise AssertionError("a decision of the log asks for the time")

    def publish(self, session: Session[Client], texts: Any, is_action: bool) -> tuple[Client, ...]:
        return self.submit(requests.Publish(tuple(texts), is_action), session) or ()

    def submit(self, request: requests.Request, session: Session[Client] | None = None) -> Any:
        user = request.user if isinstance(request, requests.LogIn) else ""
        generation = 0
        if session is not None:
            user, generation = session.user, session.generation
        self.number += 1
        number = self.number
        self.own[number] = request
        self.log.append(request, user, generation, self.name, number)
        self.catch_up()
        return self.results.pop(number)

    def settle(self, session: Session[Client]) -> None:
        self.catch_up()

    def catch_up(self) -> None:
        while self.read < len(self.log.entries):
            self.apply(self.log.entries[self.read])
            self.read += 1

    def apply(self, entry: requests.Entry) -> None:
        # Entries without a node are appended by scripts, and never sent again.
        number = entry.number if entry.node else entry.stamp
        is_silent = number <= self.emitted.get(entry.node, 0)
        if not is_silent:
            self.emitted[entry.node] = number
        if entry.node == self.name and not is_silent:
            own = replace(entry, request=self.own.pop(entry.number))
            self.results[entry.number] = self.hub.replica.apply(own)
        else:
            self.hub.replica.apply(entry, is_silent=is_silent)

    def state(self) -> Any:
        """Return the replicated state as a snapshot that went through JSON."""
        snapshot = self.hub.replica.snapshot(self.log.stamp)
        return json.loads(json.dumps(snapshot.state))

    def rebuild(self, snapshot: Any, read: int) -> None:
        """Replace the state by a snapshot, and read on from there."""
        self.hub.replica.restore(requests.Snapshot(0, snapshot))
        self.read = read
        self.catch_up()

    def flat_records(self) -> list[Record]:
        records: list[Record] = []
        for record in self.records:
            if isinstance(record, LogSkipped):  # at each `rebuild`, for the gaps of the history
                continue
            assert isinstance(record, LogEntry)
            records += [with_time(each) for each in record.records]
        return records


def with_time(record: Record) -> Record:
    """Return a record whose time is its stamp, also if that is not given."""
    if isinstance(record, PublishedMessages):
        return record._replace(time=record.time or record.stamp)
    if isinstance(record, PrivateMessageSent):
        return replace(record, time=record.time or record.stamp)
    return record


class Log:
    """The entries, and the last stamp."""

    def __init__(self) -> None:
        self.entries: list[requests.Entry] = []
        self.stamp = START

    def append(
        self,
        request: requests.Request,
        user: str = "",
        generation: int = 0,
        node: str = "",
        number: int = 0,
    ) -> None:
        if isinstance(request, requests.LogIn):
            request = replace(request, client=None)
        stamp = self.stamp + 1
        self.stamp = stamp
        if isinstance(request, requests.Publish):
            self.stamp += len(request.texts) - 1
        self.entries.append(requests.Entry(stamp, request, user, generation, node, number))


class Embedded:
    """A hub without other servers, and its accounts and bans."""

    def __init__(self, log: Log, accounts: tuple[str, ...]) -> None:
        self._log = log
        self.accounts = Accounts(*accounts)
        self.records: list[Record] = []
        self.hub: Hub[Client] = Hub(
            TextEncoder(deliver).emit,
            self.accounts.is_active,
            lambda: log.stamp + 1,
            may_be_followed=self.accounts.exists,
            bans=BanList(lambda: (log.stamp + 1) / 1_000_000),
            record=self.records.append,
        )

    def change_account(self, change: requests.ChangeAccount) -> None:
        """Do what a reload of the users file does."""
        name, account = change.name, change.account
        created = self.accounts.created(name)
        self.accounts.apply(change)
        if change.renamed_from:
            self.hub.rename_users({change.renamed_from: name})
        elif account is None or (created is not None and created != account.created):
            self.hub.remove_users([name])
        elif account.is_disabled:
            self.hub.end_sessions([name], EndNotice(EndCause.ACCOUNT_DISABLED))

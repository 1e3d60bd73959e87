"""Writes the replicated state to Redis: all of it to an empty one, snapshots, and lost accounts.

The thread of the log's reader does it between two entries, so the state and its place in the log
belong together.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chat_server.backplane import snapshots, state_scripts
from chat_server.backplane.connection import RedisConnection
from chat_server.backplane.entry_codec import FORM, account_json
from chat_server.backplane.log_events import LogEvents
from chat_server.backplane.log_tail import LogTail
from chat_server.backplane.snapshots import Place
from chat_server.core import requests
from chat_server.tuning import Tuning


class PlacedState(NamedTuple):
    """The replicated state after the last entry that was applied, and which entry that was."""

    place: Place
    """With `alive` as it is now."""
    state: Mapping[str, Any]

    def packed(self) -> bytes:
        """Return it as a snapshot in Redis."""
        return snapshots.pack(self.place, self.state)


class StateWriter:
    """Writes the state of one server. Every method raises `BackplaneError`; one thread calls it."""

    def __init__(
        self,
        accounts: Callable[[], Mapping[str, requests.AccountRecord]],
        events: LogEvents,
        tuning: Tuning,
    ) -> None:
        """`accounts()`: all accounts of the replicated state."""
        self._accounts = accounts
        self._events = events
        self._tuning = tuning

    def seed(
        self, connection: RedisConnection, given: PlacedState, tail: LogTail, floor: int
    ) -> None:
        """Write the state and the newest entries to a Redis that has lost everything.

        With these entries, servers that have not read as far go on as if nothing was lost. Does
        nothing if another server was faster. `floor`: new stamps are above it.
        """
        place = given.place
        alive = set(place.alive)
        accounts = self._accounts()
        entries = tail.entries()
        arguments: list[str | bytes | int] = [
            *(secrets.token_hex(8), FORM, place.reached, place.number, floor),
            *(round(self._tuning.redis_lease_seconds * 1000), place.stamp, given.packed()),
            *(place.chain, len(place.applied)),
        ]
        for node, number in place.applied.items():
            arguments += [node, number, int(node in alive)]
        arguments.append(len(accounts))
        for name, account in accounts.items():
            arguments += [name, account_json(account)]
        arguments.append(len(entries))
        for identifier, fields in entries:
            arguments += [identifier, *fields[1::2]]
        if connection.run(state_scripts.SEED, *arguments) == [b"ok"]:
            self._events.log_seeded(len(entries))

    @staticmethod
    def write_snapshot(connection: RedisConnection, epoch: str, given: PlacedState) -> None:
        """Store a snapshot, unless the log has another epoch by now or went another way."""
        place = given.place
        arguments = (epoch, place.stamp, place.number, given.packed(), place.chain)
        connection.run(state_scripts.SNAPSHOT, *arguments)

    def write_accounts(self, connection: RedisConnection, epoch: str, stamp: int) -> None:
        """Write the accounts from memory, unless another server has, or this one is behind.

        `stamp`: of the last entry that was applied.
        """
        accounts = self._accounts()
        if not accounts:
            return
        arguments: list[str | bytes | int] = [epoch, stamp]
        for name, account in accounts.items():
            arguments += [name, account_json(account)]
        if connection.run(state_scripts.WRITE_ACCOUNTS, *arguments) == [b"ok"]:
            self._events.accounts_written(len(accounts))

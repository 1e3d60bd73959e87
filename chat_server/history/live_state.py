"""The part of the stored state that another file has to begin with, while the server runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chat_server.core import Record, records, values
from chat_server.history.store import misses_entries


class LiveState:
    """Subscriptions, open visits and accounts, as recorded. If the file is lost, they come back.

    Without them the next server would start with no subscriptions, and the end of a visit would
    have no start. Only the writer's thread uses it.
    """

    def __init__(
        self,
        subscriptions: Mapping[str, frozenset[str]] | None = None,
        accounts: Mapping[str, str | None] | None = None,
        log_position: int = 0,
        log_numbers: Mapping[str, int] | None = None,
    ) -> None:
        """Begin with what was stored, and the accounts with which it was compared."""
        self._subscriptions = {user: set(names) for user, names in (subscriptions or {}).items()}
        self._visits: dict[str, records.VisitStarted] = {}
        self._accounts = dict(accounts or {})
        self._positions = {
            node: records.LogPosition(log_position, node, number)
            for node, number in (log_numbers or {}).items()
        }
        """The last position in the log, by server."""

    def apply(self, record: Record) -> None:
        """Follow a record that was stored."""
        match record:
            case records.LogEntry():
                for each in (*record.records, record.position):
                    self.apply(each)
            case records.LogPosition(node=node):
                self._positions[node] = record
            case records.LogSkipped():
                self._skip(record)
            case records.VisitStarted(user):
                self._visits[user] = record
            case records.VisitEnded(user, room):
                visit = self._visits.get(user)
                if visit is not None and visit.room == room:
                    del self._visits[user]
            case values.Subscribed(user, publisher):
                self._subscriptions.setdefault(user, set()).add(publisher)
            case values.Unsubscribed(user, publisher):
                self._subscriptions.get(user, set()).discard(publisher)
            case values.UserForgotten(user):
                self._subscriptions.pop(user, None)
                self._visits.pop(user, None)
                self._accounts.pop(user, None)
            case records.AccountCreated(user, created):
                self._accounts[user] = created
            case records.AccountsChanged(accounts):
                self._accounts = dict(accounts)
            case records.AccountRenamed(old, new):
                if old in self._accounts:
                    self._accounts[new] = self._accounts.pop(old)
                if old in self._subscriptions:
                    self._subscriptions[new] = self._subscriptions.pop(old)
                visit = self._visits.pop(old, None)
                if visit is not None:
                    self._visits[new] = replace(visit, user=new)
                for names in self._subscriptions.values():
                    if old in names:
                        names.remove(old)
                        names.add(new)
            case _:
                pass

    def _skip(self, skipped: records.LogSkipped) -> None:
        """Follow a snapshot as the store does."""
        numbers = {node: each.number for node, each in self._positions.items() if node}
        if not misses_entries(skipped, self._stamp(), numbers):
            return
        if skipped.is_other_log:
            self._positions.clear()
        for node, number in {**skipped.numbers, "": 0}.items():
            self._positions[node] = records.LogPosition(skipped.stamp, node, number)
        self._visits.clear()
        self._subscriptions = {user: set(names) for user, names in skipped.subscriptions.items()}
        if skipped.accounts is not None:
            self._accounts = dict(skipped.accounts)

    def _stamp(self) -> int:
        return max((position.stamp for position in self._positions.values()), default=0)

    def accounts(self, current: Mapping[str, str | None]) -> dict[str, str | None]:
        """Return the accounts for `Store.start`.

        Not those of now, `current`: if the record of a rename is not stored yet, the account with
        the old name would look as if it was removed. But a new user may have logged in before the
        record `AccountsChanged`.
        """
        seen = self._subscriptions.keys() | self._visits.keys()
        return {name: current[name] for name in seen & current.keys()} | self._accounts

    def records(self) -> list[Record]:
        """Return the records that lead to this state.

        With a log the first one notes that the file does not have what was stored in the lost one.
        """
        numbers = {node: each.number for node, each in self._positions.items() if node}
        if numbers:
            stamp = self._stamp()
            subscriptions = {user: frozenset(names) for user, names in self._subscriptions.items()}
            return [records.LogSkipped(stamp, numbers, subscriptions), *self._visits.values()]
        subscribed: list[Record] = [
            values.Subscribed(user, name)
            for user, names in self._subscriptions.items()
            for name in sorted(names)
        ]
        return [*subscribed, *self._visits.values(), *self._positions.values()]

"""The accounts in Redis, as `chat-server users --redis` reads and changes them.

Every change is an entry of the log, so that all servers apply it at the same place. The hash of the
accounts is watched from the read to the change: no two programs can add names that look alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from chat_server.backplane.connection import RedisConnection, connect
from chat_server.backplane.entry_codec import (
    FORM,
    EntryError,
    account_from_json,
    account_json,
    encode,
)
from chat_server.backplane.log_events import BackplaneError
from chat_server.backplane.redis_settings import RedisSettings
from chat_server.backplane.scripts import APPEND, KEYS, STATE, USERS
from chat_server.core import requests

_ATTEMPTS: Final = 20
"""Most attempts while servers or other programs change accounts, too."""

Records = Mapping[str, requests.AccountRecord]
"""Accounts by canonical name."""


class AccountEditor:
    """A connection for one program that ends soon. Every method raises `BackplaneError`."""

    def __init__(self, connection: RedisConnection) -> None:
        """Use `open_account_editor` instead."""
        self._connection = connection
        self._epoch = b""
        """Of the log, when the accounts were read."""

    def read(self) -> dict[str, requests.AccountRecord]:
        """Return all accounts."""
        flat = self._connection.command("HGETALL", STATE)
        state = dict(zip(flat[::2], flat[1::2], strict=True))
        if b"epoch" not in state:
            raise BackplaneError(
                "Redis holds no accounts yet: the first server that starts with it imports its"
                " users file; start one, or edit that file with --users FILE"
            )
        if state.get(b"form") != FORM.encode():
            raise BackplaneError(
                "the servers have another version, whose accounts this program cannot change; use"
                " the program of their version"
            )
        self._epoch = state[b"epoch"]
        flat = self._connection.command("HGETALL", USERS)
        if not flat:
            raise BackplaneError(
                "Redis has lost the accounts, which a server writes back when it connects again;"
                " try again later"
            )
        try:
            return {
                name.decode("utf-8", "surrogatepass"): account_from_json(value)
                for name, value in zip(flat[::2], flat[1::2], strict=True)
            }
        except (EntryError, UnicodeDecodeError) as error:
            raise BackplaneError(f"the accounts in Redis cannot be read: {error}") from error

    def edit(self, decide: Callable[[Records], requests.ChangeAccount | None]) -> bool:
        """Change one account. Return False if `decide` returned None: nothing is to be changed.

        `decide` is called with all accounts, again if they change meanwhile.
        """
        for _ in range(_ATTEMPTS):
            self._connection.command("WATCH", USERS)
            now = self.read()
            change = decide(now)
            if change is None:
                return False
            if self._append(change, now.get(change.renamed_from or change.name)):
                return True
        raise BackplaneError("others change the accounts all the time; try again later")

    def _append(
        self, change: requests.ChangeAccount, expected: requests.AccountRecord | None
    ) -> bool:
        """Append the change to the log, unless an account has changed since the watch began.

        Also not if the log has lost something meanwhile.
        """
        before = "" if expected is None else account_json(expected)
        arguments = append_arguments(change, before, self._epoch)
        replies = self._connection.pipeline(
            [
                ("MULTI",),
                ("EVAL", APPEND.text, len(KEYS), *KEYS, *arguments),
                ("EXEC",),
            ]
        )
        self._connection.check(replies)
        results = replies[-1]
        if results is None:
            return False
        self._connection.check(results)
        return bool(results[0][0] == b"ok")


def append_arguments(
    change: requests.ChangeAccount,
    before: str | bytes,
    epoch: str | bytes,
    first_stamp: int = 0,
) -> tuple[str | bytes | int, ...]:
    """Return the arguments of `scripts.APPEND` for a change that belongs to no server.

    `before`: the account that is changed, as `account_json` has it, or empty. The entry contains
    it, so that the change can be made again. `epoch`: of the log. `first_stamp`: of the entry that
    the log has lost.
    """
    encoded = encode(change)
    return (
        *("", 0, encoded.kind, "", 0, first_stamp, encoded.stamps, before, encoded.data, 0),
        *(epoch, 0, 0),
        change.name,
        before,
        "" if change.account is None else account_json(change.account),
        change.renamed_from,
    )


@contextmanager
def open_account_editor(settings: RedisSettings, timeout: float) -> Iterator[AccountEditor]:
    """Connect to Redis. `timeout`: in seconds, for each step. Raises `BackplaneError`."""
    connection = connect(settings, timeout, "chat-server-users")
    try:
        yield AccountEditor(connection)
    finally:
        connection.close()

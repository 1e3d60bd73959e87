"""Authors whose messages are erased, while those leave the file in steps.

To delete all messages of an author in one transaction takes seconds, and nothing is stored in the
meantime. So an erasure only notes up to which id the author's messages are erased. From then on no
reader sees them. `erasure.remove_erased` deletes them later, also after a crash. By account, not by
name: a rename or a new account of the same name changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

_ERASED: Final = "erased_to:"
"""With the id of an account, a key of the state: the id of the last message that is erased."""

_REMOVED: Final = "removed_to:"
"""The same for the last message that `erasure.remove_erased` has looked at."""


def add(connection: sqlite3.Connection, author: str) -> int:
    """Erase all messages in rooms that are stored under a name. Return how many.

    Also those of former accounts with that name. Takes no longer if there are more messages.
    """
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()
    erased = load(connection)
    total = 0
    for account, count in connection.execute(
        "SELECT id, messages FROM account WHERE name = ? AND messages > 0", (author,)
    ).fetchall():
        if account in erased:  # counted before, up to that message
            (count,) = connection.execute(
                "SELECT count(*) FROM message WHERE id > ? AND author = ?",
                (erased[account], account),
            ).fetchone()
        total += count
        _set(connection, f"{_ERASED}{account}", last)
    return total


def load(connection: sqlite3.Connection) -> dict[int, int]:
    """Return up to which id messages are erased, by the id of their author."""
    rows = connection.execute(
        # The keys that begin with it: ";" is the character behind ":".
        "SELECT key, value FROM state WHERE key > ? AND key < ?",
        (_ERASED, _ERASED.replace(":", ";")),
    )
    return {int(key.removeprefix(_ERASED)): last for key, last in rows}


def condition(erased: Mapping[int, int], identity: str = "id") -> str:
    """Return a condition on `author` and the column `identity`: the message is not erased."""
    if not erased:
        return "1"
    terms = (f"author = {account} AND {identity} <= {last}" for account, last in erased.items())
    return f"NOT ({' OR '.join(terms)})"


def removed_to(connection: sqlite3.Connection, account: int) -> int:
    """Return the id up to which the erased messages of an account have left the file."""
    row = connection.execute(
        "SELECT value FROM state WHERE key = ?", (f"{_REMOVED}{account}",)
    ).fetchone()
    return 0 if row is None else int(row[0])


def set_removed_to(connection: sqlite3.Connection, account: int, identity: int) -> None:
    """Note that the erased messages of an account have left the file up to this id."""
    _set(connection, f"{_REMOVED}{account}", identity)


def finish(connection: sqlite3.Connection, account: int) -> None:
    """Note that all erased messages of an account have left the file."""
    connection.execute(
        "DELETE FROM state WHERE key IN (?, ?)", (f"{_ERASED}{account}", f"{_REMOVED}{account}")
    )


def _set(connection: sqlite3.Connection, key: str, identity: int) -> None:
    connection.execute("INSERT OR REPLACE INTO state VALUES(?, ?)", (key, identity))

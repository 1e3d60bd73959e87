"""Accounts in the history file: who an author is, retirement, renames, and the check at start."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from chat_server.history.sqlite.names import Names
from chat_server.history.store import PRUNE_ROWS


def match(
    connection: sqlite3.Connection, names: Names, accounts: Mapping[str, str | None]
) -> list[str]:
    """Retire the accounts that are not the ones of the users file. See `Store.match_accounts`."""
    known: dict[str, tuple[int, str | None]] = {
        name: (identity, created)
        for identity, name, created in connection.execute(
            "SELECT id, name, created FROM account WHERE is_retired = 0"
        )
    }
    forgotten = []
    for name, (identity, created) in known.items():
        # NULL: created by a record, before it was compared with the users file.
        is_same = name in accounts and created in (None, accounts[name] or "")
        if not is_same:
            retire(connection, names, identity)
            forgotten.append(name)
    gone = set(forgotten)
    connection.executemany(
        "INSERT INTO account(name, created) VALUES(?, ?)",
        [
            (name, created or "")
            for name, created in accounts.items()
            if name not in known or name in gone
        ],
    )
    connection.executemany(
        "UPDATE account SET created = ? WHERE id = ?",
        [
            (accounts[name] or "", identity)
            for name, (identity, created) in known.items()
            if created is None and name not in gone
        ],
    )
    names.clear()
    return forgotten


def compare(connection: sqlite3.Connection, names: Names, name: str, created: str | None) -> None:
    """Compare one account with its creation time. See `match`."""
    identity = names.account(name)
    if _is_other_account(connection, identity, created or ""):
        retire(connection, names, identity)
        identity = names.account(name)
    connection.execute("UPDATE account SET created = ? WHERE id = ?", (created or "", identity))


def _is_other_account(connection: sqlite3.Connection, identity: int, created: str) -> bool:
    """Return True if the account was compared before, and had another creation time."""
    (before,) = connection.execute(
        "SELECT created FROM account WHERE id = ?", (identity,)
    ).fetchone()
    return before not in (None, created)


def forget(connection: sqlite3.Connection, names: Names, name: str) -> None:
    """Retire the account with this name, if there is one."""
    identity = names.find_account(name)
    if identity is not None:
        retire(connection, names, identity)


def retire(connection: sqlite3.Connection, names: Names, identity: int) -> None:
    """Take the account out of use. Only its messages in rooms stay.

    Other users cannot see the rest from now on. If there are more than a thousand private messages,
    the retention deletes them later: this is one transaction.
    """
    connection.execute("UPDATE account SET is_retired = 1 WHERE id = ?", (identity,))
    connection.execute("DELETE FROM visit WHERE account = ?", (identity,))
    connection.execute("DELETE FROM subscription WHERE account = ?", (identity,))
    delete_private_of(connection, identity, PRUNE_ROWS)
    names.clear()


def delete_private_of(connection: sqlite3.Connection, identity: int, limit: int) -> int:
    """Delete up to `limit` private messages from and to an account. Return how many there were."""
    deleted = connection.execute(
        "DELETE FROM private WHERE id IN (SELECT private.id FROM conversation"
        " JOIN private ON private.conversation = conversation.id"
        " WHERE conversation.low = ?1 OR conversation.high = ?1 LIMIT ?2)",
        (identity, limit),
    ).rowcount
    if deleted < limit:
        connection.execute(
            "DELETE FROM hole WHERE is_private = 1 AND place IN"
            " (SELECT id FROM conversation WHERE low = ?1 OR high = ?1)",
            (identity,),
        )
        connection.execute("DELETE FROM conversation WHERE low = ?1 OR high = ?1", (identity,))
    return deleted


def rename(connection: sqlite3.Connection, names: Names, old: str, new: str) -> None:
    """Give the account another name, also in the subscriptions to it. May be repeated.

    If both names are in use, and one was not compared with the users file yet, then the same person
    has written under both while the rename was on its way. The old account is merged into the new
    one. If the users file had both, the new name belonged to another person before.
    """
    connection.execute(
        "UPDATE OR REPLACE subscription SET publisher = ? WHERE publisher = ?", (new, old)
    )
    old_id, new_id = names.find_account(old), names.find_account(new)
    if old_id is None or old_id == new_id:
        return
    if new_id is not None and _is_other_person(connection, old_id, new_id):
        retire(connection, names, new_id)
        new_id = None
    if new_id is None:
        connection.execute(
            "UPDATE account SET name = ?1 WHERE id = ?2 OR merged_into = ?2", (new, old_id)
        )
    else:
        _merge(connection, names, old_id, new_id)
        connection.execute(
            "UPDATE account SET name = ?1, is_retired = 1, merged_into = ?2"
            " WHERE id = ?3 OR merged_into = ?3",
            (new, new_id, old_id),
        )
    names.clear()


def _is_other_person(connection: sqlite3.Connection, old: int, new: int) -> bool:
    rows = connection.execute("SELECT created FROM account WHERE id IN (?, ?)", (old, new))
    return all(created is not None for (created,) in rows)


def _merge(connection: sqlite3.Connection, names: Names, old: int, new: int) -> None:
    """Move everything but the messages in rooms, which keep their author."""
    # What the new account has already stays: it is newer.
    for table in ("visit", "subscription"):
        connection.execute(
            f"UPDATE OR IGNORE {table} SET account = ? WHERE account = ?", (new, old)
        )
        connection.execute(f"DELETE FROM {table} WHERE account = ?", (old,))
    conversations = connection.execute(
        "SELECT id, low, high FROM conversation WHERE low = ?1 OR high = ?1", (old,)
    ).fetchall()
    for conversation, low, high in conversations:
        other = high if low == old else low
        # A conversation of an account with itself: two that wrote to each other were merged.
        target = names.conversation(new, new if other == old else other)
        connection.execute(
            "UPDATE private SET conversation = ?1,"
            " author = CASE author WHEN ?2 THEN ?3 ELSE author END,"
            " recipient = CASE recipient WHEN ?2 THEN ?3 ELSE recipient END"
            " WHERE conversation = ?4",
            (target, old, new, conversation),
        )
        connection.execute(
            "UPDATE OR IGNORE hole SET place = ? WHERE is_private = 1 AND place = ?",
            (target, conversation),
        )
        connection.execute(
            "UPDATE conversation SET pruned_before = max(pruned_before,"
            " (SELECT pruned_before FROM conversation WHERE id = ?)) WHERE id = ?",
            (conversation, target),
        )
        connection.execute("DELETE FROM conversation WHERE id = ?", (conversation,))

"""The index of words: creation, filling, deletion and merging. In write transactions.

It is an FTS5 table that holds no texts. New messages are not added with each commit, which would
double its cost, but a little later in larger steps, see `fill`. Until then the file says which
messages are missing, so a server that was killed adds them after its next start. Deleted messages
are deleted here in the same transaction, one statement for many rows.

FTS5 only notes a deletion; what was deleted leaves the file when the parts of the index are merged.
If its own merges were enough, the index would be twice as large as it needs to be before that
happens. So after many deletions all parts are merged, in steps. A merge starts again if the index
is changed, so meanwhile new messages are not added. They can be searched for when it is done,
seconds later.
"""

from __future__ import annotations

import sqlite3
from typing import Final

_MERGED_PAGES: Final = 250
"""Pages that one step of a merge writes: about 20 ms."""

_LARGE_MERGE_PAGES: Final = 1_000
"""The same for a command of an operator: some ten milliseconds."""

_FILLED_ROWS: Final = 2_000
"""Messages that one step adds: about 10 ms, during which no message is stored. As many as one
transaction stores, so the index catches up while messages are published."""

_LEAST_DELETED: Final = 5_000
"""Fewer deletions are not worth a merge."""

_DELETED_SHARE: Final = 4
"""A merge begins when the deleted messages are a quarter of those in the index."""

_UNINDEXED: Final = "unindexed_after"
"""Key of the state while messages are missing: the id of the last message in the index."""

_MERGING: Final = "is_merging"
"""Key of the state while a merge is on its way."""

_DELETED: Final = "deleted_words"
"""Key of the state: how many messages were deleted from the index since the last merge."""


def can_search(connection: sqlite3.Connection) -> bool:
    """Return True if this SQLite library has FTS5."""
    try:
        connection.execute("CREATE VIRTUAL TABLE temp.probe USING fts5(text)")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # no such module
            return False
        raise
    connection.execute("DROP TABLE temp.probe")
    return True


def is_usable(connection: sqlite3.Connection) -> bool:
    """Return True if there is an index, and this library can keep it up to date."""
    is_there = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'search_index'"
    ).fetchone()
    return is_there is not None and can_search(connection)


def prepare(connection: sqlite3.Connection, has_search: bool) -> None:
    """Create the index, or rebuild it if a server without FTS5 has changed the messages."""
    is_there = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'search_index'"
    ).fetchone()
    is_stale = _get(connection, "search_is_stale") is not None
    if not has_search:
        if is_there and not is_stale:
            _set(connection, "search_is_stale", 1)
        return
    if is_there and not is_stale:
        return
    if not is_there:
        # The sizes of columns would be for a ranking.
        connection.execute(
            "CREATE VIRTUAL TABLE search_index USING fts5(text, scope,"
            " content = 'search_content', content_rowid = 'id',"
            " columnsize = 0, tokenize = 'unicode61 remove_diacritics 2')"
        )
    connection.execute("INSERT INTO search_index(search_index) VALUES('rebuild')")
    for key in ("search_is_stale", _UNINDEXED, _MERGING, _DELETED):
        _unset(connection, key)


def is_complete(connection: sqlite3.Connection) -> bool:
    """Return True if no message is missing."""
    return _get(connection, _UNINDEXED) is None


def expect(connection: sqlite3.Connection, after: int) -> None:
    """Note that the messages with ids above `after` are missing, which were stored just now."""
    connection.execute("INSERT OR IGNORE INTO state VALUES(?, ?)", (_UNINDEXED, after))


def fill(connection: sqlite3.Connection) -> bool:
    """Add up to 2,000 missing messages. Return True if the next step has to add some, too.

    Does nothing while a merge is on its way.
    """
    indexed = _get(connection, _UNINDEXED)
    if indexed is None or is_merging(connection):
        return False
    (last, count) = connection.execute(
        "SELECT max(id), count(*) FROM (SELECT id FROM message WHERE id > ? ORDER BY id LIMIT ?)",
        (indexed, _FILLED_ROWS),
    ).fetchone()
    if count:
        connection.execute(
            # One statement: FTS5 writes its index at the end of each.
            "INSERT INTO search_index(rowid, text, scope)"
            " SELECT id, text, scope FROM search_content WHERE id > ? AND id <= ?",
            (indexed, last),
        )
    if count < _FILLED_ROWS:
        _unset(connection, _UNINDEXED)
        return False
    _set(connection, _UNINDEXED, last)
    return True


def remove(connection: sqlite3.Connection, ids: str) -> None:
    """Delete messages from the index. `ids` are numbers, with commas.

    Before their rows are deleted: FTS5 needs the texts to find its own entries. Other texts would
    damage it.
    """
    indexed = _get(connection, _UNINDEXED)
    where = f"id IN ({ids})" + ("" if indexed is None else f" AND id <= {indexed}")
    deleted = connection.execute(
        "INSERT INTO search_index(search_index, rowid, text, scope)"
        f" SELECT 'delete', id, text, scope FROM search_content WHERE {where}"
    ).rowcount
    _set(connection, _DELETED, (_get(connection, _DELETED) or 0) + deleted)


def is_merging(connection: sqlite3.Connection) -> bool:
    """Return True if a merge is on its way."""
    return _get(connection, _MERGING) is not None


def start_merge(connection: sqlite3.Connection) -> bool:
    """Begin a merge if much was deleted. Return True if it did."""
    deleted = _get(connection, _DELETED) or 0
    if deleted < _LEAST_DELETED:
        return False
    (stored,) = connection.execute("SELECT sum(messages) FROM room").fetchone()
    if deleted * _DELETED_SHARE < (stored or 0):
        return False
    _set(connection, _MERGING, 1)
    _set(connection, _DELETED, 0)
    return True


def continue_merge(connection: sqlite3.Connection) -> None:
    """Do one step: merge some pages."""
    before = connection.total_changes
    connection.execute(
        "INSERT INTO search_index(search_index, rank) VALUES('merge', ?)", (-_MERGED_PAGES,)
    )
    if connection.total_changes - before < 2:  # documented: nothing was left to merge
        _unset(connection, _MERGING)


def merge_all(connection: sqlite3.Connection) -> None:
    """Merge all parts: deleted words stay in the index until then. Not in a transaction.

    The same as the command "optimize" of FTS5, which would be one transaction of seconds, but in
    steps between which a server can write.
    """
    pages = -_LARGE_MERGE_PAGES  # negative: begin with all parts
    changes = -1
    while changes < 0 or connection.total_changes - changes >= 2:  # else it is done
        changes = connection.total_changes
        connection.execute(
            "INSERT INTO search_index(search_index, rank) VALUES('merge', ?)", (pages,)
        )
        pages = _LARGE_MERGE_PAGES


def _get(connection: sqlite3.Connection, key: str) -> int | None:
    row = connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
    return None if row is None else int(row[0])


def _set(connection: sqlite3.Connection, key: str, value: int) -> None:
    connection.execute("INSERT OR REPLACE INTO state VALUES(?, ?)", (key, value))


def _unset(connection: sqlite3.Connection, key: str) -> None:
    connection.execute("DELETE FROM state WHERE key = ?", (key,))

"""A history file with known contents, for the commands that work on it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from chat_server.core import Record
from chat_server.core.records import VisitEnded, VisitStarted
from chat_server.core.values import PrivateMessageSent, PublishedMessages, Subscribed
from chat_server.history.sqlite import SqliteStore
from tests.support.history_records import index

START = 1_795_000_000_000_000
"""The stamp of the first record: in November 2026."""

ALICE_IN_LOBBY = START + 10
"""The stamp of a message by alice."""

RECORDS: tuple[Record, ...] = (
    VisitStarted("alice", "lobby", START),
    VisitStarted("bob", "lobby", START + 1),
    Subscribed("bob", "alice"),
    Subscribed("alice", "*"),
    PublishedMessages("lobby", "alice", ("aardvarks are here",), ALICE_IN_LOBBY),
    PublishedMessages("lobby", "bob", ("badgers, too",), START + 20),
    PublishedMessages("dev", "alice", ("gets an alpaca",), START + 30, is_action=True),
    PrivateMessageSent("alice", "bob", "antelope in private", START + 40),
    PrivateMessageSent("bob", "alice", "bison for alice", START + 50, is_kept=True),
    PrivateMessageSent("bob", "carol", "beaver for carol", START + 60),
    VisitEnded("alice", "lobby", START + 70, is_orderly=True),
    PublishedMessages("lobby", "bob", ("buffalo at the end",), START + 80),
    VisitEnded("bob", "lobby", START + 80, is_orderly=True),
)

TEXTS_OF_ALICE = ("aardvark", "alpaca", "antelope", "bison")
"""A word of each message by or to alice. No other message contains one of them."""

TEXTS_OF_OTHERS = ("badger", "beaver", "buffalo")


def write_history(path: Path, *records: Record, accounts: tuple[str, ...] = ()) -> Path:
    """Store the records, or `RECORDS`, in a new history file. Return its path."""
    with closing(SqliteStore(path)) as store:
        store.start(dict.fromkeys(accounts or ("alice", "bob", "carol")))
        store.apply(records or RECORDS)
        index(store)
    return path


def bytes_of(path: Path) -> bytes:
    """Return all bytes of the history: the database and its write-ahead log."""
    return b"".join(
        file.read_bytes() for file in (path, path.with_name(f"{path.name}-wal")) if file.exists()
    )

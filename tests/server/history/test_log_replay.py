"""A log that a server reads again after each crash: the history is that of a server without one."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_server.core import Record
from chat_server.core.records import (
    LogEntry,
    LogPosition,
    MessagesErased,
    PrivateMessagesRead,
    VisitEnded,
    VisitStarted,
)
from chat_server.core.values import (
    AccountRenamed,
    PrivateMessageSent,
    PublishedMessages,
    Subscribed,
    Unsubscribed,
    UserForgotten,
)
from chat_server.history import PageRequest, PastMessage, Reader, Store
from chat_server.history.memory import MemoryStore
from chat_server.history.sqlite import SqliteStore

USERS = ("alice", "bob", "carol")
ROOMS = ("lobby", "dev")
NODES = ("one:1", "two:1")
MINUTE = 60_000_000


def record(kind: int, user: str, other: str, room: str, stamp: int) -> Record:
    """Return a record of one of the kinds that an entry has."""
    kinds: tuple[Record, ...] = (
        PublishedMessages(room, user, ("one", "two"), stamp),
        PublishedMessages(room, user, ("one",) * 9, stamp),
        PrivateMessageSent(user, other, "psst", stamp, is_kept=True),
        PrivateMessageSent(user, other, "psst", stamp),
        PrivateMessagesRead(user, other),
        VisitStarted(user, room, stamp),
        VisitEnded(user, room, stamp, is_orderly=True),
        VisitEnded(user, room, stamp, is_orderly=False),
        Subscribed(user, other),
        Unsubscribed(user, other),
        MessagesErased(stamp - MINUTE, user=user, is_operator=True),
        MessagesErased(0, author=user),
        UserForgotten(user),
        AccountRenamed(user, other),
    )
    return kinds[kind]


@st.composite
def logs(draw: st.DrawFn) -> list[LogEntry]:
    """Return a log in which the entries of each server are numbered, and some come again."""
    log: list[LogEntry] = []
    numbers = dict.fromkeys(NODES, 0)
    for place in range(1, draw(st.integers(1, 25)) + 1):
        stamp = place * MINUTE
        if log and draw(st.integers(0, 3)) == 0:
            again = draw(st.sampled_from(log))
            position = LogPosition(stamp, again.position.node, again.position.number)
            log.append(LogEntry(again.records, position))
            continue
        user, other = draw(st.permutations(USERS))[:2]
        node = draw(st.sampled_from(NODES))
        numbers[node] += 1
        records = tuple(
            record(kind, user, other, draw(st.sampled_from(ROOMS)), stamp + 100 * index)
            for index, kind in enumerate(draw(st.lists(st.integers(0, 13), max_size=3)))
        )
        log.append(LogEntry(records, LogPosition(stamp, node, numbers[node])))
    return log


def unseen(log: list[LogEntry], store: Store) -> Iterator[LogEntry]:
    """Yield what a server records that reads the log from the start, as its reader decides it."""
    emitted = dict(store.saved_state().log_numbers)
    for each in log:
        if each.position.number > emitted.get(each.position.node, 0):
            emitted[each.position.node] = each.position.number
            yield each


def stored(store: Store) -> dict[str, Any]:
    """Return everything that users can see of a store."""
    reader = store.reader
    seen: dict[str, Any] = {"saved": store.saved_state()}
    for user in USERS:
        seen[f"rooms of {user}"] = reader.visited_rooms(user)
        for room in ROOMS:
            everyone = Reader(user, room, frozenset({"*"}))
            page = reader.room_page(everyone, PageRequest(200))
            seen[f"{user} in {room}"] = (
                *(page, reader.read_marker(user, room), reader.unread_in(everyone, room)),
            )
        seen[f"unread of {user}"] = reader.unread_private(everyone)
        for other in USERS:
            seen[f"{user} with {other}"] = reader.private_page(user, other, PageRequest(200))
    return seen


@settings(max_examples=60, deadline=None)
@given(logs(), st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), max_size=6))
def test_log_that_is_read_again_after_each_crash_is_stored_once(
    log: list[LogEntry], crashes: list[tuple[int, int]]
) -> None:
    """Each crash comes after some batches of a size, and what follows was not stored."""
    uncut = MemoryStore()
    for each in unseen(log, uncut):
        uncut.apply([each])
    with TemporaryDirectory() as folder, closing(SqliteStore(Path(folder) / "h.db")) as on_disk:
        for store in (MemoryStore(), on_disk):
            for batches, size in crashes:
                rest = list(unseen(log, store))
                for start in range(0, min(batches * size, len(rest)), size):
                    store.apply(rest[start : start + size])
                store.start(None, shares_log=True)
            store.apply(list(unseen(log, store)))
            assert stored(store) == stored(uncut)


ENTRIES = 3000

SERVER = """
import sys
from dataclasses import replace
from pathlib import Path
from chat_server.config import Config
from chat_server.tuning import Tuning
from chat_server.core.records import LogEntry, LogPosition, MessagesErased
from chat_server.core.values import PublishedMessages
from chat_server.history import open_history
from chat_server.observability import EventLog

path, entries, start = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
config = replace(
    Config(users=path.with_name("users.json")),
    history=path,
    history_days=0,
    redis="redis://localhost",
    tuning=Tuning(history_commit_seconds=0.001),
)
history, problem = open_history(config, lambda: None, EventLog(sys.stderr, "error"))
assert history is not None, problem
saved = history.saved_state()
emitted = saved.log_numbers.get("one:1", 0)
history.start()
for place in range(1, entries + 1):
    number = place if place % 7 else place - 3  # every seventh one comes again
    if number > emitted:
        emitted = number
        stamp = place * 100 + start * 10  # what was lost and came again has a new one
        records = [
            PublishedMessages("lobby", "alice", (f"a{number}", f"b{number}"), stamp),
            PublishedMessages("lobby", "eve", (f"spam {number}",), stamp + 2),
        ]
        if number % 50 == 8:
            records.append(MessagesErased(0, "eve"))
        history.record(LogEntry(tuple(records), LogPosition(stamp, "one:1", number)))
    if place % 20 == 0:
        print(place, flush=True)
history.stop()
print("done", flush=True)
"""


def test_every_message_is_stored_once_over_kills_at_random_places(tmp_path: Path) -> None:
    path = tmp_path / "users.history.db"
    command = [sys.executable, "-c", SERVER, str(path), str(ENTRIES)]
    chance = random.Random(15)
    kills = 0
    counts = [*(chance.randrange(1, ENTRIES // 20) for _ in range(5)), ENTRIES]
    for start, lines in enumerate(counts):
        with subprocess.Popen([*command, str(start)], stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            for _ in range(lines):
                if program.stdout.readline() in ("", "done\n"):
                    break
            else:
                program.send_signal(signal.SIGKILL)
                kills += 1
    assert program.returncode == 0
    assert kills == 5
    found: list[str] = []
    with closing(SqliteStore(path)) as store:
        after = 0
        while True:
            request = PageRequest(200, after, newest=False)
            page = store.reader.room_page(Reader("bob", "lobby", frozenset({"*"})), request)
            found += [entry.text for entry in page.entries if isinstance(entry, PastMessage)]
            if page.later is None:
                break
            after = page.later
    numbers = [number for number in range(1, ENTRIES + 1) if number % 7]
    last_erasure = max(number for number in numbers if number % 50 == 8)
    assert found == [
        text
        for number in numbers
        for text in (f"a{number}", f"b{number}", f"spam {number}")
        if number > last_erasure or not text.startswith("spam")
    ]

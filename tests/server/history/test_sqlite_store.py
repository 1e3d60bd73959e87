"""What only the store on disk does: its files, its errors, its schema, and other processes."""

import gzip
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from chat_server.config import HistoryFrom
from chat_server.core import Record
from chat_server.core.records import AccountRenamed
from chat_server.core.values import PublishedMessages
from chat_server.history import (
    NewerSchemaError,
    NotHistoryFileError,
    PageRequest,
    Retention,
    SearchTooSlowError,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
)
from chat_server.history.sqlite import HistoryUpkeep, SqliteStore
from chat_server.history.sqlite.connections import open_writer
from chat_server.history.sqlite.schema import STEPS, VERSION, migrate
from tests.support.history_records import (
    DAY,
    entered,
    followed,
    index,
    left,
    reads,
    room_stamps,
    said,
    search,
    sent,
    shown,
)

FIXTURES = Path(__file__).parent / "schema_versions"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.history.db"


def files(path: Path) -> dict[str, bytes]:
    """Return the contents of all files of the history."""
    return {file.name: file.read_bytes() for file in sorted(path.parent.iterdir())}


def check(store: SqliteStore) -> None:
    """Check the file, the counts and the index of words."""
    with HistoryUpkeep(store.path) as upkeep:
        upkeep.check()
        upkeep.check_search()


# Files


def test_only_the_owner_can_read_any_file_of_the_store(path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(SqliteStore(path)) as store:
            store.apply([said("alice", 1)])
            room_stamps(store, reads("bob", "*"))
            modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys((path.name + end for end in ("", "-wal", "-shm")), 0o600)


def test_existing_file_is_closed_to_other_users(path: Path) -> None:
    SqliteStore(path).close()
    path.chmod(0o664)
    SqliteStore(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_messages_survive_reopening(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1, "hello"), followed("bob", "alice"), entered("bob", 1)])
    with closing(SqliteStore(path)) as store:
        assert room_stamps(store, reads("bob", "alice")) == [1]
        assert store.saved_state().subscriptions == {"bob": {"alice"}}
        assert store.saved_state().last_stamp == 1_000_001


def test_path_with_special_characters_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory#b %41.db"
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1)])
        assert room_stamps(store, reads("bob", "*")) == [1]
    assert path.stat().st_size > 0


def test_link_to_file_is_followed(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    SqliteStore(link).close()
    assert link.is_symlink()
    assert path.is_file()


# Errors


def test_missing_folder_is_an_error_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file or directory"):
        SqliteStore(tmp_path / "missing" / "history.db")


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" * 400])
def test_garbage_is_reported_as_corrupt(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises((StoreCorruptError, NotHistoryFileError)):
        SqliteStore(path)
    assert path.read_bytes() == content


def test_truncated_file_is_reported_as_corrupt(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1, *["text"] * 500)])
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StoreCorruptError):
        SqliteStore(path)


def test_overwritten_page_is_reported_as_corrupt_when_it_is_read(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1, *["text"] * 5_000)])
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * (size - 4096 * 3))
    with pytest.raises(StoreCorruptError):
        _use(path)


def _use(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.start({})
        store.reader.room_page(reads("bob", "*"), PageRequest())


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE bookmark(url)",
        "CREATE TABLE bookmark(url); PRAGMA user_version = 7",
        "PRAGMA user_version = 7",
        "PRAGMA application_id = 7",
    ],
)
def test_database_of_another_program_is_left_alone(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.executescript(statement)
    path.chmod(0o644)
    before = files(path)
    with pytest.raises(NotHistoryFileError, match="it is a database of another program"):
        SqliteStore(path)
    assert files(path) == before
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("content", [b"{}", b"not a database at all" * 100])
def test_file_that_is_not_a_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "users.json"
    path.write_bytes(content)
    before = files(path)
    with pytest.raises(NotHistoryFileError, match="it is not a history file"):
        SqliteStore(path)
    assert files(path) == before


def test_database_without_a_table_becomes_a_history(path: Path) -> None:
    with closing(
        sqlite3.connect(path)
    ) as killed:  # a server that was killed during its first start
        killed.execute("PRAGMA journal_mode = WAL")
    assert path.stat().st_size > 0
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1)])
        assert room_stamps(store, reads("bob", "*")) == [1]


def test_folder_in_place_of_file_is_an_error(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreError, match="directory"):
        SqliteStore(path)


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_lock_of_another_process_is_reported_as_busy(path: Path) -> None:
    with closing(SqliteStore(path, lock_timeout=0)) as store:
        with write_lock(path):
            with pytest.raises(StoreBusyError):
                store.apply([said("alice", 1)])
            assert room_stamps(store, reads("bob", "*")) == []
        store.apply([said("alice", 1)])
        assert room_stamps(store, reads("bob", "*")) == [1]


def test_full_disk_changes_nothing_and_later_batches_are_stored(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1)])
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        batch: list[Record] = [
            said("carol", 10, *["text"] * 5_000, room="dev"),
            entered("dave", 9_000, "new"),
        ]
        with pytest.raises(StoreFullError):
            store.apply(batch)
        assert room_stamps(store, reads("bob", "*")) == [1]
        assert store.saved_state().last_stamp == 1_000_001
        store._connection.execute("PRAGMA max_page_count = 100000")
        # The ids of names that were rolled back are not used.
        store.apply([said("eve", 6_000)])
        store.apply(batch)
        assert room_stamps(store, reads("bob", "carol", room="dev"))[0] == 4_810
        assert room_stamps(store, reads("bob", "eve")) == [6_000]
        assert store.reader.visited_rooms("dave") == ["new"]
        check(store)


def test_write_to_read_only_database_is_reported_as_such(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreReadOnlyError):
            store.apply([said("alice", 1)])


def test_page_that_takes_too_long_is_cut(path: Path) -> None:
    with closing(SqliteStore(path, read_timeout=0)) as store:
        store.apply([said("alice", 1, *["text"] * 9_000), said("carol", 20_000, room="dev")])
        with pytest.raises(StoreBusyError):
            store.reader.room_page(reads("bob", "carol"), PageRequest())


def test_search_that_takes_too_long_is_cut(path: Path) -> None:
    authors = [f"author{number}" for number in range(100)]
    with closing(SqliteStore(path, read_timeout=0)) as store:
        store.apply([said(name, stamp, room="dev") for stamp, name in enumerate(authors)])
        store.apply([said("alice", 1000, *["word"] * 9_000)])
        with pytest.raises(SearchTooSlowError):
            search(store, reads("bob", *authors), ["word"])
        assert len(search(store, reads("bob", "*"), ["word"]).entries) == 20


# Schema


def test_newer_schema_is_refused_and_file_left_alone(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1)])
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = files(path)
    with pytest.raises(NewerSchemaError, match=f"version is {VERSION + 1}"):
        SqliteStore(path)
    assert files(path) == before


def test_newer_schema_that_is_only_in_the_log_is_refused(path: Path) -> None:
    """The other server was killed before a checkpoint: the header of the file is old."""
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")
        with pytest.raises(NewerSchemaError):
            SqliteStore(path)


def test_file_that_was_created_but_not_filled_is_used(path: Path) -> None:
    path.touch()
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1)])
        assert room_stamps(store, reads("bob", "*")) == [1]


NEXT_STEP = ("ALTER TABLE message ADD COLUMN likes INTEGER", "UPDATE message SET likes = id")


def test_step_brings_old_file_to_next_version(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1, "a", "b")])
    with closing(open_writer(path, 0)) as connection:
        migrate(connection, (*STEPS, NEXT_STEP))
        assert connection.execute("SELECT likes FROM message").fetchall() == [(1,), (2,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)
        migrate(connection, (*STEPS, NEXT_STEP))


def test_step_that_fails_leaves_old_version(path: Path) -> None:
    SqliteStore(path).close()
    with closing(open_writer(path, 0)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, (*STEPS, (*NEXT_STEP, "UPDATE missing SET x = 1")))
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(message)")]
        assert "likes" not in columns


def test_files_of_all_versions_are_in_the_tests() -> None:
    names = {file.name for file in FIXTURES.iterdir()}
    assert names == {f"version_{number}.db.gz" for number in range(1, VERSION + 1)}


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_file_of_each_version_can_be_used(version: int, path: Path) -> None:
    """The files were written by `write_history` of `tests/support/stored_history.py`."""
    path.write_bytes(gzip.decompress((FIXTURES / f"version_{version}.db.gz").read_bytes()))
    with closing(SqliteStore(path)) as store:
        assert store.start(dict.fromkeys(("alice", "bob", "carol"))) == []
        assert len(room_stamps(store, reads("bob", "alice"))) == 3
        found = search(store, reads("carol", "*"), ["badgers"])
        newest = store.saved_state().last_stamp
        store.apply([said("carol", newest, "new")])
        assert room_stamps(store, reads("carol"))[-1] == newest
        assert len(found.entries) == 1
        assert store.saved_state().waiting == {("alice", "bob"): 1}
        check(store)


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_file_of_each_version_ends_with_the_schema_of_a_new_file(
    version: int, path: Path, tmp_path: Path
) -> None:
    path.write_bytes(gzip.decompress((FIXTURES / f"version_{version}.db.gz").read_bytes()))
    schemas = []
    for file in (path, tmp_path / "new.db"):
        with closing(SqliteStore(file)) as store:
            rows = store._connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
            schemas.append(sorted(rows))
    assert schemas[0] == schemas[1]


# Batches


def test_batch_with_runs_of_all_lengths_is_stored_in_order_and_once(path: Path) -> None:
    lengths = (1, 7, 8, 49, 50, 51, 3, 120, 1, 1, *[1] * 60, 2)
    runs: list[Record] = []
    stamp = 1
    for number, length in enumerate(lengths):
        author, room = ("alice", "lobby") if number % 3 else ("bob", "dev")
        said_texts = (f"{stamp + offset}" for offset in range(length))
        runs.append(said(author, stamp, *said_texts, room=room)._replace(is_action=number % 2 == 0))
        stamp += length + 5
    expected = [
        (run.stamp + offset, run.room, run.author, run.is_action, text)
        for run in runs
        if isinstance(run, PublishedMessages)
        for offset, text in enumerate(run.texts)
    ]
    with closing(SqliteStore(path)) as store:
        store.apply(runs[:40])
        store.apply(runs)
        rows = store._connection.execute(
            "SELECT stamp, room.name, account.name, is_action, text FROM message"
            " JOIN room ON room.id = room JOIN account ON account.id = author ORDER BY message.id"
        ).fetchall()
        assert rows == expected
        check(store)


# Search


def test_store_without_fts5_does_all_but_search(path: Path) -> None:
    with closing(SqliteStore(path, use_search=False)) as store:
        assert not store.has_search
        store.apply([said("alice", 1, "one", "two")])
        assert store.erase_message(1, "alice", is_operator=False) == "alice"
        assert room_stamps(store, reads("bob", "*")) == [2]


def test_index_of_words_is_rebuilt_after_server_without_fts5(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1, "first", "erased")])
    with closing(SqliteStore(path, use_search=False)) as store:
        store.erase_message(2, "alice", is_operator=False)
        store.apply([said("alice", 3, "later")])
    with closing(SqliteStore(path)) as store:
        reader = reads("alice")
        hits = [shown(search(store, reader, [word])) for word in ("first", "erased", "later")]
        assert hits == [[1], [], [3]]
        check(store)


def test_message_is_found_once_it_is_in_the_index(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        index(store)
        store.apply([said("alice", 1, "word")])
        assert not store.is_indexed
        assert shown(store.reader.search(reads("alice"), ["word"])) == []
        index(store)
        assert shown(store.reader.search(reads("alice"), ["word"])) == [1]


def test_index_adds_what_was_missing_when_the_store_was_closed(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1, "word")])
        index(store)
        store.apply([said("alice", 2, "word", "word")])
        store.apply([said("alice", 4, "word")])
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 5, "word")])
        assert store.erase_message(3, "alice", is_operator=False) == "alice"
        assert shown(search(store, reads("alice"), ["word"])) == [1, 2, 4, 5]
        check(store)


def test_index_adds_messages_in_steps(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1, *["word"] * 4_100)])
        assert [store.index() for _ in range(4)] == [True, True, False, False]
        assert store.is_indexed
        assert len(search(store, reads("alice"), ["word"]).entries) == 20
        check(store)


def test_check_adds_what_is_missing_in_the_index(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1, *["word"] * 2_100)])
    with HistoryUpkeep(path) as upkeep:
        upkeep.check_search()
    with closing(SqliteStore(path)) as store:
        assert not store.index()
        assert len(store.reader.search(reads("alice"), ["word"]).entries) == 20


def test_messages_during_merge_of_index_are_found_after_it(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        for batch in range(8):
            store.apply([said("alice", 1 + 1000 * batch, *["word"] * 1000)])
        index(store)
        retention = Retention(days=0, messages=2_000)
        steps = 0
        while (
            store._connection.execute("SELECT 1 FROM state WHERE key = 'is_merging'").fetchone()
            is None
        ):
            assert store.prune(retention, DAY).has_more
        store.apply([said("alice", 9_001, "late")])
        assert store.erase_message(9_001, "alice", is_operator=False) == "alice"
        store.apply([said("alice", 9_002, "late"), said("alice", 9_003, "late")])
        assert not store.index()
        assert not store.is_indexed
        assert store.erase_message(7_000, "alice", is_operator=False) == "alice"
        while store.prune(retention, DAY).has_more:
            steps += 1
        assert steps > 1
        assert shown(search(store, reads("alice"), ["late"])) == [9_002, 9_003]
        check(store)


# Retention


def test_retention_keeps_file_within_its_size(path: Path) -> None:
    size = 1024 * 1024
    retention = Retention(days=0, messages=0, size=size)
    counts = []
    with closing(SqliteStore(path)) as store:
        for batch in range(10):
            texts = [f"{batch} {number} " + "word " * 18 for number in range(1000)]
            store.apply([said("alice", 1 + batch * 2000, *texts)])
            store.apply([sent("alice", "bob", 1_500 + batch * 2000, "word " * 18)])
            while store.prune(retention, DAY).has_more:
                pass
            assert store.used_bytes() <= size
            counts.append(store._connection.execute("SELECT count(*) FROM message").fetchone()[0])
        assert min(counts[6:]) > 3_000
        page = store.reader.room_page(reads("bob", "*"), PageRequest(200))
        assert shown(page)[-1] == 19_000
        page = store.reader.room_page(reads("bob", "*"), PageRequest(1, newest=False))
        oldest = page.entries[0].stamp
        assert page.pruned_before is not None
        assert oldest - 1000 <= page.pruned_before <= oldest
        private = store.reader.private_page("alice", "bob", PageRequest(200))
        assert private.pruned_before == private.entries[0].stamp - 1999
        assert private.pruned_before < oldest
        check(store)


def test_retention_step_is_one_small_transaction(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.apply([said("alice", 1, *["text"] * 2_500)])
        steps = []
        while (step := store.prune(Retention(days=1), 10 * DAY)).has_more:
            steps.append(step.messages)
        assert steps[:3] == [1000, 1000, 500]


def test_retention_removes_what_belongs_to_nothing(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.start({"alice": None, "bob": None})
        store.apply([said("alice", DAY), entered("alice", DAY, "dev"), entered("bob", DAY, "x")])
        store.apply([sent("alice", "bob", DAY + 1), left("bob", DAY + 2, "x")])
        assert store.match_accounts({"bob": None}) == ["alice"]
        while store.prune(Retention(days=30), 60 * DAY).has_more:
            pass
        names = {
            table: [row[0] for row in store._connection.execute(f"SELECT name FROM {table}")]
            for table in ("account", "room")
        }
        assert names == {"account": ["bob"], "room": ["x"]}
        # The ids of what was removed are not used.
        store.apply([said("alice", 60 * DAY), entered("bob", 60 * DAY, "dev")])
        assert room_stamps(store, reads("alice")) == [60 * DAY]
        assert store.reader.visited_rooms("bob") == ["dev", "x"]


# How far back a user may read


def test_history_from_account_begins_with_its_creation(path: Path) -> None:
    day = 1_767_225_600_000_000  # 2026-01-01
    with closing(SqliteStore(path, HistoryFrom.ACCOUNT)) as store:
        store.start({"bob": "2026-01-01T00:00:00Z", "eve": None, "alice": None})
        store.apply([said("alice", day - 1, "word bob"), said("alice", day, "word bob")])
        assert room_stamps(store, reads("bob", "*")) == [day]
        assert room_stamps(store, reads("eve", "*")) == [day - 1, day]
        assert room_stamps(store, reads("not yet compared", "*")) == []
        assert shown(search(store, reads("bob", "*"), ["word"])) == [day]
        unread = store.reader.unread_in(reads("bob", "*", room="dev"), "lobby", 0)
        assert (unread.count, unread.mentions) == (1, 1)


def test_history_from_visit_begins_with_first_visit_to_the_room(path: Path) -> None:
    with closing(SqliteStore(path, HistoryFrom.VISIT)) as store:
        store.apply([said("alice", 1, "word"), entered("bob", 1), said("alice", 2, "word")])
        store.apply([left("bob", 3), said("alice", 4, "word"), entered("bob", 4)])
        reader = reads("bob", "*")
        assert room_stamps(store, reader) == [2, 4]
        assert shown(search(store, reader, ["word"])) == [2, 4]
        assert room_stamps(store, reads("eve", "*")) == []
        page = store.reader.room_page(reader, PageRequest(1))
        assert page.earlier == 4
        assert store.reader.room_page(reader, PageRequest(1, before=4)).earlier is None


# Other threads and processes


def test_changes_of_another_process_are_noticed(path: Path) -> None:
    with closing(SqliteStore(path)) as server, closing(SqliteStore(path)) as command:
        server.apply([said("alice", 1), entered("alice", 1), followed("alice", "bob")])
        command.apply([AccountRenamed("alice", "anna")])
        server.apply([said("anna", 2), entered("anna", 3)])
        assert room_stamps(server, reads("anna")) == [1, 2]
        assert server.reader.read_marker("anna", "lobby") == 1
        with HistoryUpkeep(path) as upkeep:
            assert sum(upkeep.forget("anna", keeps_account=True)) == 2
        server.apply([said("anna", 4)])
        assert room_stamps(server, reads("anna")) == [4]
        check(server)


def test_threads_read_while_one_writes(path: Path) -> None:
    failures: list[BaseException] = []
    done = threading.Event()

    def read(store: SqliteStore) -> None:
        seen = 0
        try:
            while not done.is_set() or seen < 300:
                stamps = room_stamps(store, reads("bob", "*"))
                newest = int(stamps[-1]) if stamps else 0
                # Each batch is seen as a whole, and nothing is taken back.
                assert newest >= seen
                assert newest % 10 == 0
                assert len(store.reader.search(reads("bob", "*"), ["word"]).entries) <= 20
                seen = newest
        except BaseException as error:
            failures.append(error)

    with closing(SqliteStore(path)) as store:
        threads = [threading.Thread(target=read, args=(store,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for batch in range(30):
            store.apply([said("alice", 1 + batch * 10, *["word"] * 10)])
        done.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(store.reader._idle) <= 4

"""Long commands on a history file can be stopped at any moment: nothing is lost or left behind."""

from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest

from chat_server.core.values import PublishedMessages
from chat_server.history.sqlite import HistoryUpkeep, SqliteStore, back_up, restore_backup
from tests.support.stored_history import START, bytes_of, write_history

MESSAGES = 30_000
AUTHORS = (("alice", "aardvark"), ("bob", "badger"))
"""With a word of their messages. The first words of a page of the index are stored as they are, so
a search for these bytes finds them."""


class Stop:
    """A progress function that raises `KeyboardInterrupt`, as after Ctrl+C, at its nth call."""

    def __init__(self, calls: int = 1) -> None:
        self.left = calls

    def __call__(self) -> None:
        self.left -= 1
        if self.left <= 0:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a history file with messages by alice and by bob in turn."""
    return write_history(
        tmp_path_factory.mktemp("large") / "large.db",
        *(
            PublishedMessages("lobby", author, (f"{word}{n} message",), START + n)
            for n, (author, word) in zip(range(MESSAGES), cycle(AUTHORS), strict=False)
        ),
    )


@pytest.fixture
def file(large: Path, tmp_path: Path) -> Path:
    """Return a copy of the large file."""
    copy = tmp_path / "h.db"
    back_up(large, copy)
    return copy


def count(file: Path) -> int:
    """Return how many messages the sound file holds."""
    with HistoryUpkeep(file, read_only=True) as opened:
        opened.check()
        return sum(room.messages for room in opened.stats().rooms)


def test_stopped_backup_leaves_no_file(large: Path, tmp_path: Path) -> None:
    stop = Stop()
    with pytest.raises(KeyboardInterrupt):
        back_up(large, tmp_path / "backup.db", stop)
    assert stop.left == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("calls", [1, 3])
def test_stopped_restore_changes_nothing(large: Path, tmp_path: Path, calls: int) -> None:
    file = write_history(tmp_path / "h.db")
    before = file.read_bytes()
    stop = Stop(calls)
    with pytest.raises(KeyboardInterrupt):
        restore_backup(large, file, lambda _: None, stop)
    assert stop.left == 0
    assert [path.name for path in tmp_path.iterdir()] == ["h.db"]
    assert file.read_bytes() == before


def test_stopped_forget_keeps_other_messages_and_can_be_run_again(file: Path) -> None:
    steps: list[int] = []
    with pytest.raises(KeyboardInterrupt), HistoryUpkeep(file, progress=Stop(10)) as opened:
        steps.extend(opened.forget("alice", keeps_account=True))
    removed = sum(steps)
    assert 0 < removed < MESSAGES / 2
    assert count(file) == MESSAGES - removed
    with HistoryUpkeep(file) as opened:
        assert sum(opened.forget("alice", keeps_account=True)) == MESSAGES / 2 - removed
        assert b"aardvark" in bytes_of(file)
        assert opened.wipe()
    assert b"aardvark" not in bytes_of(file)
    assert b"badger" in bytes_of(file)
    assert count(file) == MESSAGES / 2
    with HistoryUpkeep(file) as opened:
        opened.check_search()


def test_stopped_compact_loses_nothing(file: Path) -> None:
    with pytest.raises(KeyboardInterrupt), HistoryUpkeep(file, progress=Stop()) as opened:
        opened.compact()
    assert count(file) == MESSAGES


def test_server_stores_messages_between_two_steps_of_forget(file: Path) -> None:
    with closing(SqliteStore(file)) as store, HistoryUpkeep(file) as opened:
        steps = 0
        for _ in opened.forget("alice", keeps_account=True):
            store.apply([PublishedMessages("lobby", "bob", ("live",), START + MESSAGES + steps)])
            steps += 1
    assert steps >= MESSAGES / 2 / 1000
    assert count(file) == MESSAGES / 2 + steps


def test_stats_sees_one_state_while_server_writes(file: Path) -> None:
    with closing(SqliteStore(file)) as store, HistoryUpkeep(file, read_only=True) as opened:
        opened.stats()
        store.apply([PublishedMessages("lobby", "bob", ("live",), START + MESSAGES)])
        opened.check()
        assert sum(room.messages for room in opened.stats().rooms) == MESSAGES

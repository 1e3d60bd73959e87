"""The file of what the user has read: several windows, broken files, few writes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from chat_server.wire.stamps import format_stamp
from chat_tui.model import UnreadNumbers
from chat_tui.storage.problems import StorageProblems
from chat_tui.storage.stamp_store import StampStore
from tests.support.fake_clock import FakeClock

ALICE = ("127.0.0.1:9000", "alice")
ONE = UnreadNumbers(1)
OLD, NEW = format_stamp(1_800_000_000_000_000), format_stamp(1_800_000_000_000_001)


def file_of(folder: Path) -> Path:
    (path,) = (folder / "stamps").glob("*.json")
    return path


def test_stamps_are_kept_for_each_account(tmp_path: Path) -> None:
    store = StampStore(tmp_path)
    store.open(ALICE)
    store.read_up_to({"dev": OLD, "@bob": NEW})
    store.save()
    assert StampStore(tmp_path).read(ALICE) == {"dev": OLD, "@bob": NEW}
    assert StampStore(tmp_path).read(("127.0.0.1:9000", "bob")) == {}
    assert stat.S_IMODE(file_of(tmp_path).stat().st_mode) == 0o600


def test_newest_stamp_of_several_windows_wins(tmp_path: Path) -> None:
    windows = [StampStore(tmp_path) for _ in range(2)]
    for window in windows:
        window.open(ALICE)
    windows[0].read_up_to({"dev": NEW, "ops": OLD})
    windows[0].save()
    windows[1].read_up_to({"dev": OLD})
    windows[1].save()
    assert StampStore(tmp_path).read(ALICE) == {"dev": NEW, "ops": OLD}


def test_stamps_that_went_down_replace_those_of_the_file(tmp_path: Path) -> None:
    store = StampStore(tmp_path)
    store.open(ALICE)
    store.read_up_to({"dev": NEW, "ops": NEW})
    store.save()
    store.start_over("dev")
    store.save()
    assert StampStore(tmp_path).read(ALICE) == {"ops": NEW}
    store.read_up_to({"dev": OLD})
    store.save()
    assert StampStore(tmp_path).read(ALICE) == {"dev": OLD, "ops": NEW}


def test_unread_numbers_are_kept_with_the_newest_stamp(tmp_path: Path) -> None:
    windows = [StampStore(tmp_path) for _ in range(2)]
    for window in windows:
        window.open(ALICE)
    windows[0].read_up_to({"dev": OLD, "@bob": OLD})
    windows[0].keep_unread({"dev": UnreadNumbers(3, 1), "@bob": UnreadNumbers(2), "ops": ONE})
    windows[0].save()
    third = StampStore(tmp_path)
    third.open(ALICE)
    assert third.unread == {"dev": (3, 1), "@bob": (2, 0)}
    windows[1].read_up_to({"dev": NEW})
    windows[1].save()
    windows[0].save()
    third = StampStore(tmp_path)
    third.open(ALICE)
    assert third.unread == {"@bob": (2, 0)}


@pytest.mark.parametrize("numbers", [[], [1], [0, 0], [-1, 0], ["1", 0], [1, -1], [1, 1, 1]])
def test_broken_numbers_leave_the_stamp(tmp_path: Path, numbers: list[object]) -> None:
    store = StampStore(tmp_path)
    store.open(ALICE)
    store.read_up_to({"dev": OLD})
    store.save()
    file_of(tmp_path).write_text(json.dumps({"dev": [OLD, *numbers]}))
    store = StampStore(tmp_path)
    store.open(ALICE)
    assert store.has("dev")
    assert not store.unread


def test_tick_writes_only_every_few_seconds(tmp_path: Path) -> None:
    clock = FakeClock()
    store = StampStore(tmp_path, clock=clock)
    store.open(ALICE)
    store.read_up_to({"dev": OLD})
    store.tick()
    store.read_up_to({"dev": NEW})
    store.tick()
    assert json.loads(file_of(tmp_path).read_text()) == {"dev": OLD}
    clock.now += 5.0
    store.tick()
    assert json.loads(file_of(tmp_path).read_text()) == {"dev": NEW}
    file_of(tmp_path).unlink()
    clock.now += 5.0
    store.read_up_to({"dev": OLD})
    store.tick()  # nothing has changed
    assert not list((tmp_path / "stamps").glob("*.json"))


@pytest.mark.parametrize("content", ["", "[]", '{"dev": 1, "ops": "yesterday"}', "[" * 100_000])
def test_broken_file_counts_as_empty(tmp_path: Path, content: str) -> None:
    store = StampStore(tmp_path)
    store.open(ALICE)
    store.read_up_to({"dev": OLD})
    store.save()
    file_of(tmp_path).write_text(content)
    assert StampStore(tmp_path).read(ALICE) == {}


def test_unwritable_file_is_reported_once_and_nothing_is_lost(tmp_path: Path) -> None:
    problems, clock = StorageProblems(), FakeClock()
    store = StampStore(tmp_path, problems, clock)
    store.open(ALICE)
    (tmp_path / "stamps").write_text("not a folder")
    store.read_up_to({"dev": OLD})
    for _ in range(3):
        store.tick()
        clock.now += 5.0
    assert len(problems.take()) == 1
    (tmp_path / "stamps").unlink()
    store.tick()
    assert StampStore(tmp_path).read(ALICE) == {"dev": OLD}

"""The app reports each file that it can't read or write, once, and goes on."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chat_tui.ui.widgets.composer import Composer
from tests.support.app_harness import AppHarness, form, sign_in

NAMES = ("client.json", "muted.json", "drafts", "history")


def texts_of_log(harness: AppHarness) -> list[str]:
    return [entry.text for entry in harness.model.log]


async def use_all_files(harness: AppHarness) -> None:
    """Sign in, send a text, mute the room and leave a draft."""
    await sign_in(harness)
    for text in ("hello", "again"):
        await harness.press(*text, "enter")
    for _ in range(3):
        await harness.press("ctrl+t")
    await harness.press(*"half")
    for text in (" a", " line"):
        harness.app.chat.query_one(Composer).insert(text)
        for _ in range(3):
            harness.app._tick()
    await harness.settle()


def count(harness: AppHarness, what: str) -> int:
    return sum(text.startswith(what) for text in texts_of_log(harness))


@contextmanager
def full_disk() -> Iterator[None]:
    """Let every write to a file fail, as on a full disk. Python ignores SIGXFSZ."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_full_disk_is_reported_once_for_each_file(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        with full_disk():
            await use_all_files(harness)
        for what in ("The last sign-in", "Muted places", "Drafts", "The input history"):
            assert count(harness, f"{what} can't be written to ") == 1
        assert len(texts_of_log(harness)) == 4
        harness.app._tick()  # there is space again
    async with form(tmp_path) as harness:
        await sign_in(harness)
        assert harness.app.chat.query_one(Composer).text == "half a line"
        await harness.press("ctrl+u", "up")
        assert harness.app.chat.query_one(Composer).text == "again"
        assert texts_of_log(harness) == []


async def test_removed_state_folder_is_created_again(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    async with form(folder) as harness:
        await sign_in(harness)
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()
        await harness.press("ctrl+t", *"half")
        for _ in range(3):
            harness.app._tick()
        await harness.settle()
        assert texts_of_log(harness) == []
    async with form(folder) as harness:
        await sign_in(harness)
        assert harness.app.chat.query_one(Composer).text == "half"
        assert harness.app.controller.notifier.muted == {"lobby"}


async def test_file_in_place_of_state_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    async with form(tmp_path / "state") as harness:
        await use_all_files(harness)
        for what in ("The last sign-in", "Muted places", "Drafts", "The input history"):
            assert count(harness, what) == 1


async def test_fifos_as_state_files_are_reported_and_left_alone(tmp_path: Path) -> None:
    for name in NAMES:
        os.mkfifo(tmp_path / name)
    async with form(tmp_path) as harness:
        await use_all_files(harness)
        found = texts_of_log(harness)
        assert len(found) == len(NAMES)
        for name in NAMES[:2]:
            assert any(f"{name}: it is a FIFO, not a file" in text for text in found)
    assert all((tmp_path / name).is_fifo() for name in NAMES)

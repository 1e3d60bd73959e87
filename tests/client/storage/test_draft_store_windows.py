"""Two windows of one account share drafts and unconfirmed marks; none overwrites the other's."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from chat_tui import events
from chat_tui.model.chat_model import ChatModel
from chat_tui.storage.draft_store import DraftStore
from chat_tui.storage.file_lock import PATIENCE
from chat_tui.storage.problems import StorageProblems
from tests.support.fake_clock import FakeClock

NOW = datetime(2026, 11, 22, 21, 3, 7)

OTHER_PROCESS = """
import sys
from pathlib import Path
from chat_tui.model.chat_model import ChatModel
from chat_tui.storage.draft_store import DraftStore
model = ChatModel()
model.begin("127.0.0.1:9000", "alice")
store = DraftStore(Path(sys.argv[1]), model)
store.open("127.0.0.1", 9000, "alice")
print("ready", flush=True)
sys.stdin.readline()
for number in range(100):
    model.drafts.put(f"room-{number}", f"from {sys.argv[2]}")
    model.drafts.put(sys.argv[2], f"{sys.argv[2]} {number}")
    store.tick()
    store.tick()
store.save()
"""


class Window:
    """A window of alice, as far as drafts are concerned."""

    def __init__(self, folder: Path) -> None:
        self.model = ChatModel(lambda: NOW)
        self.problems = StorageProblems()
        self.clock = FakeClock()
        self.store = DraftStore(folder, self.model, self.problems, self.clock)
        self.model.begin("127.0.0.1:9000", "alice")
        self.news = self.sign_in()

    def sign_in(self) -> list[str]:
        """Sign in, also if another window has ended the session meanwhile."""
        return self.store.open("127.0.0.1", 9000, "alice")

    def type(self, text: str, location: str = "lobby") -> bool:
        """Type a draft and pause. Return True if another window's text was added."""
        self.model.drafts.put(location, text)
        return self.store.tick() | self.store.tick()

    def leave_unconfirmed(self, number: int, text: str) -> None:
        self.model.apply(events.MessagePending(number, "lobby", text))
        self.model.apply(events.MessageUnconfirmed(number))
        self.store.save()

    def draft(self, location: str = "lobby") -> str:
        return self.model.drafts.of(location)

    def unconfirmed(self) -> list[str]:
        return [text for _, text in self.model.unconfirmed_by_location().get("lobby", [])]


def test_files_win_over_memory_at_the_next_sign_in(tmp_path: Path) -> None:
    one = Window(tmp_path)
    one.type("half a line")
    one.type("for dev", "dev")
    other = Window(tmp_path)
    assert other.draft() == "half a line"
    assert other.news == ["dev"]
    other.type("half a line, and more")
    other.type("", "dev")  # sent
    other.type("new", "ops")
    assert one.sign_in() == ["ops"]
    assert one.model.drafts.all() == {"lobby": "half a line, and more", "ops": "new"}
    one.store.save()
    assert Window(tmp_path).model.drafts.all() == one.model.drafts.all()


def test_unwritten_text_is_merged_at_the_next_sign_in(tmp_path: Path) -> None:
    one = Window(tmp_path)
    one.type("half")
    other = Window(tmp_path)
    other.type("other text")
    one.model.drafts.put("lobby", "half a line")  # the session ends before the next tick
    one.sign_in()
    assert one.draft() == "other text\nhalf a line"


def test_windows_write_different_places(tmp_path: Path) -> None:
    one, other = Window(tmp_path), Window(tmp_path)
    one.type("one", "lobby")
    other.type("two", "dev")
    one.type("one!", "lobby")
    assert Window(tmp_path).model.drafts.all() == {"lobby": "one!", "dev": "two"}


def test_both_drafts_of_one_place_are_kept_and_shown(tmp_path: Path) -> None:
    one, other = Window(tmp_path), Window(tmp_path)
    assert not one.type("hel")
    assert other.type("wor"), "the composer has to show the other text"
    assert other.draft() == "hel\nwor"
    assert not other.type("hel\nworld")
    assert one.type("hello")
    assert one.draft() == "hello\nworld", "the texts do not multiply"
    other.sign_in()
    assert other.draft() == "hello\nworld"


def test_other_window_s_text_is_in_the_history_if_one_of_them_is_a_command(tmp_path: Path) -> None:
    one, other = Window(tmp_path), Window(tmp_path)
    one.type("long text")
    other.type("/join dev")
    assert other.draft() == "/join dev"
    assert other.model.histories.of("lobby")[0] == "long text"


def test_unconfirmed_marks_of_two_windows_are_kept(tmp_path: Path) -> None:
    one = Window(tmp_path)
    one.leave_unconfirmed(1, "first")
    other = Window(tmp_path)
    assert other.unconfirmed() == ["first"]
    other.model.dismiss_unconfirmed()
    other.leave_unconfirmed(2, "second")
    one.type("a draft")
    assert Window(tmp_path).unconfirmed() == ["second"], "a draft does not bring a mark back"
    one.sign_in()
    assert one.unconfirmed() == ["second"]
    assert [entry.text for entry in one.model.unconfirmed] == ["second"]


def test_locked_folder_delays_a_draft_but_does_not_block(tmp_path: Path) -> None:
    one = Window(tmp_path)
    with open(tmp_path / "state.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        start = time.monotonic()
        one.type("half")
        assert Window(tmp_path).draft() == ""
        one.clock.now += PATIENCE
        one.store.tick()
        assert time.monotonic() - start < 10, "no tick waits for the lock"
        assert Window(tmp_path).draft() == "half", "a stopped window does not cost a draft"
    assert one.problems.take() == []


def test_draft_is_saved_at_the_exit_although_the_folder_is_locked(tmp_path: Path) -> None:
    one = Window(tmp_path)
    with open(tmp_path / "state.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        one.model.drafts.put("lobby", "half")
        one.store.save()
    assert Window(tmp_path).draft() == "half"


def test_unwritable_drafts_are_reported_once_and_written_later(tmp_path: Path) -> None:
    (tmp_path / "drafts").write_text("")  # in the place of the folder
    one = Window(tmp_path)
    one.type("half")
    one.type("half a line")
    [text] = one.problems.take()
    assert text.startswith(f"Drafts can't be written to {tmp_path / 'drafts'}")
    assert text.endswith(". They are kept until you quit.")
    (tmp_path / "drafts").unlink()
    one.store.tick()
    one.store.tick()
    assert Window(tmp_path).draft() == "half a line"
    assert one.problems.take() == []


def test_unreadable_draft_is_reported_and_not_replaced(tmp_path: Path) -> None:
    one = Window(tmp_path)
    one.type("half")
    one.type("kept", "dev")
    [path] = tmp_path.glob("drafts/*/lobby*.json")
    path.unlink()
    os.mkfifo(path)
    assert one.sign_in() == []
    assert one.draft() == "half", "what this window knows is not lost"
    one.type("half a line")
    one.type("kept, too", "dev")
    assert [text.partition(": ")[2] for text in one.problems.take()] == [
        "it is a FIFO, not a file. Remove it."
    ]
    assert path.is_fifo()
    assert Window(tmp_path).model.drafts.all() == {"dev": "kept, too"}


def test_two_processes_lose_no_draft(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OTHER_PROCESS, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in ("one", "two")
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        _ = process.communicate()
        assert process.returncode == 0
    drafts = Window(tmp_path).model.drafts
    assert (drafts.of("one"), drafts.of("two")) == ("one 99", "two 99")
    for number in range(100):
        lines = drafts.of(f"room-{number}").split("\n")
        assert sorted(lines) == ["from one", "from two"]


def test_unwritten_password_survives_the_draft_of_another_window(tmp_path: Path) -> None:
    one, other = Window(tmp_path), Window(tmp_path)
    one.type("/passwd old-one new-one")
    other.type("other text")
    one.sign_in()
    one.store.save()
    assert one.draft() == "/passwd old-one new-one"
    assert Window(tmp_path).draft() == "other text"

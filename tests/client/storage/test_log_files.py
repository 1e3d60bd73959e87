"""Chat logs on disk: one file per room, readable by their owner only, never fatal."""

from __future__ import annotations

import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chat_server.wire.protocol import Action, Message, PrivateMessage
from chat_tui import events
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.entries import EntryKind
from chat_tui.storage.log_files import MAX_ROTATED, LogFiles, log_name
from tests.support.fake_clock import FakeLocalClock

NOON = datetime(2026, 11, 22, 12, 0, 0)


@pytest.fixture
def clock() -> FakeLocalClock:
    return FakeLocalClock(NOON)


@pytest.fixture
def model(clock: FakeLocalClock) -> ChatModel:
    """Alice's model, in the lobby."""
    model = ChatModel(clock)
    sign_in(model, "alice")
    return model


def sign_in(model: ChatModel, user: str) -> None:
    model.begin("127.0.0.1:9000", user)
    model.apply(events.SignedIn(user, ()))
    model.apply(events.Joined("lobby"))


def add_message(model: ChatModel, author: str, text: str, room: str = "lobby") -> None:
    model.apply(events.MessageArrived(room, Message("12:00:00", author, text)))


def files(folder: Path) -> dict[str, str]:
    """Return the contents of one account's files by name."""
    return {path.name: path.read_text() for path in folder.glob("*/*")}


def test_log_files_are_written_only_if_folder_is_set(model: ChatModel, tmp_path: Path) -> None:
    logs = LogFiles(model, None)
    add_message(model, "bob", "before")
    logs.write()
    assert list(tmp_path.iterdir()) == []
    logs.folder = tmp_path / "logs"
    add_message(model, "bob", "after")
    logs.write()
    assert files(tmp_path / "logs") == {"lobby.log": "2026-11-22T12:00:00 lobby <bob> after\n"}


def test_each_room_has_its_log_file(model: ChatModel, tmp_path: Path) -> None:
    logs = LogFiles(model, tmp_path)
    add_message(model, "bob", "hello [red]\x1b]0;x\x07")
    model.apply(events.MessageArrived("lobby", Action("12:00:01", "carol", "waves")))
    model.apply(events.MembersListed("lobby", ("alice", "bob")))
    model.apply(events.PersonJoined("dave", "lobby"))
    model.apply(events.LogNotice("Subscriptions: none", "reply"))
    model.apply(events.HistoryGap(NOON, NOON + timedelta(minutes=3)))
    logs.write()
    add_message(model, "bob", "over here", room="dev")
    logs.write()
    logs.write()
    assert files(tmp_path) == {
        "lobby.log": (
            "2026-11-22T12:00:00 lobby <bob> hello [red]␛]0;x␇\n"
            "2026-11-22T12:00:01 lobby * carol waves\n"
            "2026-11-22T12:00:00 lobby -- "
            "no connection from 12:00 to 12:03; messages may be missing\n"
        ),
        "dev.log": "2026-11-22T12:00:00 dev <bob> over here\n",
    }


def test_log_files_are_readable_only_by_owner(model: ChatModel, tmp_path: Path) -> None:
    logs = LogFiles(model, tmp_path / "deep" / "logs")
    add_message(model, "bob", "hello")
    logs.write()
    (file,) = (tmp_path / "deep" / "logs").glob("*/*")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_own_message_is_logged_when_its_state_is_settled(model: ChatModel, tmp_path: Path) -> None:
    logs = LogFiles(model, tmp_path)
    model.apply(events.MessagePending(1, "lobby", "mine"))
    model.apply(events.MessagePending(2, "lobby", "lost"))
    logs.write()
    add_message(model, "bob", "first")
    logs.write()
    model.apply(events.MessageSent(1, "12:00:02"))
    model.apply(events.MessageUnconfirmed(2))
    logs.write()
    assert files(tmp_path)["lobby.log"].splitlines() == [
        "2026-11-22T12:00:00 lobby <bob> first",
        "2026-11-22T12:00:02 lobby <alice> mine",
        "2026-11-22T12:00:00 lobby <alice> lost (not confirmed)",
    ]


def test_restored_unconfirmed_message_is_not_logged_again(model: ChatModel, tmp_path: Path) -> None:
    logs = LogFiles(model, tmp_path)
    model.restore_unconfirmed("lobby", NOON - timedelta(hours=1), "of yesterday")
    add_message(model, "bob", "hello")
    logs.write()
    assert files(tmp_path)["lobby.log"].count("\n") == 1


def test_private_conversation_has_its_own_log_file(model: ChatModel, tmp_path: Path) -> None:
    logs = LogFiles(model, tmp_path)
    model.apply(events.MessageArrived("lobby", PrivateMessage("12:00:00", "bob", "alice", "psst")))
    model.apply(events.MessagePending(1, "@bob", "what?"))
    model.apply(events.MessageRejected(1))
    logs.write()
    assert files(tmp_path) == {
        "@bob.log": (
            "2026-11-22T12:00:00 @bob <bob> psst\n"
            "2026-11-22T12:00:00 @bob <alice> what? (not delivered)\n"
        )
    }


def test_log_files_are_separate_per_user(model: ChatModel, tmp_path: Path) -> None:
    logs = LogFiles(model, tmp_path)
    add_message(model, "carol", "to alice")
    logs.write()
    sign_in(model, "bob")
    add_message(model, "carol", "to bob")
    logs.write()
    assert sorted(path.read_text() for path in tmp_path.glob("*/lobby.log")) == [
        "2026-11-22T12:00:00 lobby <carol> to alice\n",
        "2026-11-22T12:00:00 lobby <carol> to bob\n",
    ]


def test_log_file_names_are_safe_and_unique() -> None:
    stem_of_dev = log_name("Dev")
    rooms = ["lobby", "dev", "Dev", "..", ".", "CON", "con", "a.1", "a", "@a", "/etc", "", "-x"]
    rooms += [stem_of_dev, stem_of_dev.rpartition("-")[2], "ж" * 32, "x" * 300, "\n"]
    names = [log_name(room) for room in rooms]
    assert len({name.casefold() for name in names}) == len(rooms)
    own = [name for name, room in zip(names, rooms, strict=True) if name == room]
    assert own == ["lobby", "dev", "a", "@a"]
    assert all(name.isascii() and "/" not in name and "." not in name for name in names)
    assert all(len(name) < 64 for name in names)


def test_full_log_file_is_rotated(model: ChatModel, tmp_path: Path) -> None:
    logs = LogFiles(model, tmp_path, max_bytes=60)
    for number in range(2 * (MAX_ROTATED + 3)):
        add_message(model, "bob", f"message {number:02}")
        logs.write()
    kept = files(tmp_path)
    assert len(kept) == 1 + MAX_ROTATED
    oldest_first = [f"lobby.{number}.log" for number in range(MAX_ROTATED, 0, -1)] + ["lobby.log"]
    lines = "".join(kept[name] for name in oldest_first).splitlines()
    numbers = [int(line[-2:]) for line in lines]
    assert numbers == list(range(4, 24))
    assert all(kept[name].count("\n") == 2 for name in oldest_first)


def test_log_write_error_is_reported_once_and_retried(model: ChatModel, tmp_path: Path) -> None:
    in_the_way = tmp_path / "logs"
    in_the_way.write_text("a file")
    logs = LogFiles(model, in_the_way)
    for number in range(3):
        add_message(model, "bob", f"message {number}")
        logs.write()
    errors = [entry.text for entry in model.log if entry.kind is EntryKind.ERROR]
    assert len(errors) == 1
    assert str(in_the_way) in errors[0]
    in_the_way.unlink()
    logs.write()
    assert [line[-1] for line in files(in_the_way)["lobby.log"].splitlines()] == ["0", "1", "2"]


def test_logged_announcement_cannot_be_forged_by_message(model: ChatModel, tmp_path: Path) -> None:
    logs = LogFiles(model, tmp_path)
    model.apply(events.AnnouncementReceived("dave", "back at noon"))
    add_message(model, "bob", "-- Announcement from dave: not so")
    logs.write()
    assert files(tmp_path)["lobby.log"].splitlines() == [
        "2026-11-22T12:00:00 lobby -- Announcement from dave: back at noon",
        "2026-11-22T12:00:00 lobby <bob> -- Announcement from dave: not so",
    ]

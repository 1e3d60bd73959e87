"""The file of visited rooms and conversations: restarts, several windows, broken files."""

from __future__ import annotations

import stat
from datetime import datetime
from pathlib import Path

import pytest

from chat_server.wire.protocol import PrivateMessage
from chat_tui.events import Joined, MessageArrived, SignedIn
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.location import Location
from chat_tui.storage.place_store import PlaceStore
from chat_tui.storage.problems import StorageProblems

COMMANDS = ("/join", "/rooms", "/msg", "/history", "/stamps", "/help")


class Window:
    """A client of alice: its model and its store."""

    def __init__(
        self, folder: Path, user: str = "alice", commands: tuple[str, ...] = COMMANDS
    ) -> None:
        self.model = ChatModel(lambda: datetime(2026, 11, 22, 12))
        self.problems = StorageProblems()
        self.store = PlaceStore(folder, self.model, self.problems)
        self.model.begin("127.0.0.1:9000", user)
        self.model.apply(SignedIn(user, commands))
        self.store.open("127.0.0.1", 9000, user)

    def visit(self, *rooms: str) -> None:
        for room in rooms:
            self.model.apply(Joined(room))

    def receive_from(self, author: str) -> None:
        private = PrivateMessage("12:00:00", author, self.model.user, "psst")
        self.model.apply(MessageArrived("lobby", private))

    @property
    def rooms(self) -> list[str]:
        return [room.name for room in self.model.rooms.listed()]

    @property
    def people(self) -> list[str]:
        return self.model.conversations.listed()


def test_rooms_and_conversations_survive_a_restart(tmp_path: Path) -> None:
    window = Window(tmp_path)
    window.visit("dev", "old", "lobby")
    window.receive_from("bob")
    window.store.tick()
    again = Window(tmp_path)
    assert (again.rooms, again.people) == (["lobby", "dev", "old"], ["bob"])
    again.model.forget_place(Location("old"))
    again.model.forget_place(Location("@bob"))
    again.store.save()
    last = Window(tmp_path)
    assert (last.rooms, last.people) == (["lobby", "dev"], [])
    assert last.model.rooms.visited.forgotten == ["old"]
    (file,) = (tmp_path / "places").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_places_belong_to_one_account_at_one_server(tmp_path: Path) -> None:
    window = Window(tmp_path)
    window.visit("dev")
    window.store.save()
    assert Window(tmp_path, "bob").rooms == ["lobby"]


def test_conversation_that_was_only_opened_is_not_stored(tmp_path: Path) -> None:
    window = Window(tmp_path)
    window.model.view(Location("@bob"))
    window.store.save()
    assert Window(tmp_path).people == []


def test_server_without_history_stores_nothing(tmp_path: Path) -> None:
    window = Window(tmp_path, commands=("/join", "/msg", "/help"))
    window.visit("dev")
    window.receive_from("bob")
    window.store.save()
    assert list(tmp_path.iterdir()) == []


def test_two_windows_keep_what_the_other_has_changed(tmp_path: Path) -> None:
    first = Window(tmp_path)
    first.visit("dev", "old", "lobby")
    first.store.tick()
    second = Window(tmp_path)
    first.visit("ops", "lobby")
    first.store.tick()
    second.model.forget_place(Location("old"))
    second.receive_from("bob")
    second.store.tick()
    first.receive_from("carol")
    first.store.tick()
    again = Window(tmp_path)
    assert (again.rooms, set(again.people)) == (["lobby", "dev", "ops"], {"bob", "carol"})


def test_number_of_conversations_is_bounded(tmp_path: Path) -> None:
    window = Window(tmp_path)
    for number in range(300):
        window.receive_from(f"guest{number}")
    window.store.save()
    again = Window(tmp_path)
    assert (len(again.people), again.people[-1]) == (100, "guest299")


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"rooms": 3}', b'{"rooms": [3, ""]}'])
def test_broken_file_counts_as_empty_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    window = Window(tmp_path)
    window.visit("dev")
    window.store.save()
    (file,) = (tmp_path / "places").iterdir()
    file.write_bytes(content)
    again = Window(tmp_path)
    assert again.rooms == ["lobby"]
    again.visit("ops")
    again.store.save()
    assert Window(tmp_path).rooms == ["lobby", "ops"]


def test_file_that_cannot_be_written_is_reported_once_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "places").write_text("")
    window = Window(tmp_path)
    window.visit("dev")
    window.store.tick()
    window.store.tick()
    (problem,) = window.problems.take()
    assert "The visited rooms can't be written" in problem
    (tmp_path / "places").unlink()
    window.store.tick()
    assert Window(tmp_path).rooms == ["lobby", "dev"]

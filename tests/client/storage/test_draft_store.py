"""Drafts and unconfirmed messages survive quitting, a crash and another sign-in."""

from __future__ import annotations

import json
import os
import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chat_tui import events
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.drafts import Drafts
from chat_tui.model.entries import EntryState
from chat_tui.storage.draft_store import DraftStore

NOW = datetime(2026, 11, 22, 21, 3, 7)
ODD_LOCATIONS = ("..", "CON", "Dev", "dev", "@bob", "漢" * 32, "e\u0301" * 16)


def open_store(
    folder: Path, user: str = "alice", host: str = "127.0.0.1"
) -> tuple[ChatModel, DraftStore]:
    model = ChatModel(lambda: NOW)
    store = DraftStore(folder, model)
    model.begin(f"{host}:9000", user)
    store.open(host, 9000, user)
    return model, store


def signed_in_model(folder: Path, user: str = "alice", host: str = "127.0.0.1") -> ChatModel:
    """Return the model of a user that has just signed in, with the restored drafts."""
    return open_store(folder, user, host)[0]


def pause_typing(store: DraftStore) -> None:
    """Let a moment pass in which the user types nothing."""
    store.tick()
    store.tick()


def files(folder: Path) -> list[Path]:
    """Return all files but the lock, which holds nothing."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if path.name != "state.lock")


def test_drafts_are_restored_for_any_location_name(tmp_path: Path) -> None:
    model, store = open_store(tmp_path)
    for location in ODD_LOCATIONS:
        model.drafts.put(location, f"half a line for {location}")
    pause_typing(store)
    assert len(files(tmp_path)) == len(ODD_LOCATIONS)
    assert {path.parent.parent for path in files(tmp_path)} == {tmp_path / "drafts"}
    for path in files(tmp_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    again, _ = open_store(tmp_path)
    assert again.drafts.all() == {
        location: f"half a line for {location}" for location in ODD_LOCATIONS
    }
    assert again.conversations.listed() == ["bob"]


def test_draft_store_lists_other_locations_with_drafts(tmp_path: Path) -> None:
    model, store = open_store(tmp_path)
    for location in ("lobby", "ops", "dev"):
        model.drafts.put(location, "…")
    store.save()
    model = ChatModel(lambda: NOW)
    store = DraftStore(tmp_path, model)
    model.begin("127.0.0.1:9000", "alice")
    assert store.open("127.0.0.1", 9000, "alice") == ["dev", "ops"]
    assert store.open("127.0.0.1", 9000, "alice") == []  # no other user has signed in


def test_drafts_are_separate_per_user_and_server(tmp_path: Path) -> None:
    model, store = open_store(tmp_path)
    model.drafts.put("lobby", "for alice on this machine")
    store.save()
    for user, host in (("Alice", "127.0.0.1"), ("bob", "127.0.0.1"), ("alice", "chat.example.org")):
        other = signed_in_model(tmp_path, user, host)
        assert other.drafts.all() == {}
    model.begin("127.0.0.1:9000", "bob")  # in the same client
    store.open("127.0.0.1", 9000, "bob")
    assert model.drafts.all() == {}
    model.drafts.put("lobby", "for bob")
    pause_typing(store)
    assert signed_in_model(tmp_path).drafts.of("lobby") == "for alice on this machine"


def test_emptied_draft_removes_its_file(tmp_path: Path) -> None:
    model, store = open_store(tmp_path)
    model.drafts.put("lobby", "half")
    pause_typing(store)
    model.drafts.put("lobby", "")
    pause_typing(store)
    assert files(tmp_path) == []


def test_draft_is_written_when_typing_pauses_and_periodically(
    tmp_path: Path,
) -> None:
    model, store = open_store(tmp_path)
    model.drafts.put("lobby", "a")
    store.tick()
    assert files(tmp_path) == []
    store.tick()
    assert signed_in_model(tmp_path).drafts.of("lobby") == "a"
    for number in range(20):
        model.drafts.put("lobby", "a" * number)
        store.tick()
    assert len(signed_in_model(tmp_path).drafts.of("lobby")) > 10


@pytest.mark.parametrize(
    "secret", ["/login alice pw", " LOGIN alice pw", "one\nlogin alice pw", "/passwd old new"]
)
def test_draft_with_password_is_never_written(tmp_path: Path, secret: str) -> None:
    model, store = open_store(tmp_path)
    model.drafts.put("lobby", secret)
    store.save()
    assert files(tmp_path) == []
    model.drafts.put("lobby", "login is broken")
    store.save()
    assert len(files(tmp_path)) == 1


def test_unconfirmed_messages_are_restored_and_can_be_resent(tmp_path: Path) -> None:
    model, store = open_store(tmp_path)
    for own_id, text in enumerate(("arrived", "maybe\tthis", "or this")):
        model.apply(events.MessagePending(own_id, "lobby", text))
    model.apply(events.MessageSent(0))
    model.apply(events.MessageUnconfirmed(1))
    store.save()  # the third has no answer yet
    assert b"arrived" not in files(tmp_path)[0].read_bytes()
    again, store = open_store(tmp_path)
    first, second = again.unconfirmed
    assert (first.text, first.timestamp, first.own) == ("maybe    this", NOW, True)
    assert first.state is second.state is EntryState.UNCONFIRMED
    assert again.mark_resent(first.id) == "maybe\tthis"
    again.dismiss_unconfirmed()
    assert again.log[second.id].state is EntryState.DISMISSED
    pause_typing(store)
    assert files(tmp_path) == []
    assert signed_in_model(tmp_path).unconfirmed == []


def test_next_start_leaves_a_message_to_the_user_whose_text_was_sent_again(tmp_path: Path) -> None:
    proof = events.DeliveryProof("2026-11-22T14:03:07.000005+01:00", 0)
    model, store = open_store(tmp_path)
    model.apply(events.MessagePending(1, "lobby", "ok", proof=proof))
    model.apply(events.MessageUnconfirmed(1))
    pause_typing(store)
    assert [own.proof for _, own in signed_in_model(tmp_path).unresolved()] == [proof]
    model.apply(events.MessagePending(2, "lobby", "ok", proof=proof))
    model.apply(events.MessageSent(2))
    pause_typing(store)
    assert [own.proof for _, own in model.unresolved()] == [proof]  # this connection can resolve it
    assert [own.proof for _, own in signed_in_model(tmp_path).unresolved()] == [None]
    model.apply(events.ConnectionChanged(events.ConnectionState.WAITING))
    assert [own.proof for _, own in model.unresolved()] == [None]


def test_proofs_of_unconfirmed_messages_are_restored(tmp_path: Path) -> None:
    proof = events.DeliveryProof("2026-11-22T14:03:07.000005+01:00", 2)
    model, store = open_store(tmp_path)
    model.apply(events.MessagePending(1, "lobby", "pending", proof=proof))
    model.apply(events.MessagePending(2, "lobby", "without"))
    store.save()
    model, store = open_store(tmp_path)
    known = [(own_id, own.typed, own.proof) for own_id, own in model.unresolved()]
    assert known == [(-1, "pending", proof), (-2, "without", None)]
    model.apply(events.MessagePending(1, "lobby", "another"))
    store.save()  # the proof of an earlier session is written again
    model, _ = open_store(tmp_path)
    assert [own.proof for _, own in model.unresolved()] == [proof, None, None]
    model.apply(events.MessageSent(-1, "2026-11-22T14:03:09.000000+01:00"))
    assert [entry.text for entry in model.unconfirmed] == ["without", "another"]


def test_confirmed_messages_write_no_file(tmp_path: Path) -> None:
    model, store = open_store(tmp_path)
    pause_typing(store)
    model.apply(events.MessagePending(1, "lobby", "hi"))
    store.tick()
    model.apply(events.MessageSent(1))
    pause_typing(store)
    assert not (tmp_path / "drafts").exists()


def test_broken_draft_file_does_not_affect_others(tmp_path: Path) -> None:
    model, store = open_store(tmp_path)
    for location in ("lobby", "dev"):
        model.drafts.put(location, f"half for {location}")
    store.save()
    folder = files(tmp_path)[0].parent
    good = json.loads(next(p for p in files(tmp_path) if p.name.startswith("dev")).read_text())
    broken: tuple[object, ...] = (
        [],
        "x",
        {**good, "draft": 3},
        {**good, "unconfirmed": [{"at": "never", "text": "x"}]},
        {**good, "unconfirmed": [{"at": f"{NOW}+01:00", "text": "x"}]},
        {**good, "unconfirmed": [3]},
        {"place": "x"},
    )
    for number, content in enumerate(broken):
        (folder / f"broken-{number}.json").write_text(json.dumps(content))
    (folder / "broken.json").write_bytes(b"\xff{")
    (folder / "folder.json").mkdir()
    assert signed_in_model(tmp_path).drafts.all() == {
        "lobby": "half for lobby",
        "dev": "half for dev",
    }


def test_draft_store_retries_after_write_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, store = open_store(tmp_path)
    model.drafts.put("lobby", "half")

    def fail(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as full:
        full.setattr(os, "replace", fail)
        pause_typing(store)
    store.tick()
    assert signed_in_model(tmp_path).drafts.of("lobby") == "half"


def test_restored_message_keeps_its_date(tmp_path: Path) -> None:
    model = ChatModel(lambda: NOW - timedelta(days=2))
    store = DraftStore(tmp_path, model)
    model.begin("127.0.0.1:9000", "alice")
    store.open("127.0.0.1", 9000, "alice")
    model.apply(events.MessagePending(1, "lobby", "hi"))
    store.save()
    assert signed_in_model(tmp_path).unconfirmed[0].timestamp == NOW - timedelta(days=2)


def test_drafts_put_and_remove_by_location() -> None:
    drafts = Drafts({"lobby": "x"})
    drafts.put("dev", "y")
    drafts.put("lobby", "")
    assert (drafts.of("lobby"), drafts.of("dev"), drafts.all()) == ("", "y", {"dev": "y"})


def test_queued_text_is_stored_before_draft(tmp_path: Path) -> None:
    model, store = open_store(tmp_path)
    model.drafts.put("dev", "half")
    model.apply(events.QueuedTextChanged({"dev": "whole", "ops": "another"}))
    pause_typing(store)
    assert signed_in_model(tmp_path).drafts.all() == {"dev": "whole\nhalf", "ops": "another"}
    model.apply(events.QueuedTextChanged({}))
    pause_typing(store)
    assert signed_in_model(tmp_path).drafts.all() == {"dev": "half"}

"""The client state file, and that no content of it prevents a start."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chat_tui.storage.state import ClientState, LastServer, state_folder


def test_client_state_without_file_has_defaults(tmp_path: Path) -> None:
    state = ClientState(tmp_path / "nowhere")
    assert state.last is None
    assert state.follows_everyone("127.0.0.1", 9000)


def test_client_state_remembers_sign_in_per_server(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "lobby-chat"
    state = ClientState(folder)
    state.signed_in("chat.example.org", 9000, "Zo\u00eb", False)
    state.signed_in("127.0.0.1", 9001, "alice", True)
    again = ClientState(folder)
    assert again.last == LastServer("127.0.0.1", 9001, "alice")
    assert not again.follows_everyone("Chat.Example.org", 9000)
    assert again.follows_everyone("127.0.0.1", 9001)
    assert again.follows_everyone("chat.example.org", 9999)
    (file,) = folder.glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"last": 1, "follow_everyone": []}',
        b'{"last": {"host": "h", "port": "9000", "user": "u"}}',
        b'{"last": {"host": "h", "port": true, "user": "u"}}',
        b"[" * 100_000,
    ],
)
def test_broken_client_state_file_is_ignored(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "client.json").write_bytes(broken)
    state = ClientState(tmp_path)
    assert state.last is None
    assert state.follows_everyone("h", 9000)
    state.signed_in("h", 9000, "u", False)
    assert ClientState(tmp_path).last == LastServer("h", 9000, "u")


def test_valid_entries_of_client_state_file_are_kept(tmp_path: Path) -> None:
    (tmp_path / "client.json").write_text(
        '{"last": 7, "follow_everyone": {"h 1": false, "i 1": 2}}'
    )
    state = ClientState(tmp_path)
    assert not state.follows_everyone("h", 1)
    assert state.follows_everyone("i", 1)


def test_client_state_works_in_memory_if_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    state = ClientState(tmp_path / "file")
    state.signed_in("h", 1, "u", True)
    assert state.last == LastServer("h", 1, "u")


def test_failed_client_state_write_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("chat_tui.storage.private_files.os.replace", raise_disk_full)
    ClientState(tmp_path).signed_in("h", 1, "u", True)
    assert [path.name for path in tmp_path.iterdir()] == ["state.lock"]


def test_client_state_keeps_only_newest_servers(tmp_path: Path) -> None:
    state = ClientState(tmp_path)
    for port in range(1, 301):
        state.signed_in("h", port, "u", False)
    again = ClientState(tmp_path)
    assert again.follows_everyone("h", 100)
    assert not again.follows_everyone("h", 101)


def test_state_folder_is_named_lobby_chat() -> None:
    assert state_folder().name == "lobby-chat"


def test_client_state_remembers_profile(tmp_path: Path) -> None:
    ClientState(tmp_path).signed_in("h", 9000, "u", True, "work")
    assert ClientState(tmp_path).last == LastServer("h", 9000, "u", "work")
    (tmp_path / "client.json").write_text('{"last": {"host": "h", "port": 1, "user": "u"}}')
    assert ClientState(tmp_path).last == LastServer("h", 1, "u", "")

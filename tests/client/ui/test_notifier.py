"""Notifying a user whose terminal is not focused: title, bell, notifications, muted locations."""

from __future__ import annotations

import stat
from datetime import datetime
from pathlib import Path

import pytest
from rich.cells import cell_len

from chat_server.wire.protocol import Message, PrivateMessage
from chat_tui.config.settings import Settings
from chat_tui.events import (
    AnnouncementReceived,
    ConnectionChanged,
    ConnectionState,
    Joined,
    MessageArrived,
    SignedIn,
)
from chat_tui.model.chat_model import ChatModel
from chat_tui.storage.muted_store import MuteStore
from chat_tui.ui.notifier import Notifier
from chat_tui.ui.terminal.notifications import TerminalNotifier

BELL = "\x07"


class NotifierHarness:
    """A notifier of alice in the lobby, with a terminal that records the control sequences."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.written: list[str] = []
        self.now = 100.0
        self.model = ChatModel(lambda: datetime(2026, 11, 22, 12))
        self.muted = MuteStore(folder)
        self.notifier = Notifier(
            self.model,
            self.muted,
            TerminalNotifier(self.written.append, {"TERM": "xterm", **environment}),
            lambda: self.now,
        )
        self.model.begin("127.0.0.1:9000", "alice")
        self.model.apply(SignedIn("alice", ()))
        self.model.apply(ConnectionChanged(ConnectionState.ONLINE))

    def receive(self, *texts: str, focused: bool = False, at_end: bool = True) -> list[str]:
        """Let bob send texts to the current room. Return the sequences sent to the terminal."""
        for text in texts:
            message = Message("12:00:00", "bob", text)
            self.model.apply(MessageArrived(self.model.room, message))
        self.notifier.update(focused=focused, at_end=at_end)
        return self.sent()

    def title(self) -> list[str]:
        self.notifier.show_title()
        return self.sent()

    def sent(self) -> list[str]:
        sent, self.written[:] = list(self.written), []
        return sent


@pytest.fixture
def harness(tmp_path: Path) -> NotifierHarness:
    return NotifierHarness(tmp_path)


class TestBell:
    def test_bell_rings_for_mention_of_own_name_when_unfocused(
        self, harness: NotifierHarness
    ) -> None:
        assert harness.receive("alice!") == [BELL]
        assert harness.receive("no name") == []
        assert harness.receive("alice!", focused=True) == []
        assert harness.receive("alice!", focused=True, at_end=False) == []
        assert harness.receive("hm") == []  # messages that arrived while focused do not ring later

    def test_bell_rings_for_mention_words_and_private_messages(
        self, harness: NotifierHarness
    ) -> None:
        harness.notifier.apply_settings(Settings(mention_words=("deploy",)))
        assert harness.receive("a Deploy") == [BELL]
        harness.model.apply(
            MessageArrived("lobby", PrivateMessage("12:00:00", "bob", "alice", "psst"))
        )
        assert harness.receive() == [BELL]

    def test_bell_is_rate_limited(self, harness: NotifierHarness) -> None:
        assert harness.receive(*["alice!"] * 10) == [BELL] * 3
        harness.now += 9.9
        assert harness.receive("alice!") == []
        harness.now += 0.1
        assert harness.receive("alice!", "alice!") == [BELL]
        harness.now += 3600
        assert harness.receive(*["alice!"] * 10) == [BELL] * 3

    def test_bell_can_be_disabled_in_settings(self, harness: NotifierHarness) -> None:
        harness.notifier.apply_settings(Settings(bell=False))
        assert harness.receive("alice!") == []


class TestDesktopNotification:
    def test_notification_is_sent_only_if_enabled_and_is_escaped(
        self, harness: NotifierHarness
    ) -> None:
        harness.notifier.apply_settings(Settings(bell=False, desktop_notification=True))
        (sequence,) = harness.receive("alice\x1b]0;x\x07 " + "long " * 99)
        assert sequence.startswith("\x1b]9;Lobby: bob in lobby: alice␛]0;x␇ long")
        assert sequence.endswith("…\x07")
        assert sequence[1:-1].isprintable()
        assert len(sequence) < 200
        harness.model.apply(
            MessageArrived("lobby", PrivateMessage("12:00:00", "4;1", "alice", "psst"))
        )
        assert harness.receive() == ["\x1b]9;Lobby: 4;1: psst\x07"]

    def test_notification_is_passed_through_tmux(self, tmp_path: Path) -> None:
        harness = NotifierHarness(tmp_path, TMUX="/tmp/tmux-0/default,1,0")
        harness.notifier.apply_settings(Settings(desktop_notification=True))
        wrapped = "\x1bPtmux;\x1b\x1b]9;Lobby: bob in lobby: alice?\x07\x1b\\"
        assert harness.receive("alice?") == [BELL, wrapped]


class TestAnnouncement:
    """An announcement is addressed to every user in every room."""

    def test_announcement_rings_bell_notifies_and_counts_as_unread(
        self, harness: NotifierHarness
    ) -> None:
        harness.notifier.apply_settings(Settings(desktop_notification=True))
        harness.model.apply(AnnouncementReceived("dave", "back at noon\x1b]0;x\x07"))
        note = "\x1b]9;Lobby: Announcement from dave: back at noon␛]0;x␇\x07"
        assert harness.receive() == [BELL, note]
        assert harness.title()[-1] == "\x1b]2;(1) lobby\x07"
        harness.receive(focused=True)
        assert harness.title()[-1] == "\x1b]2;lobby\x07"

    def test_announcement_rings_bell_even_if_room_is_muted(self, harness: NotifierHarness) -> None:
        harness.notifier.toggle_mute()
        harness.model.apply(AnnouncementReceived("dave", "back at noon"))
        assert harness.receive() == [BELL]

    def test_own_announcement_does_not_notify(self, harness: NotifierHarness) -> None:
        harness.model.apply(AnnouncementReceived("alice", "back at noon"))
        assert harness.receive() == []


class TestTerminalTitle:
    def test_title_shows_room_and_unread_count_and_is_restored(
        self, harness: NotifierHarness
    ) -> None:
        assert harness.title() == ["\x1b[22;2t", "\x1b]2;lobby\x07"]
        assert harness.title() == []
        harness.receive("one", "two", "three")
        assert harness.title() == ["\x1b]2;(3) lobby\x07"]
        harness.receive("four", focused=True, at_end=False)
        assert harness.title() == ["\x1b]2;(4) lobby\x07"]
        harness.receive("five", focused=True)
        assert harness.title() == ["\x1b]2;lobby\x07"]
        harness.notifier.restore_title()
        harness.notifier.restore_title()
        assert harness.sent() == ["\x1b]2;\x07\x1b[23;2t"]

    def test_title_counts_unread_messages_of_other_rooms(self, harness: NotifierHarness) -> None:
        harness.receive("one")
        harness.model.apply(Joined("dev"))
        harness.receive("two", focused=True)
        assert harness.title()[-1] == "\x1b]2;(1) dev\x07"

    def test_title_escapes_and_truncates_room_name(self, harness: NotifierHarness) -> None:
        harness.model.apply(Joined("x\x1b]0;y\x07\x9bz" + "室" * 200))
        title = harness.title()[-1].removeprefix("\x1b]2;").removesuffix("\x07")
        assert title.isprintable()
        assert cell_len(title) <= 80

    def test_title_is_restored_when_signed_out(self, harness: NotifierHarness) -> None:
        harness.title()
        harness.model.apply(ConnectionChanged(ConnectionState.OFFLINE))
        assert harness.title() == ["\x1b]2;\x07\x1b[23;2t"]
        assert harness.title() == []

    def test_title_is_not_set_if_terminal_has_none(self, tmp_path: Path) -> None:
        harness = NotifierHarness(tmp_path, TERM="linux")
        assert harness.title() == []
        harness.notifier.restore_title()
        assert harness.sent() == []


class TestMutedRoom:
    def test_muted_room_neither_notifies_nor_counts_as_unread(
        self, harness: NotifierHarness
    ) -> None:
        assert harness.notifier.toggle_mute()
        assert harness.notifier.muted == {"lobby"}
        assert harness.receive("alice!") == []
        assert harness.title()[-1] == "\x1b]2;lobby\x07"
        harness.model.apply(Joined("dev"))
        assert harness.receive("alice!") == [BELL]
        harness.model.apply(Joined("lobby"))
        assert not harness.notifier.toggle_mute()
        assert harness.receive("alice!") == [BELL]

    def test_muted_room_is_stored_per_user_and_server(
        self, harness: NotifierHarness, tmp_path: Path
    ) -> None:
        harness.notifier.toggle_mute()
        again = MuteStore(tmp_path)
        assert again.locations("127.0.0.1:9000", "alice") == {"lobby"}
        assert again.locations("127.0.0.1:9000", "bob") == frozenset()
        assert again.locations("127.0.0.1:9001", "alice") == frozenset()
        assert stat.S_IMODE((tmp_path / "muted.json").stat().st_mode) == 0o600

    def test_mute_store_merges_changes_of_two_clients(self, tmp_path: Path) -> None:
        one, other = MuteStore(tmp_path), MuteStore(tmp_path)
        one.toggle("s:1", "alice", "dev")
        other.toggle("s:1", "bob", "ops")
        assert MuteStore(tmp_path).locations("s:1", "alice") == {"dev"}
        assert MuteStore(tmp_path).locations("s:1", "bob") == {"ops"}

    @pytest.mark.parametrize(
        "content", [b"", b"[]", b"\xff", b'{"s:1 alice": 3}', b'{"s:1 alice": [3]}', b"[" * 9999]
    )
    def test_mute_store_ignores_and_replaces_broken_file(
        self, tmp_path: Path, content: bytes
    ) -> None:
        (tmp_path / "muted.json").write_bytes(content)
        muted = MuteStore(tmp_path)
        assert muted.locations("s:1", "alice") == frozenset()
        assert muted.toggle("s:1", "alice", "dev")
        assert MuteStore(tmp_path).locations("s:1", "alice") == {"dev"}

    def test_mute_store_works_in_memory_if_file_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        muted = MuteStore(tmp_path / "file")
        assert muted.toggle("s:1", "alice", "dev")
        assert muted.locations("s:1", "alice") == {"dev"}
        assert not muted.toggle("s:1", "alice", "dev")

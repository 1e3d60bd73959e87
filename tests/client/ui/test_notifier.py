"""Calling somebody who looks elsewhere: the title, the bell, notifications, muted places."""

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
    """alice in the lobby, at a terminal whose sequences are kept."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.written: list[str] = []
        self.now = 100.0
        self.model = ChatModel(lambda: datetime(2026, 11, 22, 12))
        self.muted = MuteStore(folder)
        self.attention = Notifier(
            self.model,
            self.muted,
            TerminalNotifier(self.written.append, {"TERM": "xterm", **environment}),
            lambda: self.now,
        )
        self.model.begin("127.0.0.1:9000", "alice")
        self.model.apply(SignedIn("alice", ()))
        self.model.apply(ConnectionChanged(ConnectionState.ONLINE))

    def hear(self, *texts: str, focused: bool = False, at_end: bool = True) -> list[str]:
        """bob says this in the current room; what the terminal is sent for it."""
        for text in texts:
            message = Message("12:00:00", "bob", text)
            self.model.apply(MessageArrived(self.model.room, message))
        self.attention.update(focused=focused, at_end=at_end)
        return self.sent()

    def title(self) -> list[str]:
        self.attention.show_title()
        return self.sent()

    def sent(self) -> list[str]:
        sent, self.written[:] = list(self.written), []
        return sent


@pytest.fixture
def window(tmp_path: Path) -> NotifierHarness:
    return NotifierHarness(tmp_path)


class TestBell:
    def test_bell_rings_for_mention_of_own_name_when_unfocused(
        self, window: NotifierHarness
    ) -> None:
        assert window.hear("alice!") == [BELL]
        assert window.hear("nobody") == []
        assert window.hear("alice!", focused=True) == []
        assert window.hear("alice!", focused=True, at_end=False) == []
        assert window.hear("hm") == []  # what was heard while somebody looked rings no more

    def test_bell_rings_for_mention_words_and_private_messages(
        self, window: NotifierHarness
    ) -> None:
        window.attention.apply_settings(Settings(mention_words=("deploy",)))
        assert window.hear("a Deploy") == [BELL]
        window.model.apply(
            MessageArrived("lobby", PrivateMessage("12:00:00", "bob", "alice", "psst"))
        )
        assert window.hear() == [BELL]

    def test_bell_is_rate_limited(self, window: NotifierHarness) -> None:
        assert window.hear(*["alice!"] * 10) == [BELL] * 3
        window.now += 9.9
        assert window.hear("alice!") == []
        window.now += 0.1
        assert window.hear("alice!", "alice!") == [BELL]
        window.now += 3600
        assert window.hear(*["alice!"] * 10) == [BELL] * 3

    def test_bell_can_be_disabled_in_settings(self, window: NotifierHarness) -> None:
        window.attention.apply_settings(Settings(bell=False))
        assert window.hear("alice!") == []


class TestDesktopNotification:
    def test_notification_is_sent_only_if_enabled_and_is_escaped(
        self, window: NotifierHarness
    ) -> None:
        window.attention.apply_settings(Settings(bell=False, desktop_notification=True))
        (asked,) = window.hear("alice\x1b]0;x\x07 " + "long " * 99)
        assert asked.startswith("\x1b]9;Lobby: bob in lobby: alice␛]0;x␇ long")
        assert asked.endswith("…\x07")
        assert asked[1:-1].isprintable()
        assert len(asked) < 200
        window.model.apply(
            MessageArrived("lobby", PrivateMessage("12:00:00", "4;1", "alice", "psst"))
        )
        assert window.hear() == ["\x1b]9;Lobby: 4;1: psst\x07"]

    def test_notification_is_passed_through_tmux(self, tmp_path: Path) -> None:
        window = NotifierHarness(tmp_path, TMUX="/tmp/tmux-0/default,1,0")
        window.attention.apply_settings(Settings(desktop_notification=True))
        passed_on = "\x1bPtmux;\x1b\x1b]9;Lobby: bob in lobby: alice?\x07\x1b\\"
        assert window.hear("alice?") == [BELL, passed_on]


class TestAnnouncement:
    """It is addressed to everybody, wherever they are."""

    def test_announcement_rings_bell_notifies_and_counts_as_unread(
        self, window: NotifierHarness
    ) -> None:
        window.attention.apply_settings(Settings(desktop_notification=True))
        window.model.apply(AnnouncementReceived("dave", "back at noon\x1b]0;x\x07"))
        note = "\x1b]9;Lobby: Announcement from dave: back at noon␛]0;x␇\x07"
        assert window.hear() == [BELL, note]
        assert window.title()[-1] == "\x1b]2;(1) lobby\x07"
        window.hear(focused=True)
        assert window.title()[-1] == "\x1b]2;lobby\x07"

    def test_announcement_rings_bell_even_if_room_is_muted(self, window: NotifierHarness) -> None:
        window.attention.toggle_mute()
        window.model.apply(AnnouncementReceived("dave", "back at noon"))
        assert window.hear() == [BELL]

    def test_own_announcement_does_not_notify(self, window: NotifierHarness) -> None:
        window.model.apply(AnnouncementReceived("alice", "back at noon"))
        assert window.hear() == []


class TestTerminalTitle:
    def test_title_shows_room_and_unread_count_and_is_restored(
        self, window: NotifierHarness
    ) -> None:
        assert window.title() == ["\x1b[22;2t", "\x1b]2;lobby\x07"]
        assert window.title() == []
        window.hear("one", "two", "three")
        assert window.title() == ["\x1b]2;(3) lobby\x07"]
        window.hear("four", focused=True, at_end=False)
        assert window.title() == ["\x1b]2;(4) lobby\x07"]
        window.hear("five", focused=True)
        assert window.title() == ["\x1b]2;lobby\x07"]
        window.attention.restore_title()
        window.attention.restore_title()
        assert window.sent() == ["\x1b]2;\x07\x1b[23;2t"]

    def test_title_counts_unread_messages_of_other_rooms(self, window: NotifierHarness) -> None:
        window.hear("one")
        window.model.apply(Joined("dev"))
        window.hear("two", focused=True)
        assert window.title()[-1] == "\x1b]2;(1) dev\x07"

    def test_title_escapes_and_truncates_room_name(self, window: NotifierHarness) -> None:
        window.model.apply(Joined("x\x1b]0;y\x07\x9bz" + "室" * 200))
        title = window.title()[-1].removeprefix("\x1b]2;").removesuffix("\x07")
        assert title.isprintable()
        assert cell_len(title) <= 80

    def test_title_is_restored_when_signed_out(self, window: NotifierHarness) -> None:
        window.title()
        window.model.apply(ConnectionChanged(ConnectionState.OFFLINE))
        assert window.title() == ["\x1b]2;\x07\x1b[23;2t"]
        assert window.title() == []

    def test_title_is_not_set_if_terminal_has_none(self, tmp_path: Path) -> None:
        window = NotifierHarness(tmp_path, TERM="linux")
        assert window.title() == []
        window.attention.restore_title()
        assert window.sent() == []


class TestMutedRoom:
    def test_muted_room_neither_notifies_nor_counts_as_unread(
        self, window: NotifierHarness
    ) -> None:
        assert window.attention.toggle_mute()
        assert window.attention.muted == {"lobby"}
        assert window.hear("alice!") == []
        assert window.title()[-1] == "\x1b]2;lobby\x07"
        window.model.apply(Joined("dev"))
        assert window.hear("alice!") == [BELL]
        window.model.apply(Joined("lobby"))
        assert not window.attention.toggle_mute()
        assert window.hear("alice!") == [BELL]

    def test_muted_room_is_stored_per_user_and_server(
        self, window: NotifierHarness, tmp_path: Path
    ) -> None:
        window.attention.toggle_mute()
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

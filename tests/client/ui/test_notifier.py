"""Calling somebody who looks elsewhere: the title, the bell, notifications, muted places."""

from __future__ import annotations

import stat
from datetime import datetime
from pathlib import Path

import pytest
from rich.cells import cell_len

from chat_server.wire.protocol import Message, Private
from chat_tui.config.settings import Settings
from chat_tui.events import (
    Announced,
    ConnectionChanged,
    ConnectionState,
    Joined,
    MessageArrived,
    SignedIn,
)
from chat_tui.model.chat_model import ChatModel
from chat_tui.storage.muted_store import Muted
from chat_tui.ui.notifier import Attention
from chat_tui.ui.terminal.notifications import TerminalCalls

BELL = "\x07"


class Window:
    """alice in the lobby, at a terminal whose sequences are kept."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.written: list[str] = []
        self.now = 100.0
        self.model = ChatModel(lambda: datetime(2026, 11, 22, 12))
        self.muted = Muted(folder)
        self.attention = Attention(
            self.model,
            self.muted,
            TerminalCalls(self.written.append, {"TERM": "xterm", **environment}),
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
        self.attention.attend(focused=focused, at_end=at_end)
        return self.sent()

    def title(self) -> list[str]:
        self.attention.show_title()
        return self.sent()

    def sent(self) -> list[str]:
        sent, self.written[:] = list(self.written), []
        return sent


@pytest.fixture
def window(tmp_path: Path) -> Window:
    return Window(tmp_path)


class TestTheBell:
    def test_rings_for_ones_name_where_nobody_looks(self, window: Window) -> None:
        assert window.hear("alice!") == [BELL]
        assert window.hear("nobody") == []
        assert window.hear("alice!", focused=True) == []
        assert window.hear("alice!", focused=True, at_end=False) == []
        assert window.hear("hm") == []  # what was heard while somebody looked rings no more

    def test_and_for_words_of_ones_own_and_what_is_said_to_one_alone(self, window: Window) -> None:
        window.attention.use(Settings(mention_words=("deploy",)))
        assert window.hear("a Deploy") == [BELL]
        window.model.apply(MessageArrived("lobby", Private("12:00:00", "bob", "alice", "psst")))
        assert window.hear() == [BELL]

    def test_is_rationed(self, window: Window) -> None:
        assert window.hear(*["alice!"] * 10) == [BELL] * 3
        window.now += 9.9
        assert window.hear("alice!") == []
        window.now += 0.1
        assert window.hear("alice!", "alice!") == [BELL]
        window.now += 3600
        assert window.hear(*["alice!"] * 10) == [BELL] * 3

    def test_is_a_setting(self, window: Window) -> None:
        window.attention.use(Settings(bell=False))
        assert window.hear("alice!") == []


class TestANotification:
    def test_only_where_it_is_switched_on_and_never_a_command_to_the_terminal(
        self, window: Window
    ) -> None:
        window.attention.use(Settings(bell=False, desktop_notification=True))
        (asked,) = window.hear("alice\x1b]0;x\x07 " + "long " * 99)
        assert asked.startswith("\x1b]9;Lobby: bob in lobby: alice␛]0;x␇ long")
        assert asked.endswith("…\x07")
        assert asked[1:-1].isprintable()
        assert len(asked) < 200
        window.model.apply(MessageArrived("lobby", Private("12:00:00", "4;1", "alice", "psst")))
        assert window.hear() == ["\x1b]9;Lobby: 4;1: psst\x07"]

    def test_in_tmux_it_is_passed_on(self, tmp_path: Path) -> None:
        window = Window(tmp_path, TMUX="/tmp/tmux-0/default,1,0")
        window.attention.use(Settings(desktop_notification=True))
        passed_on = "\x1bPtmux;\x1b\x1b]9;Lobby: bob in lobby: alice?\x07\x1b\\"
        assert window.hear("alice?") == [BELL, passed_on]


class TestAnAnnouncement:
    """It is addressed to everybody, wherever they are."""

    def test_rings_notifies_and_counts(self, window: Window) -> None:
        window.attention.use(Settings(desktop_notification=True))
        window.model.apply(Announced("dave", "back at noon\x1b]0;x\x07"))
        note = "\x1b]9;Lobby: Announcement from dave: back at noon␛]0;x␇\x07"
        assert window.hear() == [BELL, note]
        assert window.title()[-1] == "\x1b]2;(1) lobby\x07"
        window.hear(focused=True)
        assert window.title()[-1] == "\x1b]2;lobby\x07"

    def test_also_where_the_room_in_view_is_muted(self, window: Window) -> None:
        window.attention.turn_muted()
        window.model.apply(Announced("dave", "back at noon"))
        assert window.hear() == [BELL]

    def test_ones_own_calls_nobody(self, window: Window) -> None:
        window.model.apply(Announced("alice", "back at noon"))
        assert window.hear() == []


class TestTheTitle:
    def test_tells_room_and_number_and_is_brought_back(self, window: Window) -> None:
        assert window.title() == ["\x1b[22;2t", "\x1b]2;lobby\x07"]
        assert window.title() == []
        window.hear("one", "two", "three")
        assert window.title() == ["\x1b]2;(3) lobby\x07"]
        window.hear("four", focused=True, at_end=False)
        assert window.title() == ["\x1b]2;(4) lobby\x07"]
        window.hear("five", focused=True)
        assert window.title() == ["\x1b]2;lobby\x07"]
        window.attention.bring_back_title()
        window.attention.bring_back_title()
        assert window.sent() == ["\x1b]2;\x07\x1b[23;2t"]

    def test_counts_other_places_too(self, window: Window) -> None:
        window.hear("one")
        window.model.apply(Joined("dev"))
        window.hear("two", focused=True)
        assert window.title()[-1] == "\x1b]2;(1) dev\x07"

    def test_a_hostile_name_stays_a_name(self, window: Window) -> None:
        window.model.apply(Joined("x\x1b]0;y\x07\x9bz" + "室" * 200))
        title = window.title()[-1].removeprefix("\x1b]2;").removesuffix("\x07")
        assert title.isprintable()
        assert cell_len(title) <= 80

    def test_is_nothing_while_one_is_signed_out(self, window: Window) -> None:
        window.title()
        window.model.apply(ConnectionChanged(ConnectionState.OFFLINE))
        assert window.title() == ["\x1b]2;\x07\x1b[23;2t"]
        assert window.title() == []

    def test_is_left_alone_where_there_is_none(self, tmp_path: Path) -> None:
        window = Window(tmp_path, TERM="linux")
        assert window.title() == []
        window.attention.bring_back_title()
        assert window.sent() == []


class TestAMutedRoom:
    def test_calls_nobody_and_counts_for_nothing(self, window: Window) -> None:
        assert window.attention.turn_muted()
        assert window.attention.muted == {"lobby"}
        assert window.hear("alice!") == []
        assert window.title()[-1] == "\x1b]2;lobby\x07"
        window.model.apply(Joined("dev"))
        assert window.hear("alice!") == [BELL]
        window.model.apply(Joined("lobby"))
        assert not window.attention.turn_muted()
        assert window.hear("alice!") == [BELL]

    def test_is_remembered_for_this_user_at_this_server(
        self, window: Window, tmp_path: Path
    ) -> None:
        window.attention.turn_muted()
        again = Muted(tmp_path)
        assert again.places("127.0.0.1:9000", "alice") == {"lobby"}
        assert again.places("127.0.0.1:9000", "bob") == frozenset()
        assert again.places("127.0.0.1:9001", "alice") == frozenset()
        assert stat.S_IMODE((tmp_path / "muted.json").stat().st_mode) == 0o600

    def test_two_windows_do_not_undo_each_other(self, tmp_path: Path) -> None:
        one, other = Muted(tmp_path), Muted(tmp_path)
        one.turn("s:1", "alice", "dev")
        other.turn("s:1", "bob", "ops")
        assert Muted(tmp_path).places("s:1", "alice") == {"dev"}
        assert Muted(tmp_path).places("s:1", "bob") == {"ops"}

    @pytest.mark.parametrize(
        "content", [b"", b"[]", b"\xff", b'{"s:1 alice": 3}', b'{"s:1 alice": [3]}', b"[" * 9999]
    )
    def test_a_broken_file_mutes_nothing(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "muted.json").write_bytes(content)
        muted = Muted(tmp_path)
        assert muted.places("s:1", "alice") == frozenset()
        assert muted.turn("s:1", "alice", "dev")
        assert Muted(tmp_path).places("s:1", "alice") == {"dev"}

    def test_a_file_that_cannot_be_written_holds_as_long_as_the_client(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        muted = Muted(tmp_path / "file")
        assert muted.turn("s:1", "alice", "dev")
        assert muted.places("s:1", "alice") == {"dev"}
        assert not muted.turn("s:1", "alice", "dev")

"""The title of the terminal's window, and asking the terminal to call somebody."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

from chat_tui.ui.terminal.cells import cut

_TITLE_CELLS: Final = 80
_NOTE_CELLS: Final = 160

_SAVE: Final = "\x1b[22;2t"
_RESTORE: Final = "\x1b[23;2t"


class TerminalNotifier:
    """Sequences that are no part of the picture. All texts given to it are safe for a terminal."""

    def __init__(
        self, write: Callable[[str], None], environment: Mapping[str, str] = os.environ
    ) -> None:
        """`write` takes what is to reach the terminal between two pictures."""
        self._write = write
        # The Linux console has no title; its older versions print what they do not know.
        self._has_title = environment.get("TERM") not in {"linux", "dumb"}
        self._in_tmux = "TMUX" in environment
        self._title = ""

    def set_title(self, text: str) -> None:
        """Let the window be called so, until `restore_title`."""
        text = cut(text, _TITLE_CELLS)
        if text == self._title or not self._has_title:
            return
        if not self._title:
            self._write(_SAVE)
        self._title = text
        self._write(f"\x1b]2;{text}\x07")

    def restore_title(self) -> None:
        """The title is again what it was. May be called twice.

        Where a terminal keeps no titles, an empty one lets it choose its own.
        """
        if self._title:
            self._title = ""
            self._write(f"\x1b]2;\x07{_RESTORE}")

    def ring(self) -> None:
        """The bell."""
        self._write("\x07")

    def notify(self, text: str) -> None:
        """A notification of the desktop, by OSC 9; tmux passes it on where it is allowed to.

        It begins with a word of ours: some terminals take "4;…" for a command.
        """
        sequence = f"\x1b]9;Lobby: {cut(text, _NOTE_CELLS)}\x07"
        if self._in_tmux:
            sequence = f"\x1bPtmux;{sequence.replace(chr(27), chr(27) * 2)}\x1b\\"
        self._write(sequence)

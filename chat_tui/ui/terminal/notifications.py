"""The title of the terminal window, the bell, and desktop notifications."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

from chat_tui.ui.terminal.cells import cut

_TITLE_CELLS: Final = 80
_NOTIFICATION_CELLS: Final = 160

_SAVE: Final = "\x1b[22;2t"
_RESTORE: Final = "\x1b[23;2t"


def may_hide_focus(environment: Mapping[str, str]) -> bool:
    """Return True if the terminal may never report whether it has the focus.

    tmux reports it only with `focus-events on`, screen and the Linux console never.
    """
    term = environment.get("TERM", "")
    return bool({"TMUX", "STY"} & set(environment)) or term.startswith(("tmux", "screen", "linux"))


class TerminalNotifier:
    """A writer of control sequences to the terminal. Its callers pass safe texts only."""

    def __init__(
        self, write: Callable[[str], None], environment: Mapping[str, str] = os.environ
    ) -> None:
        """`write` sends text to the terminal between two updates of the screen."""
        self._write = write
        # The Linux console has no title. Its older versions print unknown sequences.
        self._has_title = environment.get("TERM") not in {"linux", "dumb"}
        self._in_tmux = "TMUX" in environment
        self._title = ""

    def set_title(self, text: str) -> None:
        """Set the title of the window until `restore_title`."""
        text = cut(text, _TITLE_CELLS)
        if text == self._title or not self._has_title:
            return
        if not self._title:
            self._write(_SAVE)
        self._title = text
        self._write(f"\x1b]2;{text}\x07")

    def restore_title(self) -> None:
        """Restore the former title. A second call does nothing.

        A terminal that does not save titles gets an empty one, so that it chooses its own.
        """
        if self._title:
            self._title = ""
            self._write(f"\x1b]2;\x07{_RESTORE}")

    def ring(self) -> None:
        """Ring the bell."""
        self._write("\x07")

    def notify(self, text: str) -> None:
        """Show a desktop notification with OSC 9. tmux forwards it if it is configured to.

        The text begins with a fixed prefix: some terminals take "4;…" for a command.
        """
        sequence = f"\x1b]9;Lobby: {cut(text, _NOTIFICATION_CELLS)}\x07"
        if self._in_tmux:
            sequence = f"\x1bPtmux;{sequence.replace(chr(27), chr(27) * 2)}\x1b\\"
        self._write(sequence)

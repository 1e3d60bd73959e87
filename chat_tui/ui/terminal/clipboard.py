"""Copying to the terminal's clipboard, and to a file if the terminal may not support it.

The client sends the text with OSC 52. A terminal never answers it, so the client cannot know
whether the copy succeeded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from textual.message import Message

from chat_tui.storage import write_private

_FILE: Final = "copied.txt"

MAX_OSC_52_BYTES: Final = 50_000
"""Most bytes that every terminal with OSC 52 accepts: some stop at 74,994 bytes of base64."""

# How terminals that accept OSC 52 by default identify themselves.
_PROGRAMS: Final = frozenset({"WezTerm", "ghostty", "rio", "contour", "WarpTerminal"})
_TERMS: Final = frozenset({"xterm-kitty", "xterm-ghostty", "alacritty", "foot", "contour", "rio"})
_VARIABLES: Final = ("KITTY_WINDOW_ID", "WEZTERM_PANE", "WT_SESSION", "ALACRITTY_WINDOW_ID")


@dataclass
class CopyRequested(Message):
    """The user asked to copy this text. The message bubbles up to the app."""

    text: str


class ClipboardApp(Protocol):
    """The part of the app that copying needs."""

    def copy_to_clipboard(self, text: str) -> None:
        """Send `text` to the terminal with OSC 52."""

    def key_of(self, action: str, usual: str) -> str:
        """Return the key of `action` as it is shown."""

    def notify(self, message: str) -> None:
        """Show a notice."""


def supports_osc_52(environment: Mapping[str, str]) -> bool:
    """Return True if the environment names a terminal that accepts OSC 52 by default.

    tmux and screen do not forward it unless they are configured to.
    """
    term = environment.get("TERM", "")
    if "TMUX" in environment or "STY" in environment or term.startswith(("tmux", "screen")):
        return False
    named = environment.get("TERM_PROGRAM") in _PROGRAMS or term in _TERMS
    return named or any(name in environment for name in _VARIABLES)


def copy_to_clipboard(
    app: ClipboardApp, request: CopyRequested, folder: Path, environment: Mapping[str, str]
) -> None:
    """Send the text to the terminal and notify the user.

    If the terminal may not accept it, also write the text to a file in `folder` and name the file.
    """
    app.copy_to_clipboard(request.text)
    is_supported = supports_osc_52(environment) and len(request.text.encode()) <= MAX_OSC_52_BYTES
    notice = "Copied."
    if not is_supported:
        path = folder / _FILE
        try:
            write_private(path, request.text + "\n")
        except OSError:
            key = app.key_of("mouse", "F7")
            notice += f" If pasting does not work, press {key} and select the text with the mouse."
        else:
            notice += f" If pasting does not work, see {_format_path(path)}."
    app.notify(notice)


def _format_path(path: Path) -> str:
    """Return a path as the user types it into a shell, with `~` for the home folder."""
    home = os.path.expanduser("~")
    return str(path).replace(home, "~", 1) if path.is_relative_to(home) else str(path)

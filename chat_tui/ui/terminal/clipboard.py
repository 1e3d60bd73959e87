"""What is copied goes to the terminal's clipboard, and beside it where that is not sure to work.

A terminal is asked by OSC 52 and never answers: nobody can know whether it took the text.
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
"""Bytes that terminals which know OSC 52 take at once: some stop at 74,994, encoded in base64."""

# What terminals that take OSC 52 without being asked to say of themselves.
_PROGRAMS: Final = frozenset({"WezTerm", "ghostty", "rio", "contour", "WarpTerminal"})
_TERMS: Final = frozenset({"xterm-kitty", "xterm-ghostty", "alacritty", "foot", "contour", "rio"})
_VARIABLES: Final = ("KITTY_WINDOW_ID", "WEZTERM_PANE", "WT_SESSION", "ALACRITTY_WINDOW_ID")


@dataclass
class CopyRequested(Message):
    """Somebody wants this text in the clipboard. Bubbles up to the app."""

    text: str
    note: str = ""
    """What they have to know about it, beside where it went."""


class ClipboardApp(Protocol):
    """The part of the app that copying needs."""

    def copy_to_clipboard(self, text: str) -> None:
        """Send `text` to the terminal with OSC 52."""

    def key_of(self, action: str, usual: str) -> str:
        """Return the key of `action` as it is shown."""

    def notify(self, message: str) -> None:
        """Show a notice."""


def supports_osc_52(environment: Mapping[str, str]) -> bool:
    """Whether the terminal is one of those that take a clipboard text, as far as it tells.

    tmux and screen stand between, and pass nothing on unless they are told to.
    """
    term = environment.get("TERM", "")
    if "TMUX" in environment or "STY" in environment or term.startswith(("tmux", "screen")):
        return False
    named = environment.get("TERM_PROGRAM") in _PROGRAMS or term in _TERMS
    return named or any(name in environment for name in _VARIABLES)


def copy_to_clipboard(
    app: ClipboardApp, request: CopyRequested, folder: Path, environment: Mapping[str, str]
) -> None:
    """Send the text to the terminal, keep it in `folder` where that may fail, and say which."""
    app.copy_to_clipboard(request.text)
    sure = supports_osc_52(environment) and len(request.text.encode()) <= MAX_OSC_52_BYTES
    words = "Sent to the terminal's clipboard."
    if not sure:
        path = folder / _FILE
        try:
            write_private(path, request.text + "\n")
        except OSError:
            key = app.key_of("mouse", "F7")
            words += f" If it is not there, press {key} and select with the terminal's own mouse."
        else:
            words += f" Yours may not take it: it is in {_format_path(path)}, too."
    app.notify(f"{words} {request.note}".strip())


def _format_path(path: Path) -> str:
    """A path as one types it into a shell."""
    home = os.path.expanduser("~")
    return str(path).replace(home, "~", 1) if path.is_relative_to(home) else str(path)

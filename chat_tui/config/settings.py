"""The settings of the client: their names, types and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings in force. Each field is a key of the settings file.

    They apply when the client starts, and again when the user reloads the file (F5).
    """

    theme: str = "lobby-dark"
    keys: Mapping[str, str] = field(default_factory=dict)
    """Action id -> keys, separated by commas. They replace the default keys of the action."""
    mouse: bool = True
    """True if the client uses the mouse. If False, the terminal selects text as usual."""
    mention_words: tuple[str, ...] = ()
    """Words that count as a mention, in addition to the user's name. Case is ignored."""
    bell: bool = True
    """True if a mention rings the terminal's bell while the terminal is not in front."""
    desktop_notification: bool = False
    """True if a mention also asks the terminal for a desktop notification (OSC 9). Not all
    terminals support it, and some print it."""
    log_folder: Path | None = None
    """The folder of the chat logs, one file per room. None: no logs are written."""
    comings_and_goings: bool = True
    """True if the log shows that people joined and left the room."""
    rooms_width: int | None = None
    """Cells of the list of rooms, 12 to 40. None: as wide as its content needs, 12 to 24."""
    people_width: int | None = None
    """Cells of the list of people, 12 to 40. None: as wide as its content needs, 12 to 24."""
    stand_ins: bool = True
    """True if stand-ins replace the characters whose width terminals disagree about, such as
    joined emoji or the vowel signs of Hindi. If False, all text is drawn as it was sent, and some
    borders may be misaligned."""

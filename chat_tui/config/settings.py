"""What a person may set for themselves: every setting of the client, its default and its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """In force from the start of the client, or from the moment the file is read again."""

    theme: str = "lobby-dark"
    keys: Mapping[str, str] = field(default_factory=dict)
    """Action id -> keys, comma separated, in place of those the action has by itself."""
    mouse: bool = True
    """Whether the client takes the mouse; without, the terminal selects text as it always does."""
    mention_words: tuple[str, ...] = ()
    """What counts as addressed to one, beside one's own name; case does not matter."""
    bell: bool = True
    """Whether a mention rings the terminal's bell while somebody looks elsewhere."""
    desktop_notification: bool = False
    """Whether it also asks the terminal to notify (OSC 9); not all do, and some print it."""
    log_folder: Path | None = None
    """Where what is said is written to, one file a room; None: nowhere."""
    stand_ins: bool = True
    """Whether something else is drawn for what terminals disagree about, like joined emoji or the
    vowel signs of Hindi; without, all is drawn as it is, and some borders may be bent."""

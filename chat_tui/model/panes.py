"""Pane: the parts of the screen, as the model names them. Pure."""

from __future__ import annotations

from enum import Enum, auto


class Pane(Enum):
    """A part of the screen that may have to be drawn again."""

    ROOMS = auto()
    LOG = auto()
    PEOPLE = auto()
    STATUS = auto()
    COMPOSER = auto()
    FOUND = auto()
    """What a search in the server's history has found."""

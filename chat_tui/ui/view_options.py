"""ViewOptions: how the user wants the chat screen to look, from the settings and from keys."""

from __future__ import annotations

from dataclasses import dataclass

from chat_tui.config import Settings


@dataclass
class ViewOptions:
    """Options of the chat screen. Keys change them until the settings are read again."""

    comings_and_goings: bool = True
    """True if the log shows that people joined and left."""
    rooms_width: int | None = None
    """Cells of the list of rooms. None: as wide as its content needs."""
    people_width: int | None = None
    """Cells of the list of people. None: as wide as its content needs."""

    def apply(self, settings: Settings) -> None:
        """Use the options of the settings file."""
        self.comings_and_goings = settings.comings_and_goings
        self.rooms_width = settings.rooms_width
        self.people_width = settings.people_width

"""ThemeChoice: previews themes in the palette and keeps the chosen one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from chat_tui.storage import ClientState
from chat_tui.ui.palette_entry import PaletteEntry
from chat_tui.ui.settings_manager import SettingsManager

if TYPE_CHECKING:
    from chat_tui.ui.base_app import BaseApp


class ThemeChoice:
    """The theme that the user chose. It is stored in the client's state, not in the settings file.

    The user writes the settings file, with comments, so the client never changes it. A theme that
    the file sets is in force again at the next start.
    """

    def __init__(self, app: BaseApp, settings: SettingsManager, state: ClientState) -> None:
        self._app = app
        self._settings = settings
        self._state = state
        self._chosen: str | None = None  # the theme before the previews; None: there was none

    def entries(self) -> Sequence[PaletteEntry]:
        """Return one entry per theme: the one in use, the client's own, and the others."""
        current = self._chosen or self._app.theme
        names = sorted(
            self._app.available_themes,
            key=lambda name: (name != current, _group(name), name),
        )
        return [
            PaletteEntry(
                "theme",
                name,
                "in use" if name == current else "",
                partial(self.keep, name),
                partial(self._preview, name),
            )
            for name in names
        ]

    def end_preview(self) -> None:
        """Use the theme again that was in force before the previews."""
        if self._chosen is not None:
            self._app.theme, self._chosen = self._chosen, None

    def _preview(self, name: str) -> None:
        if self._chosen is None:
            self._chosen = self._app.theme
        self._app.theme = self._settings.drawable_theme(name)

    def keep(self, name: str) -> None:
        """Use this theme from now on."""
        self._chosen = None
        self._app.theme = self._settings.drawable_theme(name)
        kept = self._state.keep_theme(name)
        self._settings.chosen_theme = name
        line = self._settings.theme_line
        if not kept:
            return  # the state reports why
        if line is not None:
            path = self._settings.configuration.path
            self._app.notify(
                f"{name} is used until the end: line {line} of {path} sets another theme.",
                severity="warning",
            )
        else:
            self._app.notify(f"{name} is used from now on.")


def _group(name: str) -> int:
    """Return the place of a theme's group: the client's own, those of few colours, the others."""
    return 0 if name.startswith("lobby-") else 1 if name.startswith("ansi-") else 2

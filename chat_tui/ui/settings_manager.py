"""SettingsManager: applies the configuration to the app, at the start and after F5."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from chat_tui.config import ConfigProblem, Configuration, load
from chat_tui.ui.theme import ANSI_FALLBACK, DARK, custom_theme

if TYPE_CHECKING:
    from chat_tui.ui.base_app import BaseApp

_MAX_PROBLEMS_SHOWN: Final = 3
"""Problems that get a notice each. A last notice gives the number of the others."""

_PROBLEM_SECONDS: Final = 20.0
"""Seconds for which a problem is shown: time to read it and to find it in the file."""


class SettingsManager:
    """The configuration in force. It finds the problems that only the app can find."""

    def __init__(self, app: BaseApp, configuration: Configuration, chosen_theme: str = "") -> None:
        """`chosen_theme`: the theme that the user chose in the palette, "" if none."""
        self._app = app
        self.chosen_theme = chosen_theme
        self.configuration = configuration
        self._apply_appearance()

    def reload(self) -> None:
        """Read the file again, apply it and report its problems.

        If no line of the file can be read, nothing changes.
        """
        loaded = load(self.configuration.path)
        if loaded.problems and not loaded.lines:
            self._show_problems(loaded.problems)
            self._app.notify("Nothing was changed.")
            return
        self.configuration = loaded
        self._apply_appearance()
        has_problems = self.apply_keys()
        if not loaded.exists:
            self._app.notify(
                f"There is no {loaded.path}: the defaults are in force. "
                "`chat-tui config` explains the file.",
                timeout=_PROBLEM_SECONDS,
            )
        elif not has_problems:
            self._app.notify(f"Read {loaded.path} again: theme {self._app.theme}")

    def apply_keys(self) -> bool:
        """Apply the keys and report all problems. Return True if there are problems.

        Call it after the first frame: it has to import all screens to know all actions.
        """
        problems = [*self.configuration.problems]
        problems += theme_problem(self.configuration, self._app.available_themes)
        keys: dict[str, str] = {}
        if self.configuration.settings.keys:
            from chat_tui.ui.keymap import usable_keys

            keys, key_problems = usable_keys(self.configuration)
            problems += key_problems
        self._app.set_keymap(keys)
        self._show_problems(problems)
        return bool(problems)

    @property
    def theme_line(self) -> int | None:
        """The line of the settings file that sets the theme, None if it sets none."""
        return self.configuration.lines.get(("theme",))

    def drawable_theme(self, name: str) -> str:
        """Return the theme, or the one that replaces it on a terminal with sixteen colours.

        With `NO_COLOR` it is always the same: `NoColorFilter` knows how its backgrounds differ.
        """
        if self._app.no_color:
            return DARK.name
        few = self._app.console.color_system == "standard"
        return ANSI_FALLBACK.get(name, name) if few else name

    def _apply_appearance(self) -> None:
        """Apply colours and replacement characters, before anything is drawn in other colours."""
        settings, app = self.configuration.settings, self._app
        app.width_filter.enabled = settings.stand_ins
        for theme in self.configuration.themes:
            app.register_theme(custom_theme(theme.name, theme.base, theme.colours))
        if "TEXTUAL_THEME" not in os.environ:
            app.theme = DARK.name  # a changed theme of the same name has to count as a change
            wanted = settings.theme
            if self.theme_line is None and self.chosen_theme in app.available_themes:
                wanted = self.chosen_theme
            wanted = self.drawable_theme(wanted)
            if wanted in app.available_themes:
                app.theme = wanted

    def _show_problems(self, problems: Iterable[ConfigProblem]) -> None:
        messages = [str(problem) for problem in problems]
        for message in messages[:_MAX_PROBLEMS_SHOWN]:
            self._app.notify(message, severity="warning", timeout=_PROBLEM_SECONDS)
        if len(messages) > _MAX_PROBLEMS_SHOWN:
            more = f"And {len(messages) - _MAX_PROBLEMS_SHOWN} more: `chat-tui config` lists all."
            self._app.notify(more, severity="warning", timeout=_PROBLEM_SECONDS)


def theme_problem(configuration: Configuration, known: Iterable[str]) -> list[ConfigProblem]:
    """Return the problem of a theme that is not in `known`, an empty list if it is."""
    from difflib import get_close_matches

    known, wanted = list(known), configuration.settings.theme
    if wanted in known:
        return []
    near = get_close_matches(wanted, known, 1, 0.5)
    hint = f"Did you mean {near[0]}?" if near else f"Choose one of: {', '.join(sorted(known))}"
    return [configuration.problem_at(("theme",), f"no theme is called {wanted!r}", hint)]

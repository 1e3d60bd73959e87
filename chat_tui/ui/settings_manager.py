"""OwnSettings: what a person set for themselves takes hold of the app, at the start and by F5."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from chat_tui.config import ConfigProblem, Configuration, load
from chat_tui.ui.theme import ANSI_FALLBACK, DARK, custom_theme

if TYPE_CHECKING:
    from chat_tui.ui.base_app import BaseApp

_MAX_PROBLEMS_SHOWN: Final = 3
"""Mistakes that are told one by one; of more there is only the number."""

_PROBLEM_SECONDS: Final = 20.0
"""How long a mistake stands on the screen: it has to be read, and found in the file."""


class SettingsManager:
    """The configuration in force, and what of it only the app can judge."""

    def __init__(self, app: BaseApp, configuration: Configuration) -> None:
        self._app = app
        self.configuration = configuration
        self._apply_appearance()

    def reload(self) -> None:
        """Read the file, put it in force, say so, and what is wrong with it.

        A file that can't be read at all changes nothing.
        """
        found = load(self.configuration.path)
        if found.problems and not found.lines:
            self._show_problems(found.problems)
            self._app.notify("Nothing was changed.")
            return
        self.configuration = found
        self._apply_appearance()
        wrong = self.apply_keys()
        if not found.exists:
            words = f"There is no {found.path}: all is as it comes. `chat-tui config` says more."
            self._app.notify(words, timeout=_PROBLEM_SECONDS)
        elif not wrong:
            self._app.notify(f"Read {found.path} again: theme {self._app.theme}")

    def apply_keys(self) -> bool:
        """Put the keys in force, and tell all that is wrong; whether anything is.

        To be called once something is drawn: to know all actions takes a moment.
        """
        problems = [*self.configuration.problems]
        problems += theme_problem(self.configuration, self._app.available_themes)
        keys: dict[str, str] = {}
        if self.configuration.settings.keys:
            from chat_tui.ui.keymap import usable_keys

            keys, wrong = usable_keys(self.configuration)
            problems += wrong
        self._app.set_keymap(keys)
        self._show_problems(problems)
        return bool(problems)

    def _apply_appearance(self) -> None:
        """Colours and signs, as early as can be: nothing is drawn in other colours first."""
        settings, app = self.configuration.settings, self._app
        app.width_filter.enabled = settings.stand_ins
        for theme in self.configuration.themes:
            app.register_theme(custom_theme(theme.name, theme.base, theme.colours))
        if "TEXTUAL_THEME" not in os.environ:
            app.theme = DARK.name  # so that one of the same name and other colours is another one
            wanted = settings.theme
            if app.console.color_system == "standard":
                wanted = ANSI_FALLBACK.get(wanted, wanted)
            if wanted in app.available_themes:
                app.theme = wanted

    def _show_problems(self, problems: Iterable[ConfigProblem]) -> None:
        words = [str(problem) for problem in problems]
        for one in words[:_MAX_PROBLEMS_SHOWN]:
            self._app.notify(one, severity="warning", timeout=_PROBLEM_SECONDS)
        if len(words) > _MAX_PROBLEMS_SHOWN:
            more = f"And {len(words) - _MAX_PROBLEMS_SHOWN} more: `chat-tui config` lists all."
            self._app.notify(more, severity="warning", timeout=_PROBLEM_SECONDS)


def theme_problem(configuration: Configuration, known: Iterable[str]) -> list[ConfigProblem]:
    """Why the theme of the file can't be had, if so."""
    from difflib import get_close_matches

    known, wanted = list(known), configuration.settings.theme
    if wanted in known:
        return []
    near = get_close_matches(wanted, known, 1, 0.5)
    cure = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(sorted(known))}"
    return [configuration.problem_at(("theme",), f"no theme is called {wanted!r}", cure)]
